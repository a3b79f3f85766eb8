import { decodeEntry } from '@countersign/ledger';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import {
  authorityChange,
  collect,
  edit,
  intent,
  isTreeWhole,
  lease,
  newId,
  open,
} from './support/store.ts';

let server: Server;
let url: string;
let store: Store;
let other: Store;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  [store, other] = await Promise.all([open(url), open(url)]);
});
afterEach(async () => {
  expect(await isTreeWhole(store)).toBe(true);
  await Promise.all([store.close(), other.close()]);
});

describe('an entry', () => {
  it('is found as it was written', async () => {
    const agent = newId();
    const id = newId();
    const [outcome] = await store.journal.commit([
      intent({
        entries: [{ id, type: 'decision', body: { agent, reason: 'naïve \u0000 “quotes”' } }],
      }),
    ]);
    expect(outcome).toMatchObject({ outcome: 'committed', index: 0, authorityVersion: 0 });
    const entry = await other.journal.find(id);
    expect(decodeEntry(entry?.bytes ?? Buffer.of())).toEqual({
      v: 1,
      id,
      time: entry?.time,
      type: 'decision',
      body: { agent, reason: 'naïve \u0000 “quotes”' },
    });
    const query = { after: null, limit: 10, descending: true, types: ['decision'], agent };
    expect(await other.journal.page(query)).toEqual([entry]);
    expect(await other.journal.page({ ...query, agent: newId() })).toEqual([]);
    expect(await other.journal.page({ ...query, types: ['other'] })).toEqual([]);
  });

  it('is paged both ways by index', async () => {
    await store.journal.commit(Array.from({ length: 7 }, () => intent()));
    const page = { limit: 3, types: null, agent: null };
    const up = await store.journal.page({ ...page, after: 2, descending: false });
    const down = await store.journal.page({ ...page, after: 2, descending: true });
    expect(up.map((entry) => entry.index)).toEqual([3, 4, 5]);
    expect(down.map((entry) => entry.index)).toEqual([1, 0]);
  });

  it('is written once, however often it is asked for', async () => {
    const again = intent();
    const outcomes = await Promise.all([
      store.journal.commit([again, again]),
      other.journal.commit([again]),
      store.journal.commit([again]),
    ]);
    const committed = outcomes.flat().filter(({ outcome }) => outcome === 'committed');
    expect(committed).toHaveLength(1);
    expect((await store.journal.head()).size).toBe(1);
  });

  it('that is malformed fails only its own caller', async () => {
    const broken = intent({}, 'Not A Type');
    const results = await Promise.allSettled([
      store.journal.commit([intent()]),
      store.journal.commit([broken]),
      store.journal.commit([intent({ lease: lease({ agent: 'no uuid' }) })]),
      store.journal.commit([intent({ once: [{ id: 'nul \u0000', expiresAt: 0 }] })]),
      store.journal.commit([intent({ lease: lease({ expiresAt: Number.NaN }) })]),
      store.journal.commit([intent()]),
    ]);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect((await store.journal.head()).size).toBe(2);
  });
});

describe('group commit', () => {
  it('keeps the order of calls', async () => {
    const intents = Array.from({ length: 700 }, () => intent());
    const outcomes = await Promise.all(intents.map((one) => store.journal.commit([one])));
    const indices = outcomes.flat().map((one) => (one.outcome === 'committed' ? one.index : -1));
    expect(indices).toEqual(intents.map((_, at) => at));
    const entries = await collect(store.journal.read(0, 700));
    expect(entries.map((entry) => entry.id)).toEqual(intents.map((one) => one.entries[0]?.id));
  });

  it('writes each Merkle tile as it becomes complete', async () => {
    for (const size of [100, 300, 5, 120]) {
      await store.journal.commit(Array.from({ length: size }, () => intent()));
    }
    const entries = await collect(store.journal.read(0, 525));
    for (const index of [0, 1]) {
      const leaves = entries.slice(index * 256, (index + 1) * 256).map((entry) => entry.leafHash);
      expect(await other.ledger.tile(0, index)).toEqual(Buffer.concat(leaves));
    }
    expect(await other.ledger.tile(0, 2)).toBeNull();
  });
});

