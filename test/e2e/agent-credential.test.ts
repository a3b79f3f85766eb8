/** What an agent signs in with, replaced: the new counts at once and the former no more, at every server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAgent, createClient, type SigningKey } from '@countersign/client';
import { Secret } from '@countersign/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { readLedger } from '../support/ledger.ts';
import { envelopeOf, newId, newKey } from '../support/people.ts';
import { refused } from '../support/refusal.ts';
import { registerSecretAgent } from '../support/secret-agent.ts';
import { openSession } from '../support/session.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

const SELECT = { operations: ['postgres:select'], resources: ['public.bookings'] };
const DELETE = { operations: ['postgres:delete'], resources: ['public.bookings'], max_uses: 9 };

let deployment: Deployment;
let carol: Terminal;

beforeAll(async () => {
  deployment = await deploy({ replicas: 2, env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  carol = await openTerminal(deployment, 'carol', ['admin', 'approver']);
});
afterAll(async () => {
  await carol.close();
  await deployment.stop();
});

/** The same agent at each server. */
function everywhere(name: string, key: SigningKey) {
  const issuer = deployment.broker.url;
  return deployment.replicas.map(({ url }) =>
    createAgent(createClient({ server: url, issuer }), { name, key }),
  );
}

async function setKeys(agent: string, ...keys: readonly SigningKey[]) {
  return await deployment.alice.propose({
    kind: 'agent.credential.set',
    body: {
      agent,
      auth: { method: 'private_key_jwt', jwks: { keys: keys.map(({ publicJwk }) => publicJwk) } },
      reason: 'rotation',
    },
  });
}

/** Another secret, made by the broker and signed for by alice. */
async function newSecret(agent: string): Promise<Secret> {
  const { alice } = deployment;
  const { statement, client_secret } = await alice.client.call('draft', {
    body: {
      kind: 'agent.credential.set',
      id: newId(),
      body: { agent, auth: { method: 'client_secret' }, reason: 'rotation' },
    },
  });
  const envelope = await envelopeOf(statement, alice.privateJwk);
  await alice.client.call('propose', { body: { envelope } });
  return new Secret('client secret', client_secret ?? '');
}

describe('a key', () => {
  test('is rotated with two registered at once, and no server refuses the agent in between', async () => {
    const former = await deployment.registerAgent('rotating');
    const next = await newKey('the next key');
    await deployment.grant({ ...SELECT, agent: 'rotating' });
    const [before, after] = [former.key, next.key].map((key) => everywhere('rotating', key));
    for (const agent of before ?? []) await agent.token(null);
    await setKeys('rotating', former.key, next.key);
    for (const agent of [...(before ?? []), ...(after ?? [])]) await agent.token(null);
    await setKeys('rotating', next.key);
    for (const agent of everywhere('rotating', former.key)) {
      await refused(agent.token(null), 'unauthenticated');
    }
    for (const agent of after ?? []) await agent.token(null);
  });

  test('that is replaced takes the tokens bound to it along', async () => {
    const former = await deployment.registerAgent('replaced');
    await deployment.grant({ ...SELECT, agent: 'replaced' });
    const held = [];
    for (const [i, agent] of everywhere('replaced', former.key).entries()) {
      const server = deployment.replicas[i]?.url ?? '';
      const client = createClient({ server, issuer: deployment.broker.url });
      held.push({ agent, token: await agent.token(null), client });
    }
    for (const { client, token } of held) await client.as(token).call('me', {});
    await setKeys('replaced', (await newKey('another')).key);
    for (const { client, agent, token } of held) {
      await refused(client.as(token).call('me', {}), 'token_revoked');
      await refused(agent.exchange(token, null), 'unauthenticated');
    }
  });

  test('that a grant pins suspends it, and cuts its sessions', async () => {
    const { alice, bob } = deployment;
    const pinned = await deployment.registerAgent('pinned');
    const { id } = await alice.propose(grantDraft({ ...DELETE, agent: 'pinned' }));
    await bob.sign(id);
    const wanted = details(DELETE.operations, DELETE.resources);
    const token = await pinned.agent.token(wanted);
    const session = await openSession(await pinned.agent.exchange(token, null));
    const cut = new Promise((resolve) => session.once('end', resolve));

    const next = await newKey('the next key');
    const answer = await setKeys('pinned', pinned.key, next.key);
    expect(answer).toMatchObject({ status: 'complete', leases_revoked: 1, leases_pending: 0 });
    await cut;
    for (const agent of everywhere('pinned', pinned.key)) {
      await refused(agent.token(wanted), 'grant_suspended');
    }
    expect(await bob.client.call('grant', { params: { id } })).toMatchObject({
      status: 'suspended',
      reasons: ["the agent's credentials changed since it was signed"],
    });
    // Law 1: who changes it back, one admin alone, brings nothing back that two have signed.
    await setKeys('pinned', pinned.key);
    expect(await bob.client.call('grant', { params: { id } })).toMatchObject({
      status: 'suspended',
    });
    await refused(pinned.agent.token(wanted), 'grant_suspended');
  });

  test('is no key of a human, nor of another agent', async () => {
    const mine = await deployment.registerAgent('mine');
    await refused(setKeys('mine', deployment.cursor.key), 'conflict');
    await refused(setKeys('mine', deployment.bob.key), 'conflict');
    await refused(setKeys('mine', mine.key, mine.key), 'invalid_request');
  });
});

