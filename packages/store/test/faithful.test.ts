import { CountersignError, Secret, UnfaithfulLedger } from '@countersign/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { authorityChange, collect, edit, intent, isTreeWhole, open } from './support/store.ts';

let server: Server;
let url: string;
let store: Store;
/** Milliseconds this server's clock is ahead of the database's. */
let ahead: number;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  ahead = 0;
  url = await server.database();
  store = await open(url, { clock: { now: () => Date.now() + ahead } });
});
afterEach(() => store.close());

const withEffect = () => intent({ effects: [{ kind: 'spend-genesis-code', codeHash: 'code' }] });

describe('Law 4: time', () => {
  it('never runs backwards, though the clock does', async () => {
    const times: string[] = [];
    for (const jump of [0, 4000, -4000, 1000, -2000]) {
      ahead = jump;
      const [one] = await store.journal.commit([intent()]);
      times.push(one?.outcome === 'committed' ? one.time : 'refused');
    }
    expect(times).toEqual([...times].sort());
    const entries = await collect(store.journal.read(0, 10));
    expect(entries.map((entry) => entry.time)).toEqual(times);
    expect((await store.journal.head()).time).toBe(times.at(-1));
  });

  it('bounds what it was judged for by the time of the entry, not by the clock', async () => {
    ahead = 4000;
    await store.journal.commit([intent()]);
    ahead = 0;
    const notAfter = Date.now() + 2000;
    expect(await store.journal.commit([intent({ notAfter })])).toEqual([{ outcome: 'stale' }]);
  });

  it.each([6000, -6000])('a clock %i ms off denies everything', async (skew) => {
    await store.codes.setGenesisCode('code');
    ahead = skew;
    const denied = { code: 'broker_unavailable', message: expect.stringMatching(/clock/) };
    await expect(store.journal.commit([intent()])).rejects.toMatchObject(denied);
    await expect(store.journal.commit([withEffect()])).rejects.toMatchObject(denied);
    ahead = 0;
    expect((await store.journal.head()).size).toBe(0);
    expect(await store.journal.commit([withEffect()])).toMatchObject([{ outcome: 'committed' }]);
  });
});

describe('Law 1: the database owner is not trusted', () => {
  const refused = expect.objectContaining({
    code: 'broker_unavailable',
    message: expect.stringMatching(/not the one this server knows/),
  });

  const EDITS: readonly [string, string][] = [
    ['a version set back', 'update countersign.head set authority_version = 0'],
    ['a root of its own', "update countersign.head set root = sha256('x')"],
    ['peaks of its own', "update countersign.head set peaks = sha256('x')"],
    ['another size', "update countersign.head set size = 0, peaks = decode('', 'hex')"],
    ['a size that its peaks are not of', 'update countersign.head set size = size - 1'],
    ['a time set back', "update countersign.head set time = '2020-01-01'"],
    ['no head', 'delete from countersign.head'],
    [
      'another beside it',
      `alter table countersign.head drop constraint head_pkey, drop constraint head_id_check;
       insert into countersign.head select * from countersign.head`,
    ],
  ];

  it.each(EDITS)('a head with %s is refused', async (_, text) => {
    await store.journal.commit([intent(), authorityChange(), intent(), intent()]);
    await edit(server.asSuperuser(url), text);
    await expect(store.journal.head()).rejects.toBeInstanceOf(UnfaithfulLedger);
    await expect(open(url)).rejects.toBeInstanceOf(CountersignError);
    // It either refuses, or writes on from what it knows to be true; never from what was edited.
    const [result] = await Promise.allSettled([store.journal.commit([intent()])]);
    if (result.status === 'fulfilled') {
      expect(result.value).toMatchObject([{ index: 4, authorityVersion: 1 }]);
      expect(await isTreeWhole(store)).toBe(true);
    } else expect(result.reason).toEqual(refused);
  });

  it('a ledger put back to an earlier, genuine head is refused by whoever saw more', async () => {
    await store.journal.commit([intent(), intent()]);
    await edit(server.asSuperuser(url), 'create table public.kept as table countersign.head');
    await store.journal.commit([authorityChange()]);
    await edit(
      server.asSuperuser(url),
      `delete from countersign.entries where index >= 2; delete from countersign.head;
       insert into countersign.head table public.kept`,
    );
    await expect(store.journal.commit([intent({ authorityVersion: 0 })])).resolves.toEqual([
      { outcome: 'stale' },
    ]);
    await expect(store.journal.commit([intent()])).rejects.toEqual(refused);
  });

  it('a history rewritten by a holder of the key is refused by whoever saw another', async () => {
    const twin = await open(url);
    await store.journal.commit([intent()]);
    await edit(
      server.asSuperuser(url),
      `create table public.head as table countersign.head;
       create table public.entries as table countersign.entries;
       delete from countersign.entries; delete from countersign.head`,
    );
    const forger = await open(url);
    await forger.journal.commit([intent(), intent()]);
    await expect(store.journal.head()).rejects.toEqual(refused);
    await Promise.all([twin.close(), forger.close()]);
  });

  it.each([
    ['hidden', 'update countersign.entries set authority = false where index = 1'],
    ['deleted', 'delete from countersign.entries where index = 1'],
    ['added', 'update countersign.entries set authority = true where index = 0'],
    [
      'swapped',
      `update countersign.entries set index = -1 where index = 1;
       update countersign.entries set index = 1 where index = 3;
       update countersign.entries set index = 3 where index = -1`,
    ],
    ['changed', "update countersign.entries set bytes = bytes || 'x'::bytea where index = 1"],
    [
      'laid on another',
      `alter table countersign.entries drop constraint entries_pkey;
       update countersign.entries set index = 1 where index = 3`,
    ],
  ])('an authority entry that was %s stops the fold', async (_, text) => {
    await store.journal.commit([intent(), authorityChange(), intent(), authorityChange()]);
    await edit(server.asSuperuser(url), text);
    await expect(collect(store.journal.readAuthority(0))).rejects.toEqual(refused);
  });

  it('another key-encryption key does not open the ledger', async () => {
    const kek = new Secret<Uint8Array>('kek', Buffer.alloc(32, 8));
    await expect(open(url, { kek })).rejects.toEqual(refused);
  });

  it("the server's own role cannot change or remove entries by a slip", async () => {
    await store.journal.commit([intent()]);
    await expect(edit(url, 'delete from countersign.entries')).rejects.toThrow(/permission denied/);
    await expect(edit(url, "update countersign.entries set type = 'x'")).rejects.toThrow(
      /permission denied/,
    );
    expect(await isTreeWhole(store)).toBe(true);
  });
});

describe('the cluster', () => {
  it('tells its identifier and answers', async () => {
    expect(await store.systemIdentifier()).toMatch(/^\d{10,}$/);
    await store.ping();
  });
});
