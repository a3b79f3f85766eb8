/** What is left of a limited grant is the ledger's to say, whatever becomes of its counter's row. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { edit, intent, newId, open } from './support/store.ts';

let server: Server;
let url: string;
let store: Store;
/** Counters that were told to be set back, by grant. */
let told: Map<string, { readonly stored: number; readonly counted: number }>;
const onEditedCounter = ({ grant, ...said }: { grant: string; stored: number; counted: number }) =>
  void told.set(grant, said);

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  told = new Map();
  url = await server.database();
  store = await open(url, { onEditedCounter });
});
afterEach(() => store.close());

const use = (grant: string, max = 1) => intent({ uses: [{ grant, max }] });
const giveBack = (grant: string) => intent({ effects: [{ kind: 'return-use', grants: [grant] }] });
const hand = (text: string) => edit(server.asSuperuser(url), text);

describe('Law 1: a use that the ledger counts', () => {
  it.each([
    ['lowered', 'update countersign.grant_uses set used = 0'],
    ['deleted', 'delete from countersign.grant_uses'],
    ['moved away', 'update countersign.grant_uses set grant_id = gen_random_uuid()'],
    [
      'lowered each time by a trigger',
      `create function countersign.back() returns trigger language plpgsql as
         $$ begin new.used := 0; return new; end $$;
       create trigger back before insert or update on countersign.grant_uses
         for each row execute function countersign.back();
       update countersign.grant_uses set used = 0`,
    ],
  ])(
    'stays used where its counter was %s, at the server that counted it and at another',
    async (_, text) => {
      const grant = newId();
      await store.journal.commit([use(grant)]);
      await hand(text);
      const other = await open(url, { onEditedCounter });
      try {
        for (const each of [store, other]) {
          told.clear();
          expect(await each.journal.commit([use(grant)])).toEqual([
            { outcome: 'exhausted', grant },
          ]);
          expect((await each.uses.used([grant])).get(grant)).toBe(1);
          expect(told.get(grant)).toEqual({ stored: 0, counted: 1 });
        }
      } finally {
        await other.close();
      }
    },
  );

  it.each([
    ['deleted', 'delete from countersign.entries where counts'],
    ['said to count nothing', 'update countersign.entries set counts = false'],
    ['rewritten', "update countersign.entries set bytes = bytes || ' '::bytea where counts"],
    [
      'followed by one that gives it back',
      `
      insert into countersign.entries (index, id, type, time, authority, bytes, leaf_hash, counts)
      select 1, gen_random_uuid(), type, time, authority, bytes, leaf_hash, true
      from countersign.entries; update countersign.head set size = 2`,
    ],
  ])('stops a server that starts where its entry was %s', async (_, text) => {
    const grant = newId();
    await store.journal.commit([use(grant, 2)]);
    await hand(text);
    const other = await open(url).catch((error: unknown) => error);
    if (other instanceof Error) return expect(other).toMatchObject({ code: 'broker_unavailable' });
    // `other` is a store: only an Error was caught.
    const opened = other as Store;
    try {
      const refused = { code: 'broker_unavailable' };
      await expect(opened.uses.used([grant])).rejects.toMatchObject(refused);
      await expect(opened.journal.commit([use(grant, 2)])).rejects.toMatchObject(refused);
    } finally {
      await opened.close();
    }
  });

  it('comes back by an entry, and is told of by nobody', async () => {
    const grant = newId();
    await store.journal.commit([use(grant)]);
    await store.journal.commit([giveBack(grant)]);
    expect((await store.uses.used([grant])).get(grant)).toBe(0);
    const other = await open(url, { onEditedCounter });
    expect(await other.journal.commit([use(grant)])).toMatchObject([{ outcome: 'committed' }]);
    expect(await store.journal.commit([use(grant)])).toEqual([{ outcome: 'exhausted', grant }]);
    expect((await store.uses.used([grant])).get(grant)).toBe(1);
    expect(told).toEqual(new Map());
    await other.close();
  });

  it('that was counted before entries counted is its row’s to say', async () => {
    const grant = newId();
    await hand(`insert into countersign.grant_uses values ('${grant}', 1, 2)`);
    expect((await store.uses.used([grant])).get(grant)).toBe(1);
    expect(await store.journal.commit([use(grant, 2)])).toMatchObject([{ outcome: 'committed' }]);
    expect(await store.journal.commit([use(grant, 2)])).toEqual([{ outcome: 'exhausted', grant }]);
  });
});
