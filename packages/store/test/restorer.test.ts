import { fromInstant, toInstant } from '@countersign/core';
import { encodeEntry, leafHash, rootOf } from '@countersign/ledger';
import { describe, expect, it } from 'vitest';
import { ownStores } from './support/own-stores.ts';
import { authorityChange, collect, intent, isTreeWhole, newId, open } from './support/store.ts';

const own = ownStores();

/** Entries of an earlier time, a second apart, as a mirror gives them back. */
function mirrored(count: number, since = Date.now()): Uint8Array[] {
  return Array.from({ length: count }, (_, n) =>
    encodeEntry({
      v: 1,
      id: newId(),
      time: toInstant(since + n),
      type: 'statement.signed',
      body: { n },
    }),
  );
}

function last(endsTokens = true) {
  return { entry: { id: newId(), type: 'restored', body: { lost: null } }, endsTokens };
}

async function fill(count: number): Promise<void> {
  await own.store.journal.commit([
    intent({ entries: Array.from({ length: count }, () => intent().entries[0] ?? last().entry) }),
  ]);
}

describe('the root of the first entries', () => {
  it('is that of their leaves, at every edge of a tile', async () => {
    await fill(700);
    const leaves = (await collect(own.store.journal.read(0, 700))).map((entry) => entry.leafHash);
    for (const size of [0, 1, 2, 3, 7, 255, 256, 257, 511, 512, 513, 699, 700]) {
      const root = await own.store.restorer.rootAt(size);
      expect(Buffer.compare(root, rootOf(leaves.slice(0, size))), `${size}`).toBe(0);
    }
    await expect(own.store.restorer.rootAt(701)).rejects.toMatchObject({
      code: 'broker_unavailable',
    });
  });

  it.each([
    [
      'a leaf below it',
      'update countersign.entries set leaf_hash = sha256(leaf_hash) where index = 2',
      3,
    ],
    [
      'a leaf above it',
      'update countersign.entries set leaf_hash = sha256(leaf_hash) where index = 2',
      2,
    ],
    ['a leaf above it that is gone', 'delete from countersign.entries where index = 4', 3],
    ['a tile below it', 'update countersign.tiles set root = sha256(root)', 300],
  ])('is none where %s is not of the tree of the head', async (_, text, size) => {
    await fill(300);
    await own.byHand(text);
    await expect(own.store.restorer.rootAt(size)).rejects.toMatchObject({
      code: 'broker_unavailable',
    });
  });
});

describe('a replay', () => {
  it.each([1, 300])('appends %i entries as they were, and goes on behind them', async (count) => {
    await own.store.journal.commit([authorityChange()]);
    const before = await own.store.journal.head();
    const entries = mirrored(count);
    const end = last();
    expect(await own.store.restorer.replay(before, entries, end)).toBe(true);
    const head = await own.store.journal.head();
    expect(head).toMatchObject({
      size: before.size + count + 1,
      authorityVersion: before.authorityVersion + 1,
    });
    const written = await collect(own.store.journal.readAuthority(before.size));
    expect(written.slice(0, count).map(({ bytes }) => Buffer.from(bytes))).toEqual(
      entries.map((bytes) => Buffer.from(bytes)),
    );
    expect(written.at(-1)).toMatchObject({ id: end.entry.id, type: 'restored' });
    expect([...written.map(({ time }) => time)]).toEqual(
      written.map(({ time }) => time).toSorted(),
    );
    expect(await isTreeWhole(own.store)).toBe(true);
    expect(await own.store.journal.commit([authorityChange()])).toMatchObject([
      { outcome: 'committed', index: head.size },
    ]);
    expect(await isTreeWhole(own.store)).toBe(true);
  });

  it('of nothing but what the mirror has makes the very tree the mirror has', async () => {
    const entries = mirrored(5);
    expect(await own.store.restorer.replay(await own.store.journal.head(), entries, null)).toBe(
      true,
    );
    const { root } = await own.store.journal.head();
    expect(Buffer.compare(root, rootOf(entries.map(leafHash)))).toBe(0);
  });

  it('ends every token key there was, where it says so', async () => {
    const head = await own.store.journal.head();
    await own.store.restorer.replay(head, mirrored(1), last(false));
    expect((await own.store.tokenKeys.read()).floor).toBeNull();
    await own.store.restorer.replay(await own.store.journal.head(), [], last());
    const { floor, ledgerTime } = await own.store.tokenKeys.read();
    expect(floor).toBe(ledgerTime);
  });

  it('never sets time back, though what is replayed is of a clock that was ahead', async () => {
    const ahead = Date.now() + 60_000;
    await own.store.restorer.replay(await own.store.journal.head(), mirrored(1, ahead), last());
    expect(fromInstant((await own.store.journal.head()).time)).toBe(ahead);
  });

  it('is for one head only: moved meanwhile, nothing is written', async () => {
    const before = await own.store.journal.head();
    await own.store.journal.commit([intent()]);
    expect(await own.store.restorer.replay(before, mirrored(2), last())).toBe(false);
    expect((await own.store.journal.head()).size).toBe(1);
  });

  it('is done once, however many servers begin it', async () => {
    const others = await Promise.all([open(own.url), open(own.url)]);
    const head = await own.store.journal.head();
    const entries = mirrored(300);
    const done = await Promise.all(
      [own.store, ...others].map((each) => each.restorer.replay(head, entries, last())),
    );
    expect(done.filter((isDone) => isDone)).toHaveLength(1);
    expect((await own.store.journal.head()).size).toBe(301);
    expect(await isTreeWhole(own.store)).toBe(true);
    await Promise.all(others.map((each) => each.close()));
  });

  it('is all or nothing: what fails at its end leaves nothing of its beginning', async () => {
    const entries = mirrored(300);
    const head = await own.store.journal.head();
    await expect(
      own.store.restorer.replay(head, [...entries, ...entries.slice(0, 1)], last()),
    ).rejects.toMatchObject({ code: 'broker_unavailable' });
    expect(await own.store.journal.head()).toMatchObject({ size: 0 });
    expect(await own.store.restorer.replay(head, entries, last())).toBe(true);
  });
});
