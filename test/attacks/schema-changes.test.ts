/** SQL with an owner's rights: run once, as signed, by whom it is for, while its authority stands. */
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, type TestAgent } from '../support/deployment.ts';
import { verifyLedger } from '../support/ledger.ts';
import { envelopeOf, newId } from '../support/people.ts';
import { codeOf, refused } from '../support/refusal.ts';

const PRODUCTION = { connection: 'pg-production', environment: 'production' };
const ALTERS = ['postgres:alter', 'postgres:create'];

let deployment: Deployment;
let production: postgres.Sql;
let staging: postgres.Sql;
let own: postgres.Sql;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const open = (url: string) => postgres(url, { max: 1, onnotice: () => undefined });
  production = open(deployment.playground.ownerUrl('rental_production').reveal());
  staging = open(deployment.playground.ownerUrl('rental_staging').reveal());
  own = open(deployment.databaseUrl.reveal());
});
afterAll(async () => {
  await Promise.all([production.end(), staging.end(), own.end()]);
  await deployment.stop();
});

/** A migration that alice proposed; bob has yet to sign. */
async function proposed(sql: string, agent = 'cursor'): Promise<string> {
  const { id } = await deployment.alice.propose({
    kind: 'grant.create',
    body: { ...PRODUCTION, agent, sql, resource: 'public', reason: 'a migration' },
  });
  return id;
}

async function signed(sql: string, agent?: string): Promise<string> {
  const id = await proposed(sql, agent);
  await deployment.bob.sign(id);
  return id;
}

/** A grant for the agent's own SQL in staging, signed by both. */
async function lent(operations: readonly string[] = ALTERS): Promise<string> {
  const { alice, bob } = deployment;
  const { id } = await alice.propose({
    kind: 'grant.create',
    body: {
      agent: 'cursor',
      connection: 'pg-staging',
      environment: 'staging',
      permissions: [{ operations: [...operations], resources: ['public'] }],
      max_uses: 20,
      reason: 'work on the schema',
    },
  });
  await bob.sign(id);
  return id;
}

const run = (agent: TestAgent, grant: string, sql?: string) =>
  agent.agent.run(grant, sql === undefined ? {} : { sql });

