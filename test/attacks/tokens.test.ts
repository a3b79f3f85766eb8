/** Attacks on tokens, assertions and proofs, over HTTP, named after the flaw they repeat. */
import { clientAssertion, createAgent, createClient, dpopProof } from '@countersign/client';
import { OAuthProblem } from '@countersign/contract';
import { Secret } from '@countersign/core';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Deployment,
  deploy,
  details,
  grantDraft,
  type TestAgent,
} from '../support/deployment.ts';
import { newKey } from '../support/people.ts';
import { refused } from '../support/refusal.ts';

const CLIENT_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const SELECT = { operations: ['postgres:select'], resources: ['public.bookings'] };

let deployment: Deployment;
let other: TestAgent;
let url: string;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  other = await deployment.registerAgent('other');
  await deployment.grant(SELECT);
  url = deployment.broker.url;
});
afterAll(async () => {
  await deployment.stop();
});

async function post(
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; code: string; error: string }> {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form),
  });
  const body = OAuthProblem.partial().parse(await answer.json());
  return { status: answer.status, code: String(body.code), error: String(body.error) };
}

/** A client assertion with claims and header of the attacker's choice, by a key of theirs. */
async function assertion(
  key: { privateKey: Parameters<SignJWT['sign']>[0] },
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return await new SignJWT({
    iss: 'cursor',
    sub: 'cursor',
    aud: url,
    iat: now,
    exp: now + 60,
    jti: crypto.randomUUID(),
    ...claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'client-authentication+jwt', ...header })
    .sign(key.privateKey);
}

async function authenticateWith(text: string) {
  return await post({
    grant_type: 'client_credentials',
    client_assertion_type: CLIENT_ASSERTION,
    client_assertion: text,
  });
}