describe('a secret', () => {
  const at = (name: string, secret: Secret) =>
    deployment.replicas.map(({ url }) =>
      createAgent(createClient({ server: url, issuer: deployment.broker.url }), {
        name,
        secret,
        key: null,
      }),
    );

  test('that is replaced opens nothing, though each server remembered it', async () => {
    const { secret: former } = await registerSecretAgent(deployment, 'etl');
    for (const agent of at('etl', former)) await agent.token(null);
    const next = await newSecret('etl');
    for (const agent of at('etl', former)) await refused(agent.token(null), 'unauthenticated');
    for (const agent of at('etl', next)) await agent.token(null);
    // An agent changes over to a key as well.
    const { key } = await newKey('a key');
    await setKeys('etl', key);
    for (const agent of at('etl', next)) await refused(agent.token(null), 'unauthenticated');
    for (const agent of everywhere('etl', key)) await agent.token(null);
  });

  test('that is replaced while tokens are asked for has none after the entry that replaced it', async () => {
    const { id, secret } = await registerSecretAgent(deployment, 'hasty');
    const agents = at('hasty', secret);
    for (const agent of agents) await agent.token(null);
    const asked = Array.from({ length: 40 }, (_, i) =>
      createAgent(
        createClient({
          server: deployment.replicas[i % 2]?.url ?? '',
          issuer: deployment.broker.url,
        }),
        { name: 'hasty', secret, key: null },
      )
        .token(null)
        .then(
          () => 'allowed',
          (error: { code?: string }) => error.code,
        ),
    );
    await newSecret('hasty');
    const said = new Set(await Promise.all(asked));
    for (const answer of said) expect(['allowed', 'unauthenticated']).toContain(answer);
    const entries = await readLedger(deployment.bob);
    const replacedAt = entries.findLast(({ type }) => type === 'statement.proposed')?.index ?? 0;
    const after = entries.filter(
      ({ index, type, body }) => index > replacedAt && type === 'decision' && body['agent'] === id,
    );
    expect(after.filter(({ body }) => body['verdict'] === 'allowed')).toEqual([]);
  });
});

describe('countersign agent credential set', () => {
  test('takes one or two public keys, and says what it takes with it', async () => {
    await deployment.registerAgent('typed');
    for (const name of ['one', 'two']) {
      const made = await carol.run(['agent', 'keygen', '--out', `${name}.jwk`]);
      await writeFile(join(carol.home, `${name}.pub.json`), made.stdout);
    }
    const set = ['agent', 'credential', 'set', 'typed', '--auth', 'private-key-jwt'];
    const both = ['--jwks', 'one.pub.json', '--jwks', 'two.pub.json', '--reason', 'rotation'];
    const ran = await carol.run([...set, ...both]);
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout.replace(/[0-9a-f-]{36}/g, 'ID').split('\n')).toEqual([
      'Change how the agent typed signs in.',
      expect.stringMatching(/^ {2}signs in by +private_key_jwt$/),
      expect.stringMatching(/^ {2}DPoP +not demanded$/),
      expect.stringMatching(/^ {2}reason +rotation$/),
      expect.stringMatching(/^ {2}needs +/),
      expect.stringMatching(/^ {2}sign by +/),
      '  statement    ID',
      '! What it signed in with before is refused at once, unless it is named again.',
      '! Delete-capable grants that pin it are suspended until they are signed anew.',
      'complete: agent.credential.set ID',
      'next: countersign grant list --agent typed',
      '',
    ]);
    expect((await carol.run([...set, '--jwks', 'one.jwk', '--reason', 'x'])).status).toBe(2);
    expect((await carol.run([...set, '--reason', 'x'])).status).toBe(2);
    const { client_secret } = await carol.json([
      ...['agent', 'credential', 'set', 'typed', '--auth', 'secret', '--reason', 'simpler'],
    ]);
    expect(client_secret).toMatch(/^countersign_secret_\S{88}$/);
    const [agent] = deployment.replicas.map(({ url }) =>
      createAgent(createClient({ server: url, issuer: deployment.broker.url }), {
        name: 'typed',
        secret: new Secret('client secret', String(client_secret)),
        key: null,
      }),
    );
    await agent?.token(null);
  });
});
