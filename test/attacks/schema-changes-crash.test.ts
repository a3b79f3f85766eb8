/** A broker killed while it runs a migration: whatever became of it, the ledger says so, and it runs once. */
import postgres from 'postgres';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Deployment, deploy } from '../support/deployment.ts';

let deployment: Deployment;
let target: postgres.Sql;
let own: postgres.Sql;

beforeEach(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const quiet = { max: 1, onnotice: () => undefined };
  target = postgres(deployment.playground.ownerUrl('rental_production').reveal(), quiet);
  own = postgres(deployment.databaseUrl.reveal(), quiet);
});
afterEach(async () => {
  await Promise.all([target.end(), own.end()]);
  await deployment.stop();
});

/** Sleeps where it is run and not where it is tried, then makes a table. */
const SLOW = `
  DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE starts_with(rolname, 'csl_')) THEN PERFORM pg_sleep(3); END IF;
  END $$;
  CREATE TABLE crashed (id int)`;

async function begun(): Promise<string> {
  const { alice, bob, cursor } = deployment;
  const { id } = await alice.propose({
    kind: 'grant.create',
    body: {
      agent: 'cursor',
      connection: 'pg-production',
      environment: 'production',
      sql: SLOW,
      resource: 'public',
      ttl: 8,
      reason: 'a migration',
    },
  });
  await bob.sign(id);
  void cursor.agent.run(id, {}).catch(() => undefined);
  await waiting('PgSleep');
  return id;
}

async function waiting(event: string): Promise<void> {
  await expect
    .poll(
      async () =>
        (await target`select from pg_stat_activity where wait_event = ${event}::text`).length,
      { timeout: 20_000, interval: 50 },
    )
    .toBe(1);
}

async function outcome(): Promise<unknown> {
  const entries = await own<{ bytes: Uint8Array }[]>`
    select bytes from countersign.entries where type = 'run.finished'`;
  expect(entries.length).toBeLessThanOrEqual(1);
  const [entry] = entries;
  return entry === undefined ? null : JSON.parse(Buffer.from(entry.bytes).toString()).body.outcome;
}

async function there(): Promise<boolean> {
  const [row] = await target`select to_regclass('public.crashed') is not null as there`;
  return row?.['there'] === true;
}

async function recovered(expected: string, grant: string): Promise<void> {
  await deployment.anotherServer();
  await expect.poll(outcome, { timeout: 40_000, interval: 200 }).toBe(expected);
  const left = async () => (await target`select from pg_roles where rolname ~ '^cs[ld]_'`).length;
  await expect.poll(left, { timeout: 20_000 }).toBe(0);
  const [uses] = await own`select used::int from countersign.grant_uses where grant_id = ${grant}`;
  expect(uses).toEqual({ used: 1 });
}

test('kill -9 while the SQL runs: nothing of it stays, and it is not run again', async () => {
  const grant = await begun();
  await deployment.broker.kill();
  await recovered('rolled_back', grant);
  expect(await there()).toBe(false);
});

/** Killed once the target has committed, and before it says so. */
async function killedBeforeTheAnswer(): Promise<string> {
  const grant = await begun();
  // Commits now wait for a standby that does not exist, after they have happened.
  await target`alter system set synchronous_standby_names = 'nobody'`;
  await target`select pg_reload_conf()`;
  await waiting('SyncRep');
  await deployment.broker.kill();
  await target`alter system reset synchronous_standby_names`;
  await target`select pg_reload_conf()`;
  return grant;
}

test('kill -9 between the commit and its answer: the ledger says that it was committed', async () => {
  await recovered('committed', await killedBeforeTheAnswer());
  expect(await there()).toBe(true);
});

test.each([
  [
    'hidden',
    "update countersign.entries set id = gen_random_uuid() where type = 'run.committing'",
    'committed',
  ],
  ['deleted', "delete from countersign.entries where type = 'run.committing'", 'unknown'],
])(
  'the same, and the mark is %s by hand: it is not said to be rolled back',
  async (_, text, outcome) => {
    const grant = await killedBeforeTheAnswer();
    await own.unsafe(`${text}; update countersign.leases set state = 'pending'`);
    await recovered(outcome, grant);
    expect(await there()).toBe(true);
  },
);
