/** A hand on the snapshot of authority: no start decides on what nobody signed, and somebody hears of it. */
import { type AuthorityState, partsOf, stateOf } from '@countersign/authority';
import { Secret } from '@countersign/core';
import { openStore, type Store } from '@countersign/store';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openStoreOf, seedAgents } from '../bench/seed.ts';
import { besides } from '../support/besides.ts';
import type { BrokerProcess } from '../support/broker-process.ts';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { codeOf, refused } from '../support/refusal.ts';

const BOOKINGS = details(['postgres:select'], ['public.bookings']);
const VEHICLES = details(['postgres:select'], ['public.vehicles']);
const UNSIGNED = details(['postgres:select'], ['public.customers']);
/** With a grant each: enough authority for a snapshot of it. */
const AGENTS = 550;
const PATIENCE = { timeout: 150_000 };

let deployment: Deployment;
/** On a database of each test's own; it began with the snapshot there. */
let broker: BrokerProcess;
let sql: postgres.Sql;
let vehicles: string;

beforeAll(async () => {
  deployment = await deploy();
  await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
  const { id } = await deployment.grant({
    operations: ['postgres:select'],
    resources: ['public.vehicles'],
  });
  vehicles = id;
  const store = await openStoreOf(deployment);
  await seedAgents(deployment, store, AGENTS);
  await deployment.broker.stop();
  const writer = await deployment.anotherServer();
  await vi.waitFor(async () => {
    expect(await store.snapshots.latest()).not.toBeNull();
  }, PATIENCE);
  await writer.stop();
  await store.close();
  await besides(deployment, 'alter database countersign rename to untouched');
}, 180_000);
afterAll(() => deployment.stop());
beforeEach(async () => {
  await besides(deployment, 'create database countersign template untouched');
  sql = postgres(deployment.databaseUrl.reveal(), { max: 1, onnotice: () => undefined });
});
afterEach(async () => {
  await sql.end();
  await broker.stop();
  await besides(deployment, 'drop database countersign with (force)');
});

/** A start on the database as it is now. */
async function start(): Promise<void> {
  broker = await deployment.anotherServer({ port: deployment.broker.port });
}

async function startSays(): Promise<string | null> {
  return await start().then(
    () => null,
    (error: unknown) => String(error),
  );
}

async function says(words: string): Promise<void> {
  await expect.poll(() => broker.output(), PATIENCE).toContain(words);
}

const isReady = async () => (await fetch(`${broker.url}/readyz`)).ok;
const token = (asked: typeof BOOKINGS) => deployment.cursor.agent.token(asked);

/** What humans signed holds, and nothing else. */
async function decidesAsSigned(): Promise<void> {
  expect(await isReady()).toBe(true);
  await token(BOOKINGS);
  await token(VEHICLES);
  await refused(token(UNSIGNED), 'resource_not_granted');
}

const BEGAN = 'began with a snapshot of authority';

/** The state of the snapshot there, with one grant that nobody signed. */
async function forgedState(store: Store) {
  const { snapshot } = await store.snapshots.read();
  if (snapshot === null) throw new Error('there is no snapshot');
  const state: AuthorityState = stateOf(snapshot.parts);
  const grant = state.grants.get(vehicles);
  if (grant === undefined) throw new Error('there is no such grant');
  const permissions = grant.body.permissions.map((each) => ({
    ...each,
    resources: ['public.customers'],
  }));
  state.grants.set(vehicles, { ...grant, body: { ...grant.body, permissions } });
  return { state, at: snapshot };
}

/** Puts a snapshot that a store of this key writes elsewhere in the place of ours. */
async function plant(kek: 'ours' | 'the thief’s', atOf: (at: At) => At): Promise<void> {
  const own = await openStoreOf(deployment);
  const { state, at } = await forgedState(own);
  await own.close();
  await besides(deployment, 'create database elsewhere');
  const url = new URL(deployment.databaseUrl.reveal());
  url.pathname = '/elsewhere';
  const elsewhere =
    kek === 'ours'
      ? await openStoreOf({ ...deployment, databaseUrl: new Secret('url', url.href) })
      : await openStore({
          url: new Secret('url', url.href),
          kek: new Secret('kek', new Uint8Array(32).fill(1)),
          clock: { now: () => Date.now() },
        });
  await elsewhere.snapshots.write(atOf(at), partsOf(state));
  await elsewhere.close();
  const there = postgres(url.href, { max: 1 });
  const [row] = await there`select * from countersign.snapshots`;
  const parts = await there`select * from countersign.snapshot_parts`;
  await there.end();
  await besides(deployment, 'drop database elsewhere with (force)');
  await sql`delete from countersign.snapshots`;
  await sql`insert into countersign.snapshots ${sql({ ...row })}`;
  for (const part of parts) await sql`insert into countersign.snapshot_parts ${sql({ ...part })}`;
}
type At = Parameters<Store['snapshots']['write']>[0];

