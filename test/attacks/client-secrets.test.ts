/** Attacks on agents that authenticate with a secret: guessed, weak, copied, moved, stolen, flooded. */
import { createHash } from 'node:crypto';
import { canonicalBytes, encodeStatement, signStatement } from '@countersign/authority';
import { dpopProof, type SigningKey } from '@countersign/client';
import type { Statement } from '@countersign/contract';
import { hashArgon2id } from '@countersign/tokens';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { envelopeOf, newId, newKey } from '../support/people.ts';
import { refused } from '../support/refusal.ts';
import { draftSecretAgent, registerSecretAgent } from '../support/secret-agent.ts';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const SELECT = { operations: ['postgres:select'], resources: ['public.bookings'] };
const DELETE = details(['postgres:delete'], ['public.bookings']);
const REFUSED = { status: 401, error: 'invalid_client', code: 'unauthenticated' };

let deployment: Deployment;
let etl: Awaited<ReturnType<typeof registerSecretAgent>>;
let url: string;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  etl = await registerSecretAgent(deployment, 'etl');
  await deployment.grant({ ...SELECT, agent: 'etl' });
  url = deployment.broker.url;
});
afterAll(async () => {
  await deployment.stop();
});

async function post(
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
) {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }),
  });
  const body: unknown = await answer.json();
  return { ...Object(body), status: answer.status };
}

const proofBy = async (key: SigningKey) =>
  await dpopProof(key, {
    method: 'POST',
    url: `${url}/oauth/token`,
    now: Date.now(),
    accessToken: null,
  });

const enter = (id: string, secret: string) => post({ client_id: id, client_secret: secret });

async function propose(statement: Statement) {
  const { alice } = deployment;
  const envelope = await envelopeOf(statement, alice.privateJwk);
  return await alice.client.call('propose', { body: { envelope } });
}

describe('a secret', () => {
  test('of nobody and a wrong one of somebody get the same words', async () => {
    const wrong = `countersign_secret_${'A'.repeat(88)}`;
    const [known, byId, unknown, keyed] = await Promise.all(
      ['etl', etl.id, 'nobody', 'cursor'].map((id) => enter(id, wrong)),
    );
    expect(known).toMatchObject(REFUSED);
    expect([byId, unknown, keyed]).toEqual([known, known, known]);
    expect(await enter('nobody', etl.secret.reveal())).toEqual(known);
  });

  test('cut short, gone on with, in another case, with a character changed', async () => {
    const good = etl.secret.reveal();
    const altered = `${good.slice(0, 40)}${good[40] === 'A' ? 'B' : 'A'}${good.slice(41)}`;
    for (const bad of [good.slice(0, -1), `${good}A`, good.toUpperCase(), altered, ` ${good}`]) {
      expect(await enter('etl', bad)).toMatchObject(REFUSED);
    }
    expect((await enter('etl', good)).status).toBe(200);
  });

  test('of one agent is nothing at another', async () => {
    await registerSecretAgent(deployment, 'neighbour');
    expect(await enter('neighbour', etl.secret.reveal())).toMatchObject(REFUSED);
    expect(await enter('cursor', etl.secret.reveal())).toMatchObject(REFUSED);
  });

  test('that was drafted and never signed for is nobody’s', async () => {
    const { statement, secret } = await draftSecretAgent(deployment.alice, 'never');
    expect(await enter('never', secret.reveal())).toMatchObject(REFUSED);
    expect(await enter(statement.id, secret.reveal())).toMatchObject(REFUSED);
  });

  test('of an earlier draft of the same agent is another secret', async () => {
    const id = newId();
    const early = await draftSecretAgent(deployment.alice, 'twice', { id });
    const late = await draftSecretAgent(deployment.alice, 'twice', { id });
    await propose(late.statement);
    expect(await enter('twice', early.secret.reveal())).toMatchObject(REFUSED);
    expect((await enter('twice', late.secret.reveal())).status).toBe(200);
  });

  test('in the query, beside the form', async () => {
    const answer = await fetch(`${url}/oauth/token?client_secret=x`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'etl' }),
    });
    expect(answer.status).toBe(400);
  });

  test('as a Bearer token', async () => {
    const authorization = `Bearer ${etl.secret.reveal()}`;
    const answer = await fetch(`${url}/v1/me`, { headers: { authorization } });
    expect(answer.status).toBe(401);
    expect(await post({}, { authorization })).toMatchObject(REFUSED);
  });

  test('as the secret of a client assertion (HS256)', async () => {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + 60;
    const claims = { iss: 'etl', sub: 'etl', aud: url, jti: 'h', exp };
    const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
    const mac = createHash('sha256').update(etl.secret.reveal()).update(signed).digest('base64url');
    const answer = await post({
      client_id: 'etl',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: `${signed}.${mac}`,
    });
    expect(answer).toMatchObject(REFUSED);
  });
});

