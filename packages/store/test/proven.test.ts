/** Law 1: what the broker concludes from an entry is concluded from one that the head vouches for. */
import { UnfaithfulLedger } from '@countersign/core';
import { encodeEntry, leafHash } from '@countersign/ledger';
import { describe, expect, it } from 'vitest';
import { ownStores } from './support/own-stores.ts';
import { collect, intent, newId } from './support/store.ts';

const own = ownStores();

/** @returns their ids, in the order of the ledger */
async function fill(count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, () => newId());
  for (let from = 0; from < count; from += 2000) {
    const entries = ids
      .slice(from, from + 2000)
      .map((id) => ({ id, type: 'decision', body: { verdict: 'allow' } }));
    await own.store.journal.commit([intent({ entries })]);
  }
  return ids;
}

const changed = expect.objectContaining({
  code: 'broker_unavailable',
  message: expect.stringMatching(/not the one this server knows/),
});

describe('every entry is found by its id', () => {
  it.each([1, 2, 3, 255, 256, 257, 511, 512, 513, 700])('in a tree of %i', async (size) => {
    const ids = await fill(size);
    const places = [0, 1, 2, 254, 255, 256, 257, 510, 511, 512, 513, size - 1];
    for (const place of new Set(places.filter((each) => each < size))) {
      expect(await own.store.journal.find(ids[place] ?? '')).toMatchObject({ index: place });
    }
  });

  it('in a tree with tiles of tiles, and read from anywhere on', { timeout: 120_000 }, async () => {
    const size = 65_536 + 300;
    const ids = await fill(size);
    const places = [0, 255, 256, 40_000, 65_279, 65_535, 65_536, 65_791, 65_792, size - 1];
    for (const place of places) {
      expect(await own.store.journal.find(ids[place] ?? '')).toMatchObject({ index: place });
    }
    for (const from of [65_000, 65_535, 65_536, 65_537, 65_800, size - 1]) {
      const read = await collect(own.store.journal.readProven(from));
      expect(read.map(({ id }) => id)).toEqual(ids.slice(from));
    }
    expect(await collect(own.store.journal.readProven(size))).toEqual([]);
    expect(await own.store.journal.find(newId())).toBeNull();
  });
});

describe('an entry is not believed', () => {
  /** Another entry of its id, in its place or in one of its own. */
  async function forged(id: string, place: string): Promise<string> {
    const time = '2026-11-20T12:00:00.000Z';
    const bytes = encodeEntry({ v: 1, id, time, type: 'dry_run.finished', body: {} });
    const [its, hash] = [bytes, leafHash(bytes)].map((each) => Buffer.from(each).toString('hex'));
    return place === 'own'
      ? `insert into countersign.entries (index, id, type, time, authority, bytes, leaf_hash)
         values (900000000, '${id}', 'dry_run.finished', now(), false, '\\x${its}', '\\x${hash}')`
      : `update countersign.entries set bytes = '\\x${its}', leaf_hash = '\\x${hash}'
         where id = '${id}'`;
  }

  it.each([3, 300])('whose bytes are others, with their leaf hash, of %i', async (size) => {
    const ids = await fill(size);
    for (const place of [0, size - 1]) {
      await own.byHand(await forged(ids[place] ?? '', 'its'));
      await expect(own.store.journal.find(ids[place] ?? '')).rejects.toEqual(changed);
    }
  });

  it.each([0, 3, 300])('that nobody appended, beside %i', async (size) => {
    await fill(size);
    const id = newId();
    await own.byHand(await forged(id, 'own'));
    await expect(own.store.journal.find(id)).rejects.toBeInstanceOf(UnfaithfulLedger);
  });

  it('of another id than its row says', async () => {
    const [first] = await fill(3);
    const id = newId();
    await own.byHand(`update countersign.entries set id = '${id}' where id = '${first}'`);
    await expect(own.store.journal.find(id)).rejects.toEqual(changed);
    // By its own it is not named, which proves nothing: whoever has to know reads all of them.
    expect(await own.store.journal.find(first ?? '')).toBeNull();
    expect((await collect(own.store.journal.readProven(0)))[0]).toMatchObject({ id: first });
  });

  it.each(['-1', '2', '300'])('in another place than it has: %s', async (place) => {
    const ids = await fill(2);
    const last = ids[1] ?? '';
    await own.byHand(`update countersign.entries set index = ${place} where id = '${last}'`);
    await expect(own.store.journal.find(last)).rejects.toEqual(changed);
  });

  it('beside another of its id', async () => {
    const [id] = await fill(3);
    await own.byHand(
      `alter table countersign.entries drop constraint entries_id_key; ${await forged(id ?? '', 'own')}`,
    );
    await expect(own.store.journal.find(id ?? '')).rejects.toEqual(changed);
  });

  it('by a tile that was changed: it is found no more, rather than found wrong', async () => {
    const ids = await fill(513);
    await own.byHand(`update countersign.entries set leaf_hash = sha256('x') where index = 7`);
    await expect(own.store.journal.find(ids[8] ?? '')).rejects.toEqual(changed);
    expect(await own.store.journal.find(ids[512] ?? '')).toMatchObject({ index: 512 });
  });
});

describe('entries read in order are all of them, or none counts', () => {
  it.each([
    [
      'changed',
      `update countersign.entries set leaf_hash = sha256('x'), bytes = replace(
       encode(bytes, 'escape'), 'allow', 'allot')::bytea where index = 290`,
    ],
    [
      'before them changed',
      `update countersign.entries set leaf_hash = sha256('x') where index = 270`,
    ],
    ['in a tile before them changed', `update countersign.tiles set root = sha256('x')`],
    ['deleted', 'delete from countersign.entries where index = 290'],
    ['the last, deleted', 'delete from countersign.entries where index = 299'],
    ['moved', 'update countersign.entries set index = 1000 where index = 290'],
    ['that is none', `update countersign.entries set bytes = 'x' where index = 290`],
  ])('one %s', async (_, text) => {
    await fill(300);
    expect(await collect(own.store.journal.readProven(280))).toHaveLength(20);
    await own.byHand(text);
    await expect(collect(own.store.journal.readProven(280))).rejects.toEqual(changed);
  });
});