async function tables(sql: postgres.Sql): Promise<readonly string[]> {
  const rows = await sql<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`;
  return rows.map(({ name }) => name);
}

async function finished(run: string) {
  const { items } = await deployment.alice.client.call('auditEntries', {
    query: { type: 'run.finished' },
  });
  return items.filter(({ body }) => body['run'] === run).map(({ body }) => body['outcome']);
}

async function leftovers(): Promise<number> {
  const [row] = await production<{ n: number }[]>`
    select count(*)::int as n from pg_roles where rolname ~ '^cs[ld]_'`;
  return row?.n ?? -1;
}

describe('a migration', () => {
  test('runs once, as signed, and leaves no login', async () => {
    const id = await signed('CREATE TABLE notes (id int); INSERT INTO notes VALUES (1), (2)');
    const view = await run(deployment.cursor, id);
    expect(view).toMatchObject({ outcome: 'committed', changes: { created: 1, rows: 2 } });
    expect(await tables(production)).toContain('notes');
    const [owner] =
      await production`select tableowner as name from pg_tables where tablename = 'notes'`;
    expect(owner?.['name']).toBe('rental_owner');
    expect(await finished(view.id)).toEqual(['committed']);
    expect(await leftovers()).toBe(0);
    await refused(run(deployment.cursor, id), 'grant_exhausted');
  });

  test('ten at once', async () => {
    const id = await signed('CREATE TABLE once (id int)');
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () =>
        run(deployment.cursor, id).then(
          () => 'ran',
          async (error: unknown) => await codeOf(Promise.reject(error)),
        ),
      ),
    );
    expect(outcomes.filter((each) => each === 'ran')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['ran', 'grant_exhausted']));
  });

  test('is run by a human who signed it, and by none who did not', async () => {
    const { alice, bob } = deployment;
    const id = await proposed('CREATE TABLE by_bob (id int)');
    await refused(bob.client.call('runGrant', { params: { id }, body: {} }), 'conflict');
    await bob.sign(id);
    const view = await bob.client.call('runGrant', { params: { id }, body: {} });
    expect(view.outcome).toBe('committed');
    await refused(alice.client.call('runGrant', { params: { id }, body: {} }), 'grant_exhausted');
    const other = await lent();
    const body = { sql: 'CREATE TABLE by_alice (id int)' };
    await refused(alice.client.call('runGrant', { params: { id: other }, body }), 'forbidden');
  });

  test('before the second human signs', async () => {
    const id = await proposed('CREATE TABLE too_early (id int)');
    await refused(run(deployment.cursor, id), 'not_granted');
    expect(await tables(production)).not.toContain('too_early');
  });

  test('by another agent', async () => {
    const other = await deployment.registerAgent('other');
    const id = await signed('CREATE TABLE stolen (id int)');
    await refused(run(other, id), 'not_granted');
    expect(await tables(production)).not.toContain('stolen');
  });

  test('with a token that does not name it', async () => {
    const { cursor, alice } = deployment;
    const id = await signed('CREATE TABLE unnamed (id int)');
    const client = alice.client.as(await cursor.agent.token(null));
    await refused(client.call('runGrant', { params: { id }, body: {} }), 'not_granted');
    expect(await tables(production)).not.toContain('unnamed');
  });

  test('exchanged for a login', async () => {
    const { cursor } = deployment;
    const id = await signed('CREATE TABLE login (id int)');
    const token = await cursor.agent.token([
      {
        type: 'countersign',
        ...PRODUCTION,
        operations: ['postgres:drop'],
        resources: ['public'],
        grant: id,
      },
    ]);
    await refused(cursor.agent.exchange(token, null), 'unknown_operation');
    expect(await leftovers()).toBe(0);
  });

  test('other SQL beside it, and other SQL in the proposal', async () => {
    const { cursor, alice } = deployment;
    const id = await signed('CREATE TABLE mine (id int)');
    await refused(run(cursor, id, 'DROP TABLE public.bookings'), 'invalid_request');
    const { statement } = await alice.client.call('draft', {
      body: {
        kind: 'grant.create',
        id: newId(),
        body: { ...PRODUCTION, agent: 'cursor', sql: 'SELECT 1', resource: 'public', reason: 'x' },
      },
    });
    if (statement.kind !== 'grant.create') throw new Error('a grant was drafted');
    for (const change of [
      { sql: 'DROP TABLE public.bookings' },
      { assessment: { kind: 'dry-run', v: 1, body: {} } },
    ]) {
      const altered = { ...statement, id: newId(), body: { ...statement.body, ...change } };
      const envelope = await envelopeOf(altered, alice.privateJwk);
      await refused(alice.client.call('propose', { body: { envelope } }), 'invalid_request');
    }
    expect(await tables(production)).toContain('bookings');
  });

  test('after it was revoked, and after its agent was disabled', async () => {
    const { alice, cursor } = deployment;
    const revoked = await signed('CREATE TABLE revoked (id int)');
    await alice.propose({ kind: 'grant.revoke', body: { grant: revoked, reason: 'no' } });
    expect(['not_granted', 'needs_signature']).toContain(await codeOf(run(cursor, revoked)));
    const other = await deployment.registerAgent('leaving');
    const id = await signed('CREATE TABLE disabled (id int)', 'leaving');
    await alice.propose({ kind: 'agent.disable', body: { agent: 'leaving', reason: 'gone' } });
    expect(['unauthenticated', 'agent_disabled']).toContain(await codeOf(run(other, id)));
    await refused(alice.client.call('runGrant', { params: { id }, body: {} }), 'agent_disabled');
    for (const name of ['revoked', 'disabled'])
      expect(await tables(production)).not.toContain(name);
  });

  test('revoked while it runs', async () => {
    const { alice, cursor } = deployment;
    const id = await signed('CREATE TABLE slow (id int); SELECT pg_sleep(4)');
    const running = codeOf(run(cursor, id));
    await expect
      .poll(
        async () =>
          (await production`select from pg_stat_activity where wait_event = 'PgSleep'`).length,
      )
      .toBe(1);
    await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'stop' } });
    expect(['provider_unavailable', 'token_revoked']).toContain(await running);
    expect(await tables(production)).not.toContain('slow');
    expect(await leftovers()).toBe(0);
  });

  test('that outlives its time', async () => {
    const { alice, bob, cursor } = deployment;
    const { id } = await alice.propose({
      kind: 'grant.create',
      body: {
        ...PRODUCTION,
        agent: 'cursor',
        sql: "SET statement_timeout = 0; CREATE TABLE late (id int); DO $$ BEGIN IF (SELECT count(*) FROM pg_roles WHERE rolname ~ '^csl_') > 0 THEN PERFORM pg_sleep(60); END IF; END $$",
        resource: 'public',
        ttl: 2,
        reason: 'endless',
      },
    });
    await bob.sign(id);
    const outcome = await run(cursor, id).then(
      (view) => view.outcome,
      (error: unknown) => codeOf(Promise.reject(error)),
    );
    expect(['failed', 'provider_unavailable']).toContain(outcome);
    expect(await tables(production)).not.toContain('late');
    await expect.poll(leftovers, { timeout: 20_000 }).toBe(0);
  });

  test('that fails gives its use back, and says where', async () => {
    const id = await signed(
      'DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname ~ $r$^csl_$r$) THEN PERFORM 1/0; END IF; END $$',
    );
    const first = await run(deployment.cursor, id);
    expect(first).toMatchObject({ outcome: 'failed', failure: { code: '22012' }, changes: null });
    expect(await finished(first.id)).toEqual(['rolled_back']);
    expect((await run(deployment.cursor, id)).outcome).toBe('failed');
  });
});

describe('a dry run', () => {
  test.each([
    ['fails', 'SELECT 1;\nSELECT * FROM nothing', /42P01 \(undefined_table\) at line 2, column 15/],
    ['commits', 'DROP TABLE public.bookings CASCADE; COMMIT', /0A000/],
  ])('of SQL that %s proposes nothing and changes nothing', async (_, sql, words) => {
    const before = await production`select count(*) from public.bookings`;
    const drafting = deployment.alice.client.call('draft', {
      body: {
        kind: 'grant.create',
        id: newId(),
        body: { ...PRODUCTION, agent: 'cursor', sql, resource: 'public', reason: 'x' },
      },
    });
    await expect(drafting).rejects.toThrow(words);
    expect(await production`select count(*) from public.bookings`).toEqual(before);
    expect(await leftovers()).toBe(0);
  });

  test('says what is lost, and loses nothing', async () => {
    const before = await production`select count(*) from public.bookings`;
    const { statement } = await deployment.alice.client.call('draft', {
      body: {
        kind: 'grant.create',
        id: newId(),
        body: {
          ...PRODUCTION,
          agent: 'cursor',
          sql: 'DROP TABLE public.bookings CASCADE; DELETE FROM public.vehicles',
          resource: 'public',
          reason: 'x',
        },
      },
    });
    if (statement.kind !== 'grant.create') throw new Error('a grant was drafted');
    const body = statement.body.assessment?.body ?? {};
    expect(body['dropped']).toContain('table public.bookings');
    expect(body['rows']).toMatchObject([{ table: 'public.vehicles', deleted: expect.any(Number) }]);
    expect(await production`select count(*) from public.bookings`).toEqual(before);
  });

  test('where it is frozen', async () => {
    const { alice, bob, cursor } = deployment;
    const id = await signed('CREATE TABLE frozen (id int)');
    const target = { kind: 'connection' as const, id: 'pg-production' };
    const stop = await alice.propose({ kind: 'freeze', body: { target, reason: 'stop' } });
    await refused(proposed('SELECT 1'), 'conflict');
    await refused(bob.client.call('runGrant', { params: { id }, body: {} }), 'frozen');
    expect(['not_granted', 'frozen']).toContain(await codeOf(run(cursor, id)));
    await alice.propose({ kind: 'unfreeze', body: { freeze: stop.id, reason: 'go on' } });
    expect((await run(cursor, id)).outcome).toBe('committed');
  });

  test('by somebody who is no admin, or without a signature of theirs', async () => {
    const body = {
      kind: 'grant.create' as const,
      id: newId(),
      body: { ...PRODUCTION, agent: 'cursor', sql: 'SELECT 1', resource: 'public', reason: 'x' },
    };
    await refused(deployment.bob.client.call('draft', { body }), 'forbidden');
  });
});

describe("an agent's own SQL", () => {
  test('runs where the grant lets it, and drops nothing that it does not', async () => {
    const { cursor } = deployment;
    const id = await lent();
    const made = await run(cursor, id, 'CREATE TABLE scratch (id int)');
    expect(made.outcome).toBe('committed');
    for (const sql of [
      'DROP TABLE scratch',
      'ALTER TABLE bookings DROP COLUMN status CASCADE',
      'TRUNCATE bookings CASCADE',
      'DROP TABLE scratch; CREATE TABLE scratch (id int)',
    ]) {
      await refused(run(cursor, id, sql), 'not_granted');
    }
    expect(await tables(staging)).toContain('scratch');
  });

  test('in production, or once the environment has become it', async () => {
    const { alice, cursor } = deployment;
    const proposing = alice.propose({
      kind: 'grant.create',
      body: {
        ...PRODUCTION,
        agent: 'cursor',
        permissions: [{ operations: ALTERS, resources: ['public'] }],
        reason: 'x',
      },
    });
    await refused(proposing, 'invalid_request');
    const id = await lent();
    const token = await cursor.agent.token([
      {
        type: 'countersign',
        connection: 'pg-staging',
        environment: 'staging',
        operations: ALTERS,
        resources: ['public'],
        grant: id,
      },
    ]);
    await alice.propose({
      kind: 'environment.set',
      body: { name: 'staging', class: 'production' },
    });
    const client = alice.client.as(token);
    const body = { sql: 'CREATE TABLE raised (id int)' };
    await refused(client.call('runGrant', { params: { id }, body }), 'grant_suspended');
    expect(await tables(staging)).not.toContain('raised');
  });

  test('and all of it leaves a ledger that verifies', async () => {
    expect(await verifyLedger(deployment.alice)).toMatchObject({
      ok: true,
      finding: null,
      remarks: [],
    });
  });
});