describe('client assertions', () => {
  test('an honest one passes, so that the refusals below mean something', async () => {
    const { cursor } = deployment;
    expect((await authenticateWith(await assertion(cursor.key))).status).toBe(200);
  });

  test.each([
    ['for another broker', { aud: 'https://elsewhere.example' }],
    ['for a list of audiences', { aud: ['https://elsewhere.example'] }],
    ['with a life of a year', { exp: Math.floor(Date.now() / 1000) + 31_536_000 }],
    ['that has expired', { exp: Math.floor(Date.now() / 1000) - 1 }],
    ['without an end', { exp: undefined }],
    ['without an id', { jti: undefined }],
    ['with an id that no database can hold', { jti: 'a\0b' }],
    ['with an id that is no Unicode text', { jti: 'a\ud800' }],
    ['by an agent nobody registered', { iss: 'nobody', sub: 'nobody' }],
    ['in the name of another agent', { iss: 'other', sub: 'other' }],
    ['whose issuer is not its subject', { iss: 'other' }],
  ])('%s', async (_, claims) => {
    const text = await assertion(deployment.cursor.key, claims);
    expect(await authenticateWith(text)).toEqual({
      status: 401,
      code: 'unauthenticated',
      error: 'invalid_client',
    });
  });

  test.each([
    ['typ of an access token', { typ: 'at+jwt' }],
    ['typ of a proof', { typ: 'dpop+jwt' }],
    ['typ of a statement', { typ: 'countersign-statement+jws' }],
    ['crit', { crit: ['exp'] }],
    ['a jku', { jku: 'https://elsewhere.example/jwks.json' }],
  ])('with %s in its header', async (_, header) => {
    const text = await assertion(deployment.cursor.key, {}, header).catch(() => 'not even made');
    expect((await authenticateWith(text)).status).toBe(401);
  });

  test('with an embedded jwk of the attacker', async () => {
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    const text = await assertion(pair, {}, { jwk });
    expect((await authenticateWith(text)).status).toBe(401);
  });

  test('with alg none', async () => {
    const text = new UnsecuredJWT({ iss: 'cursor', sub: 'cursor', aud: url, jti: 'x' })
      .setExpirationTime('1m')
      .encode();
    expect((await authenticateWith(text)).status).toBe(401);
  });

  test('with HS256 under the public key', async () => {
    const now = Math.floor(Date.now() / 1000);
    const text = await new SignJWT({
      iss: 'cursor',
      sub: 'cursor',
      aud: url,
      exp: now + 60,
      jti: 'h',
    })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(JSON.stringify(deployment.cursor.key.publicJwk)));
    expect((await authenticateWith(text)).status).toBe(401);
  });

  test('played twice', async () => {
    const text = await assertion(deployment.cursor.key);
    expect((await authenticateWith(text)).status).toBe(200);
    expect(await authenticateWith(text)).toMatchObject({ status: 401, code: 'replayed' });
  });

  test('two parameters of one name, and one in the query', async () => {
    const answer = await fetch(`${url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials&grant_type=client_credentials',
    });
    expect(answer.status).toBe(400);
    const query = await fetch(`${url}/oauth/token?grant_type=client_credentials`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    });
    expect(query.status).toBe(400);
  });
});

describe('authorization_details that two parsers could read as two requests', () => {
  const where = '"type":"countersign","connection":"pg-staging","environment":"staging"';
  const select = '"operations":["postgres:select"],"resources":["public.bookings"]';

  async function ask(text: string) {
    return await post({
      grant_type: 'client_credentials',
      client_assertion_type: CLIENT_ASSERTION,
      client_assertion: await assertion(deployment.cursor.key),
      authorization_details: text,
    });
  }

  test('an honest one passes', async () => {
    expect(await ask(`[{${where},${select}}]`)).toMatchObject({ status: 200 });
  });

  test.each([
    [
      'a member twice, the dangerous one first',
      `[{${where},"operations":["postgres:delete"],${select}}]`,
    ],
    [
      'a member twice, once escaped',
      `[{${where},"\\u006fperations":["postgres:delete"],${select}}]`,
    ],
    ['a byte order mark', `\ufeff[{${where},${select}}]`],
    ['__proto__', `[{${where},"__proto__":{"grant":null},${select}}]`],
  ])('%s', async (_, text) => {
    expect(await ask(text)).toEqual({
      status: 400,
      code: 'unparseable_request',
      error: 'invalid_authorization_details',
    });
  });
});

describe('access tokens', () => {
  /** A token of cursor's, with the key it is bound to. */
  async function held() {
    return await deployment.cursor.agent.token(details(SELECT.operations, SELECT.resources));
  }

  async function exchangeWith(
    token: string,
    key: TestAgent['key'] | null,
    more: Readonly<Record<string, string>> = {},
    at: { readonly method?: string; readonly path?: string } = {},
  ) {
    const proof =
      key === null
        ? {}
        : {
            dpop: await dpopProof(key, {
              method: at.method ?? 'POST',
              url: `${url}${at.path ?? '/oauth/token'}`,
              now: Date.now(),
              accessToken: null,
            }),
          };
    return await post(
      { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN, ...more },
      proof,
    );
  }

  test('an honest exchange passes', async () => {
    const token = await held();
    expect((await exchangeWith(token.token.reveal(), deployment.cursor.key)).status).toBe(200);
  });

  test('a bound token without a proof, and with a proof by another key', async () => {
    const token = (await held()).token.reveal();
    expect(await exchangeWith(token, null)).toMatchObject({ code: 'sender_mismatch' });
    expect(await exchangeWith(token, other.key)).toMatchObject({ code: 'sender_mismatch' });
  });

  test('a proof for another method or another URL', async () => {
    const token = (await held()).token.reveal();
    const { key } = deployment.cursor;
    expect((await exchangeWith(token, key, {}, { method: 'GET' })).status).toBe(400);
    expect((await exchangeWith(token, key, {}, { path: '/v1/me' })).status).toBe(400);
  });

  test('a proof played twice', async () => {
    const token = (await held()).token.reveal();
    const dpop = await dpopProof(deployment.cursor.key, {
      method: 'POST',
      url: `${url}/oauth/token`,
      now: Date.now(),
      accessToken: null,
    });
    const form = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN };
    expect((await post(form, { dpop })).status).toBe(200);
    expect(await post(form, { dpop })).toMatchObject({ code: 'replayed' });
  });

  test('a bound token presented as Bearer', async () => {
    const token = (await held()).token.reveal();
    const answer = await fetch(`${url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(401);
  });

  test('a proof without ath at a protected resource', async () => {
    const token = (await held()).token.reveal();
    const dpop = await dpopProof(deployment.cursor.key, {
      method: 'GET',
      url: `${url}/v1/me`,
      now: Date.now(),
      accessToken: null,
    });
    const answer = await fetch(`${url}/v1/me`, {
      headers: { authorization: `DPoP ${token}`, dpop },
    });
    expect(answer.status).toBe(401);
  });

  test('an exchange that widens', async () => {
    const token = (await held()).token.reveal();
    for (const wider of [
      details(['postgres:select'], ['public.customers']),
      details(['postgres:delete'], ['public.bookings']),
      details(['postgres:select'], ['public.bookings'], {
        connection: 'pg-production',
        environment: 'production',
      }),
    ]) {
      const answer = await exchangeWith(token, deployment.cursor.key, {
        authorization_details: JSON.stringify(wider),
      });
      expect(answer).toMatchObject({ status: 400, code: 'not_granted' });
    }
  });

  test("the client authenticates as somebody who is not the token's subject", async () => {
    const token = (await held()).token.reveal();
    const answer = await exchangeWith(token, deployment.cursor.key, {
      client_assertion_type: CLIENT_ASSERTION,
      client_assertion: await clientAssertion(other.key, 'other', url, Date.now()),
    });
    expect(answer.status).toBe(401);
  });

  test('a session used as an access token, and an access token as a session', async () => {
    const { alice, cursor } = deployment;
    const session = await alice.client.call('humans', {});
    expect(session.items.length).toBe(2);
    const token = await held();
    const asHuman = createClient({ server: url }).as({ token: token.token, key: cursor.key });
    await refused(asHuman.call('humans', {}), 'invalid_token');
  });

  test('a token of 1 MB', async () => {
    const answer = await post({
      grant_type: EXCHANGE,
      subject_token: 'e'.repeat(1_000_000),
      subject_token_type: ACCESS_TOKEN,
    });
    expect([400, 413]).toContain(answer.status);
  });

  test('a token whose signature was altered', async () => {
    const token = (await held()).token.reveal();
    const altered = `${token.slice(0, -3)}${token.endsWith('AAA') ? 'BBB' : 'AAA'}`;
    expect(await exchangeWith(altered, deployment.cursor.key)).toMatchObject({
      code: 'invalid_token',
    });
  });

  test('an agent disabled after its token was minted', async () => {
    const { alice, registerAgent } = deployment;
    const leaving = await registerAgent('leaving');
    await alice.propose(grantDraft({ ...SELECT, agent: 'leaving' }));
    const token = await leaving.agent.token(null);
    await alice.propose({ kind: 'agent.disable', body: { agent: 'leaving', reason: 'gone' } });
    await refused(leaving.agent.exchange(token, null), 'agent_disabled');
    await refused(leaving.agent.token(null), 'agent_disabled');
  });

  test('a grant revoked after its token was minted', async () => {
    const { alice, registerAgent } = deployment;
    const staying = await registerAgent('staying');
    const { id } = await alice.propose(grantDraft({ ...SELECT, agent: 'staying' }));
    const token = await staying.agent.token(details(SELECT.operations, SELECT.resources));
    await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'over' } });
    await refused(staying.agent.exchange(token, null), 'not_granted');
  });

  test("a delete-capable token bound to a key its grant does not name (an agent's own new DPoP key)", async () => {
    const { alice, bob, cursor } = deployment;
    const { id } = await alice.propose(
      grantDraft({ operations: ['postgres:delete'], resources: ['public.bookings'] }),
    );
    await bob.sign(id);
    const stolen = await newKey('a key the thief brought');
    const now = Date.now();
    const form = {
      grant_type: 'client_credentials',
      client_assertion_type: CLIENT_ASSERTION,
      authorization_details: JSON.stringify(details(['postgres:delete'], ['public.bookings'])),
    };
    const signed = async () => await clientAssertion(cursor.key, 'cursor', url, now);
    const thief = await post(
      { ...form, client_assertion: await signed() },
      {
        dpop: await dpopProof(stolen.key, {
          method: 'POST',
          url: `${url}/oauth/token`,
          now,
          accessToken: null,
        }),
      },
    );
    expect(thief).toMatchObject({ code: 'sender_mismatch' });
    const unbound = await post({ ...form, client_assertion: await signed() });
    expect(unbound).toMatchObject({ code: 'sender_mismatch' });
  });

  test("another agent's lease cannot be given back, nor its access request read", async () => {
    const { cursor } = deployment;
    const token = await held();
    const { leaseId } = await cursor.agent.exchange(token, null);
    await refused(other.agent.giveBack(leaseId), 'not_found');
    const asked = await cursor.agent.ask({
      authorization_details: details(['postgres:delete'], ['public.bookings']),
    });
    await refused(other.agent.poll(asked.id, 0), 'not_found');
  });

  test('a stolen key of nobody', async () => {
    const nobody = await newKey('nobody');
    const agent = createAgent(createClient({ server: url }), { name: 'cursor', key: nobody.key });
    await refused(agent.token(null), 'unauthenticated');
    expect(new Secret('x', 'y').toString()).not.toContain('y');
  });
});
