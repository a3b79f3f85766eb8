/** Freezes over HTTP: what is stopped is stopped everywhere at once, and comes back as it was. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { envelopeOf, newId } from '../support/people.ts';
import { openSession } from '../support/session.ts';

const RIGHTS = { operations: ['postgres:select'], resources: ['public.bookings'] };
const ASKED = details(RIGHTS.operations, RIGHTS.resources);

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy({ replicas: 2 });
  await deployment.grant({ ...RIGHTS, ttl: 3600 });
});
afterAll(async () => {
  await deployment.stop();
});

type Target = Extract<
  Parameters<Deployment['alice']['propose']>[0],
  { kind: 'freeze' }
>['body']['target'];

async function freeze(by: Deployment['alice'], target: Target) {
  return await by.propose({ kind: 'freeze', body: { target, reason: 'odd queries' } });
}

async function lift(by: Deployment['alice'], id: string) {
  return await by.propose({ kind: 'unfreeze', body: { freeze: id, reason: 'it was a test' } });
}

function whenCut(session: pg.Client): Promise<unknown> {
  return new Promise((resolve) => session.once('end', resolve));
}

describe('frozen', () => {
  test.each<[string, Target, 'frozen' | null]>([
    ['everything', { kind: 'everything', id: null }, 'frozen'],
    ['the environment', { kind: 'environment', id: 'staging' }, null],
    ['the connection', { kind: 'connection', id: 'pg-staging' }, null],
    ['the agent', { kind: 'agent', id: 'cursor' }, 'frozen'],
  ])(
    '%s: the session is cut, nothing is issued or exchanged, and all of it comes back',
    async (_, target, altogether) => {
      const { bob, cursor } = deployment;
      const token = await cursor.agent.token(ASKED);
      const session = await openSession(await cursor.agent.exchange(token, null));
      const cut = whenCut(session);
      const answer = await freeze(bob, target);
      expect(answer).toMatchObject({ status: 'complete', leases_revoked: 1, leases_pending: 0 });
      await cut;
      await expect(cursor.agent.token(ASKED)).rejects.toMatchObject({ code: 'frozen' });
      await expect(cursor.agent.token(details(null, null))).rejects.toMatchObject({
        code: 'frozen',
      });
      // Stopped altogether it gets nothing; elsewhere it may still ask, with an empty token.
      const empty = await cursor.agent.token(null).catch((error: unknown) => error);
      expect(empty).toMatchObject(
        altogether === null ? { authorizationDetails: [] } : { code: altogether },
      );
      await expect(cursor.agent.exchange(token, null)).rejects.toMatchObject({ code: 'frozen' });
      await expect(cursor.agent.exchange(token, ASKED)).rejects.toMatchObject({ code: 'frozen' });
      const explained = await bob.client.call('explain', {
        body: {
          agent: 'cursor',
          connection: 'pg-staging',
          environment: 'staging',
          operation: 'postgres:select',
          resource: 'public.bookings',
        },
      });
      expect(explained).toMatchObject({ allowed: false, code: 'frozen' });
      expect(explained.steps.at(-1)).toMatchObject({ step: 'freeze', ok: false });
      expect((await cursor.agent.me()).grants).toEqual([]);
      const { items } = await bob.client.call('freezes', { query: { standing: 'true' } });
      expect(items).toMatchObject([{ id: answer.id, author: 'bob', seconded_by: null }]);

      expect(await lift(bob, answer.id)).toMatchObject({ status: 'complete' });
      expect((await cursor.agent.me()).grants).toHaveLength(1);
      const credential = await cursor.agent.exchange(token, null);
      const again = await openSession(credential);
      expect((await again.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      await again.end();
      await cursor.agent.giveBack(credential.leaseId);
      await cursor.agent.token(null);
    },
  );

  test('an agent, it asks humans for nothing either', async () => {
    const { bob, cursor } = deployment;
    const { id } = await freeze(bob, { kind: 'agent', id: 'cursor' });
    const wanted = details(['postgres:delete'], ['public.bookings']);
    const ask = () => cursor.agent.ask({ authorization_details: wanted, reason: 'old rows' });
    await expect(ask()).rejects.toMatchObject({ code: 'frozen' });
    await lift(bob, id);
    await expect(ask()).resolves.toMatchObject({ status: 'open' });
  });
});

describe('a freeze that another human has seconded', () => {
  test('takes two to lift', async () => {
    const { alice, bob } = deployment;
    const { id } = await freeze(alice, { kind: 'everything', id: null });
    await expect(alice.sign(id)).rejects.toMatchObject({ code: 'conflict' });
    expect(await bob.sign(id)).toMatchObject({ status: 'complete', have: 2 });
    const proposed = await lift(alice, id);
    expect(proposed).toMatchObject({ status: 'pending', have: 1, need: 2 });
    expect(await bob.sign(proposed.id)).toMatchObject({ status: 'complete' });
    const { items } = await alice.client.call('freezes', { query: { standing: 'true' } });
    expect(items).toEqual([]);
  });
});

describe('a frozen human', () => {
  test('reads and vetoes, drafts and signs nothing else, and counts where a freeze is lifted', async () => {
    const { alice, bob } = deployment;
    const { id } = await freeze(bob, { kind: 'human', id: 'alice' });
    expect((await alice.client.call('agents', {})).items).toHaveLength(1);
    const invite = { name: 'mallory', roles: ['approver' as const], groups: [] };
    for (const attempt of [
      () => freeze(alice, { kind: 'human', id: 'bob' }),
      () => deployment.grant(RIGHTS),
      () => alice.client.call('invite', { body: invite }),
      () => alice.client.call('checkConnection', { params: { id } }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' });
    }
    // Drafted by herself, since the server's draft is no authority and neither is its refusal.
    const { broker: fingerprint } = await alice.client.call('broker', {});
    const envelope = await envelopeOf(
      {
        v: 1,
        kind: 'freeze',
        id: newId(),
        broker: fingerprint ?? '',
        issued_at: new Date().toISOString(),
        sign_by: new Date(Date.now() + 60_000).toISOString(),
        body: { target: { kind: 'everything', id: null }, reason: 'revenge' },
      },
      alice.privateJwk,
    );
    await expect(alice.client.call('propose', { body: { envelope } })).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(/alice is frozen/),
    });

    const own = await lift(alice, id);
    expect(own).toMatchObject({ status: 'pending', have: 1, need: 2 });
    await alice.reject(own.id, 'not yet');
    const both = await lift(alice, id);
    expect(await bob.sign(both.id)).toMatchObject({ status: 'complete' });
    await expect(deployment.grant(RIGHTS)).resolves.toMatchObject({ status: 'complete' });
  });

  test('a lease of what they signed is cut, and its grant comes back with them', async () => {
    const { alice, bob, cursor } = deployment;
    const rights = { operations: ['postgres:delete'], resources: ['public.vehicles'] };
    const asked = details(rights.operations, rights.resources);
    const granted = await deployment.grant({ ...rights, ttl: 600, max_uses: 3 });
    await bob.sign(granted.id);
    const token = await cursor.agent.token(asked);
    const session = await openSession(await cursor.agent.exchange(token, null));
    const cut = whenCut(session);
    const { id, leases_revoked } = await freeze(alice, { kind: 'key', id: bob.key.thumbprint });
    expect(leases_revoked).toBe(1);
    await cut;
    const view = () => alice.client.call('grant', { params: { id: granted.id } });
    expect(await view()).toMatchObject({ status: 'suspended', have: 1 });
    expect((await view()).signatures).toMatchObject([{ counts: true }, { counts: false }]);
    await expect(cursor.agent.exchange(token, null)).rejects.toMatchObject({
      code: 'grant_suspended',
    });
    await lift(alice, id);
    expect(await view()).toMatchObject({ status: 'active', reasons: [] });
    await openSession(await cursor.agent.exchange(token, null));
  });
});
