/** Leases that cling: a target that refuses the revocation, a crash in it, a hand in the lease's row. */
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Deployment,
  deploy,
  details,
  grantDraft,
  type TestAgent,
} from '../support/deployment.ts';
import { verifyLedger } from '../support/ledger.ts';
import { refused } from '../support/refusal.ts';
import { openSession } from '../support/session.ts';

const RIGHTS = { operations: ['postgres:select'], resources: ['public.bookings'] };
const ASKED = details(RIGHTS.operations, RIGHTS.resources);

let deployment: Deployment;
let own: postgres.Sql;
let target: postgres.Sql;
/** Of each test its own, so that no grant of another stands behind its leases. */
let cursor: TestAgent;
let agents = 0;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const quiet = { max: 1, onnotice: () => undefined };
  own = postgres(deployment.databaseUrl.reveal(), quiet);
  target = postgres(deployment.playground.ownerUrl('rental_staging').reveal(), quiet);
});
afterAll(async () => {
  await Promise.all([own.end(), target.end()]);
  await deployment.stop();
});
beforeEach(async () => {
  agents += 1;
  cursor = await deployment.registerAgent(`cursor-${agents}`);
});
afterEach(async () => {
  const live = async () =>
    await own`select id from countersign.leases where state in ('pending', 'active')`;
  await expect.poll(live, { timeout: 30_000, interval: 200 }).toEqual([]);
  // What a hand wrote into its rows is of one test only.
  await own`delete from countersign.leases`;
});

/** An agent with a lease and an open session, and how to end its authority. */
async function leased() {
  const { alice, grant } = deployment;
  const { id } = await grant({ ...RIGHTS, agent: cursor.name, ttl: 3600 });
  const credential = await cursor.agent.exchange(await cursor.agent.token(ASKED), null);
  const session = await openSession(credential);
  return {
    credential,
    session,
    revoke: () => alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'over' } }),
  };
}

/** The target lets the broker in no more, or again; resolves when every session it had is gone. */
async function door(way: 'NOLOGIN' | 'LOGIN'): Promise<void> {
  await target.unsafe(`ALTER ROLE countersign_broker ${way}`);
  await target`
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where usename = 'countersign_broker'`;
}

async function leaseRoles(): Promise<number> {
  const [row] = await target<{ n: number }[]>`
    select count(*)::int as n from pg_roles where starts_with(rolname, 'csl_')`;
  return row?.n ?? -1;
}

async function expectGone(): Promise<void> {
  await expect.poll(leaseRoles, { timeout: 30_000, interval: 200 }).toBe(0);
}

describe('a lease that clings', () => {
  test('a target that refuses the revocation once', async () => {
    const { session, credential, revoke } = await leased();
    await door('NOLOGIN');
    expect(await revoke()).toMatchObject({ leases_revoked: 0, leases_pending: 1 });
    await door('LOGIN');
    await expectGone();
    await expect(session.query('select 1')).rejects.toThrow();
    await expect(openSession(credential)).rejects.toThrow();
  });

  test('kill -9 while the target refuses the revocation', async () => {
    const { credential, revoke } = await leased();
    await door('NOLOGIN');
    await revoke();
    await deployment.broker.kill();
    await door('LOGIN');
    await deployment.anotherServer({ port: deployment.broker.port });
    await expectGone();
    await expect(openSession(credential)).rejects.toThrow();
  });

  test('a role of this broker that no lease stands for', async () => {
    const { credential } = await leased();
    await own`delete from countersign.leases`;
    const another = await deployment.anotherServer();
    await expectGone();
    await expect(openSession(credential)).rejects.toThrow();
    await another.stop();
  });

  test.each([
    ['its end', "expires_at = now() + interval '1 year'"],
    ['its grants', "grants = '{}'"],
    ['its agent', 'agent = gen_random_uuid()'],
    ['a claim for a year', "claimed_until = now() + interval '1 year'"],
  ])('its row edited by hand: %s', async (_, change) => {
    const { session, revoke } = await leased();
    await own.unsafe(`update countersign.leases set ${change}`);
    await revoke();
    await expectGone();
    await expect(session.query('select 1')).rejects.toThrow();
  });

  test('its agent is disabled', async () => {
    const { session, credential } = await leased();
    const { alice } = deployment;
    const disable = { agent: cursor.name, reason: 'gone' };
    expect(await alice.propose({ kind: 'agent.disable', body: disable })).toMatchObject({
      leases_revoked: 1,
      leases_pending: 0,
    });
    await expectGone();
    await expect(session.query('select 1')).rejects.toThrow();
    await expect(openSession(credential)).rejects.toThrow();
  });

  test('a schema renamed under a live lease', async () => {
    const { session, revoke } = await leased();
    await target`alter schema public rename to elsewhere`;
    try {
      expect(await revoke()).toMatchObject({ leases_revoked: 1, leases_pending: 0 });
      await expectGone();
      await expect(session.query('select 1')).rejects.toThrow();
    } finally {
      await target`alter schema elsewhere rename to public`;
    }
  });

  test('revoked while its session is in a transaction', async () => {
    const { session, revoke } = await leased();
    await session.query('begin');
    await session.query('select * from public.bookings for share').catch(() => undefined);
    expect(await revoke()).toMatchObject({ leases_revoked: 1, leases_pending: 0 });
    await expect(session.query('select 1')).rejects.toThrow();
    await expectGone();
  });

  test('given back twice', async () => {
    const { credential } = await leased();
    // Its id is the name of its role, less what says whose it is.
    const [lease] = (await deployment.alice.client.call('leases', {})).items;
    await cursor.agent.giveBack(lease?.id ?? '');
    await cursor.agent.giveBack(lease?.id ?? '');
    await expectGone();
    await expect(openSession(credential)).rejects.toThrow();
  });

  test('a table dropped, and its lease revoked', async () => {
    const { alice, grant } = deployment;
    await target`create table public.short_lived (id int)`;
    await target`alter table public.short_lived owner to rental_owner`;
    const resources = ['public.short_lived'];
    const { id } = await grant({ agent: cursor.name, operations: ['postgres:select'], resources });
    await cursor.agent.exchange(
      await cursor.agent.token(details(['postgres:select'], resources)),
      null,
    );
    await target`drop table public.short_lived`;
    const answer = await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'x' } });
    expect(answer).toMatchObject({ leases_revoked: 1, leases_pending: 0 });
    await expectGone();
  });

  test('a use comes back when the target refused, and only then', async () => {
    const { alice, bob } = deployment;
    const { id } = await alice.propose(
      grantDraft({
        agent: cursor.name,
        operations: ['postgres:delete'],
        resources: ['public.not_there'],
      }),
    );
    await bob.sign(id);
    const token = await cursor.agent.token(details(['postgres:delete'], ['public.not_there']));
    await refused(cursor.agent.exchange(token, null), 'provider_refused');
    expect(await alice.client.call('grant', { params: { id } })).toMatchObject({
      status: 'active',
      used: 0,
    });
    await door('NOLOGIN');
    await refused(cursor.agent.exchange(token, null), 'provider_refused');
    await door('LOGIN');
    await expectGone();
  });

  test('and all of it leaves a ledger that verifies, in which edited rows are noticed', async () => {
    const report = await verifyLedger(deployment.alice);
    expect(report).toMatchObject({ ok: true, finding: null });
    const edited = report.remarks.filter(({ text }) => /edited by hand/.test(text));
    expect(edited).toHaveLength(3);
  });
});