describe('where another server commits too', () => {
  it('each takes its turn, and nothing is lost or written twice', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        // Some lose, so that turns are mixed with looking for losers.
        const once = at % 10 === 0 ? [{ id: 'jti', expiresAt: Date.now() + 60_000 }] : [];
        await (at % 7 === 0 ? store.journal.head() : null);
        return (at % 2 === 0 ? store : other).journal.commit([intent({ once })]);
      }),
    );
    const committed = outcomes.flat().filter(({ outcome }) => outcome === 'committed');
    expect(committed).toHaveLength(181);
    const places = committed.map((one) => (one.outcome === 'committed' ? one.index : null));
    expect(new Set(places).size).toBe(181);
    expect((await store.journal.head()).size).toBe(181);
  });

  it('whoever comes while one waits for the head shares its commit', async () => {
    const batches: number[] = [];
    const watched = await open(url, { onBatch: ({ intents }) => batches.push(intents) });
    const sql = postgres(url, { max: 1 });
    try {
      await store.journal.commit([intent()]);
      const commits = await sql.begin(async (tx) => {
        await tx`select from countersign.head for update`;
        const first = watched.journal.commit([intent()]);
        let isWaiting = false;
        while (!isWaiting) {
          const waiting = await tx`
            select from pg_locks where not granted and transactionid is not null`;
          isWaiting = waiting.length > 0;
        }
        return [first, watched.journal.commit([intent()]), watched.journal.commit([intent()])];
      });
      await Promise.all(commits);
      expect(batches).toEqual([3]);
    } finally {
      await Promise.all([watched.close(), sql.end()]);
    }
  });
});

describe('Law 4: what is limited', () => {
  it('a single-use grant is used once however many race', async () => {
    const grant = newId();
    const outcomes = await Promise.all(
      Array.from({ length: 64 }, (_, at) =>
        (at % 2 === 0 ? store : other).journal.commit([intent({ uses: [{ grant, max: 1 }] })]),
      ),
    );
    const names = outcomes.flat().map(({ outcome }) => outcome);
    expect(names.filter((name) => name === 'committed')).toHaveLength(1);
    expect(names.filter((name) => name === 'exhausted')).toHaveLength(63);
    expect((await store.uses.used([grant])).get(grant)).toBe(1);
    expect((await store.journal.head()).size).toBe(1);
  });

  it('as many as uses are left win in one batch, first come', async () => {
    const grant = newId();
    await store.journal.commit([intent({ uses: [{ grant, max: 5 }] })]);
    const outcomes = await other.journal.commit(
      Array.from({ length: 8 }, () => intent({ uses: [{ grant, max: 5 }] })),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      ...Array(4).fill('committed'),
      ...Array(4).fill('exhausted'),
    ]);
    expect(outcomes[7]).toEqual({ outcome: 'exhausted', grant });
  });

  it('a use comes back only by an entry, and can be used again', async () => {
    const grant = newId();
    const use = () => store.journal.commit([intent({ uses: [{ grant, max: 1 }] })]);
    const giveBack = () =>
      store.journal.commit([intent({ effects: [{ kind: 'return-use', grants: [grant] }] })]);
    const outcomes = [await use(), await giveBack(), await giveBack(), await use(), await use()];
    expect(outcomes.flat().map(({ outcome }) => outcome)).toEqual([
      'committed',
      'committed',
      'conflict',
      'committed',
      'exhausted',
    ]);
  });

  it('a replay id is taken once, by a commit or by a read', async () => {
    const once = [{ id: 'jti', expiresAt: Date.now() + 60_000 }];
    const results = await Promise.all([
      ...Array.from({ length: 20 }, (_, at) =>
        (at % 2 === 0 ? store : other).journal
          .commit([intent({ once })])
          .then(([one]) => one?.outcome === 'committed'),
      ),
      store.replayIds.remember({ id: 'jti', expiresAt: Date.now() + 60_000 }),
    ]);
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await store.journal.commit([intent({ once })])).toEqual([{ outcome: 'replayed' }]);
    await store.replayIds.sweep(Date.now() + 120_000);
    expect(await store.replayIds.remember({ id: 'jti', expiresAt: 0 })).toBe(true);
  });

  it('of replay ids that are remembered side by side each is new once, and a malformed one fails alone', async () => {
    const ids = Array.from({ length: 40 }, (_, at) => `jti-${at % 20}`);
    const results = await Promise.allSettled(
      [...ids, 'nul \u0000'].map((id, at) =>
        (at % 3 === 0 ? store : other).replayIds.remember({ id, expiresAt: Date.now() + 60_000 }),
      ),
    );
    const news = results.flatMap((one, at) =>
      one.status === 'fulfilled' && one.value ? [ids[at]] : [],
    );
    expect(news.toSorted()).toEqual([...new Set(ids)].toSorted());
    expect(results.map(({ status }) => status)).toEqual([
      ...ids.map(() => 'fulfilled'),
      'rejected',
    ]);
  });

  it('one loser does not fail the others', async () => {
    const grant = newId();
    await store.journal.commit([intent({ uses: [{ grant, max: 1 }] }), authorityChange()]);
    const outcomes = await other.journal.commit([
      intent({ authorityVersion: 1 }),
      intent({ authorityVersion: 0 }),
      intent({ uses: [{ grant, max: 1 }] }),
      intent({ notAfter: Date.now() - 1000 }),
      intent({ notBefore: Date.now() + 60_000 }),
      intent({ effects: [{ kind: 'spend-invitation', codeHash: 'none', now: Date.now() }] }),
      intent({ authorityVersion: 1 }),
    ]);
    expect(outcomes).toMatchObject([
      { outcome: 'committed', index: 2 },
      { outcome: 'stale' },
      { outcome: 'exhausted', grant },
      { outcome: 'stale' },
      { outcome: 'stale' },
      { outcome: 'conflict', what: 'spend-invitation' },
      { outcome: 'committed', index: 3 },
    ]);
  });
});