describe('the snapshot of authority, edited by hand', { timeout: 180_000 }, () => {
  test('left alone, a start begins with it and finds that the statements come to it', async () => {
    await start();
    await says(BEGAN);
    await decidesAsSigned();
    await says('the statements come to the snapshot this server began with');
    await decidesAsSigned();
  });

  test.each([
    [
      'its document, to leave out the statements that follow',
      `update countersign.snapshots set document = regexp_replace(document, '"next":\\d+', '"next":99999')`,
    ],
    ['its MAC', 'update countersign.snapshots set mac = sha256(mac)'],
    [
      'its state',
      `update countersign.snapshot_parts set bytes = set_byte(bytes, 5000, get_byte(bytes, 5000) # 1)`,
    ],
    ['half of it away', 'delete from countersign.snapshot_parts'],
  ])('%s: the start folds the statements, and says so', async (_, text) => {
    await sql.unsafe(text);
    await start();
    await says('was changed by hand, or is of another deployment');
    expect(broker.output()).not.toContain(BEGAN);
    await decidesAsSigned();
    // In its place comes one that was folded here.
    await says('wrote a snapshot of authority');
  });

  test('deleted: the start folds the statements, and another is written', async () => {
    await sql`delete from countersign.snapshots`;
    await start();
    expect(broker.output()).not.toContain(BEGAN);
    await decidesAsSigned();
    await says('wrote a snapshot of authority');
  });

  test("another deployment's, with a grant that nobody signed here", async () => {
    await plant('the thief’s', (at) => at);
    await start();
    await says('was changed by hand, or is of another deployment');
    await decidesAsSigned();
  });

  test('one of another ledger under the same key: the head does not continue it', async () => {
    await plant('ours', (at) => ({ ...at, chain: new Uint8Array(32).fill(1) }));
    await start();
    await says('is of another ledger');
    await decidesAsSigned();
  });

  test('one that goes further than the ledger', async () => {
    await plant('ours', (at) => ({ ...at, next: at.next + 10_000 }));
    await start();
    await says('is of another ledger');
    expect(broker.output()).not.toContain(BEGAN);
    await decidesAsSigned();
  });

  test('put back from before a revocation: the revocation holds', async () => {
    await start();
    const { alice } = deployment;
    await alice.propose({ kind: 'grant.revoke', body: { grant: vehicles, reason: 'over' } });
    await broker.stop();
    await start();
    await says(BEGAN);
    await refused(token(VEHICLES), 'resource_not_granted');
    await token(BOOKINGS);
  });

  test('put back from before a revocation, and the revocation deleted: no start', async () => {
    await start();
    const { alice } = deployment;
    await alice.propose({ kind: 'grant.revoke', body: { grant: vehicles, reason: 'over' } });
    await broker.stop();
    await sql`delete from countersign.entries where index = (
      select max(index) from countersign.entries where authority)`;
    expect(await startSays()).toMatch(/could not start/);
  });

  test.each([
    ['deleted', sqlText('delete from countersign.entries')],
    [
      'changed',
      sqlText(
        'update countersign.entries set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1)',
      ),
    ],
  ])(
    'a statement behind it %s: it decides as signed until it finds out, then nothing',
    async (_, text) => {
      await sql.unsafe(text);
      await start();
      await says('it decides nothing any more');
      expect(await isReady()).toBe(false);
      expect(await codeOf(token(BOOKINGS))).toBe('broker_unavailable');
      await broker.stop();
      // Nothing is left to begin with but the statements.
      expect(await startSays()).toMatch(/could not start/);
    },
  );

  test('forged by a thief of the key: found out, nothing is decided, and the next start is sound', async () => {
    const store = await openStoreOf(deployment);
    const { state, at } = await forgedState(store);
    expect(await store.snapshots.write(at, partsOf(state))).toBe(true);
    await store.close();
    await start();
    await says('it decides nothing any more');
    expect(broker.output()).toContain('"members":["grants"]');
    expect(await isReady()).toBe(false);
    expect(await codeOf(token(UNSIGNED))).toBe('broker_unavailable');
    await broker.stop();
    await start();
    await decidesAsSigned();
  });
});

/** At the first grant there is. */
function sqlText(change: string): string {
  return `${change} where index = (select min(index) from countersign.entries
    where convert_from(bytes, 'UTF8') like '%statement.signed%')`;
}