describe('an admin’s own program', () => {
  const registration = async (name: string, secret_hash: string): Promise<Statement> => {
    const { statement } = await draftSecretAgent(deployment.alice, name);
    if (statement.kind !== 'agent.register') throw new Error('it drafted something else');
    return {
      ...statement,
      body: { ...statement.body, auth: { method: 'client_secret', secret_hash } },
    };
  };

  test('cannot have the broker draft a hash of its own choice', async () => {
    const chosen = {
      method: 'client_secret',
      secret_hash: await hashArgon2id(Buffer.from('hunter2'), Buffer.alloc(16)),
    };
    const answer = await deployment.alice.client
      // Another client than ours sends what it likes.
      .call('draft', {
        body: {
          kind: 'agent.register',
          id: newId(),
          body: { name: 'weak', auth: chosen },
        } as never,
      })
      .catch((error: { code?: string }) => error.code);
    expect(answer).toBe('invalid_request');
  });

  test('signs the hash of a weak secret, and nobody can use it', async () => {
    const hash = await hashArgon2id(Buffer.from('hunter2'), Buffer.alloc(16));
    expect(await propose(await registration('weak', hash))).toMatchObject({ status: 'complete' });
    expect(await enter('weak', 'hunter2')).toMatchObject(REFUSED);
  });

  test('copies another agent’s hash, and its secret opens nothing there', async () => {
    const { payload } = await deployment.alice.client.call('statement', { params: { id: etl.id } });
    const hash = JSON.parse(Buffer.from(payload, 'base64url').toString()).body.auth.secret_hash;
    expect(await propose(await registration('copy', hash))).toMatchObject({ status: 'complete' });
    expect(await enter('copy', etl.secret.reveal())).toMatchObject(REFUSED);
    expect((await enter('etl', etl.secret.reveal())).status).toBe(200);
  });

  test('cannot sign a hash that is a bill for whoever verifies it', async () => {
    const hash = await hashArgon2id(Buffer.from('x'), Buffer.alloc(16));
    for (const costly of ['m=4194304,t=2,p=1', 'm=19456,t=4294967295,p=1', 'm=19456,t=2,p=255']) {
      // Our own client would not even sign it: the bytes are made by hand.
      const good = await registration('costly', hash);
      const text = Buffer.from(canonicalBytes(good)).toString();
      const bytes = Buffer.from(text.replace('m=19456,t=2,p=1', costly));
      const payload = bytes.toString('base64url');
      const decoded = { ...encodeStatement(good), payload, bytes };
      const signatures = [await signStatement(decoded, deployment.alice.privateJwk)];
      const envelope = { payload, signatures, assertions: [] };
      await refused(
        deployment.alice.client.call('propose', { body: { envelope } }),
        'invalid_request',
      );
    }
  });
});

test('an approver has no secrets made', async () => {
  await refused(draftSecretAgent(deployment.bob, 'collected'), 'forbidden');
});

test('a stolen secret that brings its own DPoP key to a delete-capable grant', async () => {
  const { alice, bob } = deployment;
  const { key } = await newKey('the key that humans signed for');
  const asked = await etl.as(key).ask({ authorization_details: DELETE, reason: 'old rows' });
  const { id } = await alice.propose({
    kind: 'grant.create',
    body: { request: asked.id, reason: 'ok' },
  });
  await bob.sign(id);

  const thief = await newKey('a key the thief brought');
  const wanted = { authorization_details: JSON.stringify(DELETE) };
  const stolen = { client_id: 'etl', client_secret: etl.secret.reveal(), ...wanted };
  expect(await post(stolen, { dpop: await proofBy(thief.key) })).toMatchObject({
    code: 'sender_mismatch',
  });
  expect(await post(stolen)).toMatchObject({ code: 'sender_mismatch' });
  // A token bound to the thief's key is refused at the exchange as well, whatever it names.
  const plain = await etl.as(thief.key).token(details(SELECT.operations, SELECT.resources));
  await refused(etl.as(thief.key).exchange(plain, DELETE), 'not_granted');
  // The grant was good all along.
  expect((await etl.as(key).token(DELETE)).key).toBe(key);
});

test('a secret of one agent beside the token of another, at the exchange', async () => {
  const { token } = await deployment.cursor.agent.token(null);
  const form = {
    grant_type: EXCHANGE,
    subject_token: token.reveal(),
    subject_token_type: ACCESS_TOKEN,
  };
  const proof = async () => ({ dpop: await proofBy(deployment.cursor.key) });
  const theirs = { ...form, client_id: 'etl', client_secret: etl.secret.reveal() };
  expect(await post(theirs, await proof())).toMatchObject(REFUSED);
  // The empty token itself is good: without the wrong client it is only worth nothing.
  expect(await post(form, await proof())).toMatchObject({ code: 'not_granted' });
});

test('a flood of made-up secrets fills no ledger', async () => {
  const { alice } = deployment;
  const sizeOf = async () => {
    const { items } = await alice.client.call('auditEntries', { query: { limit: 1 } });
    return items[0]?.index ?? 0;
  };
  const before = await sizeOf();
  for (let i = 0; i < 20; i += 1) {
    await Promise.all(
      Array.from({ length: 20 }, (_, k) =>
        enter('etl', `countersign_secret_${'A'.repeat(86)}${i % 10}${k % 10}`),
      ),
    );
  }
  // At most the sum of a minute that happened to end, and what the server does by itself.
  expect((await sizeOf()) - before).toBeLessThan(10);
});