describe('Law 4: authority', () => {
  it('nothing decided on an older version commits after a change, on any replica', async () => {
    const grant = newId();
    const decisions = Array.from({ length: 64 }, () =>
      intent({ authorityVersion: 0, uses: [{ grant, max: 1000 }] }),
    );
    const commits = decisions.map((one, at) =>
      (at % 2 === 0 ? store : other).journal.commit([one]),
    );
    const change = other.journal.commit([authorityChange()]);
    const later = decisions.map((_, at) =>
      (at % 2 === 0 ? store : other).journal.commit([intent({ authorityVersion: 0 })]),
    );
    const [changed] = await change;
    const all = (await Promise.all([...commits, ...later])).flat();
    expect(changed).toMatchObject({ outcome: 'committed', authorityVersion: 1 });
    const changedAt = changed?.outcome === 'committed' ? changed.index : -1;
    for (const one of all) {
      if (one.outcome === 'committed') expect(one.index).toBeLessThan(changedAt);
      else expect(one.outcome).toBe('stale');
    }
  });

  it('an intent behind a change in the same batch is stale', async () => {
    const outcomes = await store.journal.commit([
      intent({ authorityVersion: 0 }),
      authorityChange(0),
      intent({ authorityVersion: 0 }),
      authorityChange(0),
    ]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      'committed',
      'committed',
      'stale',
      'stale',
    ]);
  });

  it('calls every replica back, also after its connection was lost', async () => {
    const heard: (() => void)[] = [];
    const next = () => new Promise<void>((resolve) => heard.push(resolve));
    const connected = next();
    const stop = await other.journal.onAuthorityChange(() => heard.shift()?.());
    await connected;
    const first = next();
    await store.journal.commit([authorityChange()]);
    await first;
    const reconnected = next();
    await terminate('listen%');
    await reconnected;
    const second = next();
    await store.journal.commit([authorityChange()]);
    await second;
    await stop();
  });

  it('streams authority entries only, from any index', async () => {
    await store.journal.commit([
      intent(),
      authorityChange(),
      intent(),
      authorityChange(),
      intent(),
    ]);
    const indices = async (reader: Store, from: number) =>
      (await collect(reader.journal.readAuthority(from))).map((entry) => entry.index);
    expect(await indices(store, 0)).toEqual([1, 3]);
    expect(await indices(other, 2)).toEqual([3]);
    expect(await indices(store, 4)).toEqual([]);
    await other.journal.commit([intent(), authorityChange()]);
    expect(await indices(store, 4)).toEqual([6]);
    expect(await indices(other, 7)).toEqual([]);
  });
});

async function terminate(like: string): Promise<void> {
  await edit(
    server.asSuperuser(url),
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and query ilike '${like}'`,
  );
}

it('has a head that comes with how far this clock is from the database’s', async () => {
  const ahead = await open(url, { clock: { now: () => Date.now() + 60_000 } });
  try {
    expect(Math.abs((await store.journal.head()).clockSkew)).toBeLessThan(5_000);
    expect(Math.abs((await ahead.journal.head()).clockSkew - 60_000)).toBeLessThan(5_000);
  } finally {
    await ahead.close();
  }
});

it('tells of each commit, and how many shared it', async () => {
  const batches: number[] = [];
  const watched = await open(url, { onBatch: ({ intents }) => batches.push(intents) });
  try {
    await watched.journal.commit([intent(), intent()]);
    await watched.journal.commit([intent()]);
    expect(batches).toEqual([2, 1]);
  } finally {
    await watched.close();
  }
});
