/** What a start began with is held against the statements: only a difference stops it, and only the same is written. */
import { createStateDigests, emptyState, partsOf } from '@countersign/authority';
import { CountersignError, UnfaithfulLedger } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import type { AuthorityFold } from '../src/authority-cache.ts';
import type { AuthorityPosition, Journal, Snapshots, StoredSnapshot } from '../src/ports.ts';
import { createSnapshotKeeping } from '../src/snapshot-keeping.ts';

const BEGINNING = new Uint8Array(32);

function digestsOf(change: Partial<ReturnType<typeof emptyState>> = {}) {
  const digests = createStateDigests();
  for (const part of partsOf({ ...emptyState(), ...change })) digests.add(part);
  return digests.finish();
}

/** Of a ledger without an authority entry, so that what it must come to is the empty state. */
const SNAPSHOT: StoredSnapshot = { next: 5, count: 0, chain: BEGINNING, digests: digestsOf() };

function rig(from: {
  readonly unconfirmed?: StoredSnapshot | null;
  readonly count?: number;
  readonly latest?: number;
  readonly failure?: Error;
}) {
  const did: string[] = [];
  const said: unknown[] = [];
  let unconfirmed = from.unconfirmed ?? null;
  const at: AuthorityPosition = { next: 9, count: from.count ?? 0, chain: BEGINNING };
  const authority = {
    at,
    get unconfirmed() {
      return unconfirmed;
    },
    confirm() {
      did.push('confirm');
      unconfirmed = null;
    },
    doubt: () => did.push('doubt'),
    copy: async () => ({ state: emptyState(), at }),
  };
  const snapshots: Partial<Snapshots> = {
    latest: async () => ({ ...SNAPSHOT, count: from.latest ?? 0 }),
    async write(_, parts) {
      for (const { member } of parts) if (member === '') did.push('write');
      return true;
    },
    async discard() {
      did.push('discard');
    },
  };
  const journal: Partial<Journal> = {
    readAuthority: () => ({
      [Symbol.asyncIterator]: () => ({
        async next() {
          if (from.failure !== undefined) throw from.failure;
          return { done: true, value: undefined };
        },
      }),
    }),
  };
  const keeping = createSnapshotKeeping({
    // What keeping asks of each; the rest of them is not asked.
    journal: journal as Journal,
    authority: authority as unknown as AuthorityFold,
    snapshots: snapshots as Snapshots,
    log: { info: () => undefined, warn: (fields) => said.push(fields) },
  });
  return { keeping, did, said };
}

describe('the snapshot a start began with', () => {
  test('is confirmed when the statements come to it', async () => {
    const { keeping, did } = rig({ unconfirmed: SNAPSHOT });
    await keeping.keep();
    expect(did).toEqual(['confirm']);
  });

  test('is doubted and discarded when they come to something else, and what differs is said', async () => {
    const digests = digestsOf({ names: new Map([['agent/x', 'y']]) });
    const { keeping, did, said } = rig({ unconfirmed: { ...SNAPSHOT, digests }, count: 5_000 });
    await keeping.keep();
    expect(did).toEqual(['doubt', 'discard']);
    expect(said).toEqual([{ next: 5, members: ['names'] }]);
  });

  test.each<[string, Partial<StoredSnapshot>]>([
    ['a member that this version does not have', { digests: { ...digestsOf(), unheardOf: 'x' } }],
    ['a chain that its statements do not make', { chain: new Uint8Array(32).fill(1) }],
  ])('is doubted for %s', async (_, change) => {
    const { keeping, did } = rig({ unconfirmed: { ...SNAPSHOT, ...change } });
    await keeping.keep();
    expect(did).toEqual(['doubt', 'discard']);
  });

  test('is doubted when the ledger behind it was changed', async () => {
    const failure = new UnfaithfulLedger('entry 3 was changed');
    const { keeping, did } = rig({ unconfirmed: SNAPSHOT, failure });
    await keeping.keep();
    expect(did).toEqual(['doubt', 'discard']);
  });

  test('is neither doubted nor written again while the database is away', async () => {
    const failure = new CountersignError('broker_unavailable', 'it could not be reached');
    const { keeping, did } = rig({ unconfirmed: SNAPSHOT, failure, count: 5_000 });
    await expect(keeping.keep()).rejects.toBe(failure);
    expect(did).toEqual([]);
  });
});

describe('a snapshot is written', () => {
  test.each<[string, number, number, string[]]>([
    ['with the first thousand entries', 1_000, 0, ['write']],
    ['not before', 999, 0, []],
    ['again after a thousand more', 2_000, 1_000, ['write']],
    ['not before that', 1_999, 1_000, []],
  ])('%s', async (_, count, latest, expected) => {
    const { keeping, did } = rig({ count, latest });
    await keeping.keep();
    expect(did).toEqual(expected);
  });

  test('no more once the server stops, which is no failure', async () => {
    const { keeping, did } = rig({ unconfirmed: SNAPSHOT, count: 5_000 });
    const kept = keeping.keep();
    keeping.stop();
    await kept;
    await keeping.keep();
    expect(did).toEqual([]);
  });
});
