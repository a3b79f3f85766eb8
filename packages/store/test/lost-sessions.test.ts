import type { CountersignError } from '@countersign/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { collect, edit, intent, isTreeWhole, lease, newId, open } from './support/store.ts';
import { startWire, type Wire } from './support/wire.ts';

/**
 * PostgreSQL ends sessions: of a restart, a failover, an idle timeout, an operator. Whoever asks next
 * has lost nothing, so nobody hears of it; and nothing of the ended session answers for the next one.
 */

let server: Server;
let url: string;
let store: Store;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  store = await open(url, { poolSize: 3 });
  await store.journal.commit([intent({ lease: lease() })]);
});
afterEach(() => store.close());

const READS: readonly [string, () => Promise<unknown>][] = [
  ['the head', () => store.journal.head()],
  ['entries', () => collect(store.journal.read(0, 10))],
  ['authority entries', () => collect(store.journal.readAuthority(0))],
  [
    'a page',
    () => store.journal.page({ after: null, limit: 9, descending: true, types: null, agent: null }),
  ],
  ['an entry', () => store.journal.find(newId())],
  ['the head as stored', () => store.ledger.head()],
  ['a tile', () => store.ledger.tile(0, 0)],
  ['token keys', () => store.tokenKeys.read()],
  ['leases', () => store.leases.live(null)],
  ['leases that are due', () => store.leases.due({ now: Date.now(), pendingBefore: 0, limit: 9 })],
  ['a count of leases', () => store.leases.census({ now: Date.now(), pendingFor: 60_000 })],
  ['access requests', () => store.accessRequests.page({ after: null, limit: 9, open: true })],
  ['an invitation', () => store.codes.findInvitation('code', Date.now())],
  ['use counters', () => store.uses.used([newId()])],
  ['a credential', () => store.sealedCredentials.holds(newId())],
  ['servers', () => store.keks.replicas()],
  ['an answer', () => store.ping()],
];

/** So many at a time that every pooled session is in use. */
async function readAll(): Promise<void> {
  await Promise.all(READS.map(([, read]) => read()));
}

/** Resolves when none is left. */
async function endSessions(): Promise<void> {
  const others = `from pg_stat_activity
    where datname = current_database() and usename <> current_user and pid <> pg_backend_pid()`;
  await edit(
    server.asSuperuser(url),
    `do $$ begin
      perform pg_terminate_backend(pid) ${others};
      while exists (select ${others}) loop perform pg_stat_clear_snapshot(); end loop;
    end $$`,
  );
}

describe('when PostgreSQL ended every pooled session', () => {
  it('each read is answered by itself', async () => {
    for (const [name, read] of READS) {
      await readAll();
      await endSessions();
      await expect(read(), name).resolves.not.toThrow();
    }
  });

  it('all reads at once are answered, time and again', async () => {
    for (let round = 0; round < 10; round += 1) {
      await readAll();
      await endSessions();
      await readAll();
    }
  });

  it('a commit is written once', async () => {
    for (let round = 0; round < 10; round += 1) {
      await endSessions();
      expect(await store.journal.commit([intent()])).toMatchObject([{ index: round + 1 }]);
    }
    expect(await isTreeWhole(store)).toBe(true);
  });

  it('work under a lock that the session held goes on, and so does everything after it', async () => {
    const worked = await store.keks.exclusively(async () => {
      await endSessions();
      return 'worked';
    });
    expect(worked).toBe('worked');
    for (let round = 0; round < 5; round += 1) await readAll();
    expect(await store.keks.exclusively(() => Promise.resolve('again'))).toBe('again');
  });
});

describe('when the session of a transaction ended', () => {
  it('nothing of the transaction is done outside of it, on the session that took its place', async () => {
    const stored = `select from countersign.sealed_keys where purpose = 'token/kept'`;
    await edit(
      url,
      `insert into countersign.sealed_keys (purpose, public_jwk, sealed) values ('token/kept', '{}', '')`,
    );
    const change = { add: null, remove: ['kept'], floor: null, entry: null, isUrgent: false };
    let planned = Promise.resolve();
    const changed = store.tokenKeys.change(async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      planned = promise;
      await endSessions();
      // Each session of those that commit is opened anew.
      await Promise.all(Array.from({ length: 9 }, () => store.journal.head()));
      setImmediate(resolve);
      return change;
    });
    await expect(changed).rejects.toMatchObject({ code: 'broker_unavailable' });
    await planned;
    await store.journal.head();
    expect(await edit(url, stored)).toHaveLength(1);
    expect(await store.tokenKeys.change(() => Promise.resolve(change))).toBe(true);
    expect(await edit(url, stored)).toHaveLength(0);
  });
});

describe('when a session ends while it is made ready', () => {
  it.each(['lose', 'lose-answer', 'end-session'] as const)(
    'who asked for it is answered or refused, and nobody else hears of it: %s',
    async (how) => {
      const wire = await startWire(url);
      const behind = await open(wire.url, { poolSize: 1 });
      await endSessions();
      // A session that is opened to be held: what it is made ready with, nobody waits for.
      wire.strike({ after: 'b.typarray', at: 'b.typarray', how });
      const done = () => behind.keks.exclusively(() => Promise.resolve('done'));
      const outcome = await done().catch(({ code }: CountersignError) => code);
      expect(wire.struck()).toBe(true);
      expect(['done', 'broker_unavailable']).toContain(outcome);
      expect(await done()).toBe('done');
      await behind.close();
      await wire.close();
    },
  );
});

describe('when a session ends in place of an answer', () => {
  let wire: Wire;
  let behind: Store;
  beforeEach(async () => {
    wire = await startWire(url);
    // One session for all reads, so that the next meets what is left of it.
    behind = await open(wire.url, { poolSize: 1 });
  });
  afterEach(async () => {
    await behind.close();
    await wire.close();
  });

  it('the read is done again, and the next is answered for itself', async () => {
    const [{ id } = { id: '' }] = await behind.leases.live(null);
    for (let round = 0; round < 3; round += 1) {
      wire.strike({ after: id, at: id, how: 'end-session' });
      expect(await behind.leases.find(id)).toMatchObject({ id });
      expect(await behind.leases.live(null)).toHaveLength(1);
    }
  });

  it('what is asked in any turn of the event loop around it is answered, too', async () => {
    const [{ id } = { id: '' }] = await behind.leases.live(null);
    for (let round = 0; round < 10; round += 1) {
      wire.strike({ after: id, at: id, how: 'end-session' });
      const answers: Promise<unknown>[] = [behind.leases.find(id)];
      for (let turn = 0; turn < 20; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        answers.push(behind.leases.live(null));
      }
      await Promise.all(answers);
    }
  });

  it('a write is not done again, and the next is answered for itself', async () => {
    const [{ id } = { id: '' }] = await behind.leases.live(null);
    wire.strike({ after: id, at: id, how: 'end-session' });
    await expect(behind.leases.activate(id)).rejects.toMatchObject({ code: 'broker_unavailable' });
    expect(await behind.leases.find(id)).toMatchObject({ state: 'active' });
    expect(await behind.leases.activate(id)).toBe(false);
  });
});
