import type { Intent } from '@countersign/broker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { edit, intent, isTreeWhole, lease, newId, open } from './support/store.ts';
import { type Fault, startWire, type Wire } from './support/wire.ts';

/** Every write broken two ways, lost and lost-but-persisted; then the whole ledger is looked at again. */

let server: Server;
let wire: Wire;
/** Behind the wire that breaks. */
let store: Store;
/** On a wire of its own. */
let witness: Store;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  const url = await server.database();
  wire = await startWire(url);
  witness = await open(url);
  const invitation = {
    name: 'bob',
    roles: [],
    groups: [],
    sponsor: 'alice',
    expiresAt: Date.now() + 60_000,
  };
  await witness.journal.commit([
    intent({ effects: [{ kind: 'invite', codeHash: 'code', invitation }] }),
  ]);
  // Opened last, so that the head it has cached is the present one: BEFORE entries, the invitation's.
  store = await open(wire.url);
});
afterEach(async () => {
  await Promise.all([store.close(), witness.close()]);
  await wire.close();
});

/** How the driver sends the bytes of an entry. */
function onTheWire({ entries }: Intent): string {
  return Buffer.from(`"id":"${entries[0]?.id}"`).toString('hex');
}

const plain = () => {
  const grant = newId();
  return { grant, one: intent({ uses: [{ grant, max: 1 }], lease: lease({ grants: [grant] }) }) };
};
const withEffect = () => {
  const { grant, one } = plain();
  const effects = [{ kind: 'spend-invitation', codeHash: 'code', now: Date.now() }] as const;
  return { grant, one: { ...one, effects } };
};

const BREAKS: readonly [string, () => ReturnType<typeof plain>, string | null, Fault['how']][] = [
  ['the statement is lost', plain, null, 'lose'],
  ['the answer to the statement is lost', plain, null, 'lose-answer'],
  ['the session ends after the statement', plain, null, 'end-session'],
  ['a statement of a transaction is lost', withEffect, null, 'lose'],
  ['an answer within a transaction is lost', withEffect, null, 'lose-answer'],
  ['the session ends within a transaction', withEffect, null, 'end-session'],
  ['the commit is lost', withEffect, 'commit', 'lose'],
  ['the answer to the commit is lost', withEffect, 'commit', 'lose-answer'],
  ['the session ends after the commit', withEffect, 'commit', 'end-session'],
];

/** Entries that every test begins with. */
const BEFORE = 1;

describe.each(BREAKS)('when %s', (_, make, at, how) => {
  it('and the database can be asked again, it is written exactly once', async () => {
    const { grant, one } = make();
    const text = onTheWire(one);
    wire.strike({ after: text, at: at ?? text, how });
    expect(await store.journal.commit([one])).toMatchObject([
      { outcome: 'committed', index: BEFORE },
    ]);
    expect((await witness.journal.head()).size).toBe(BEFORE + 1);
    expect((await witness.uses.used([grant])).get(grant)).toBe(1);
    expect(await isTreeWhole(witness)).toBe(true);
    expect(await store.journal.commit([intent()])).toMatchObject([{ index: BEFORE + 1 }]);
  });

  it('and the database is gone, nothing is claimed, and all of it or nothing is there', async () => {
    const { grant, one } = make();
    const text = onTheWire(one);
    wire.strike({ after: text, at: at ?? text, how, forGood: true });
    await expect(store.journal.commit([one])).rejects.toMatchObject({ code: 'broker_unavailable' });
    const isWritten = how !== 'lose' && (at === 'commit' || make === plain);
    const count = isWritten ? 1 : 0;
    expect((await witness.journal.head()).size).toBe(BEFORE + count);
    expect((await witness.uses.used([grant])).get(grant)).toBe(count);
    expect(await witness.leases.live(null)).toHaveLength(count);
    expect((await witness.codes.findInvitation('code', Date.now())) === null).toBe(
      isWritten && make === withEffect,
    );
    expect(await isTreeWhole(witness)).toBe(true);
    expect(await witness.journal.commit([intent()])).toMatchObject([{ index: BEFORE + count }]);
  });
});

describe('a lost answer is not made up for by hand', () => {
  it('with rows that no head counts: nothing was committed', async () => {
    const { grant, one } = plain();
    const text = onTheWire(one);
    wire.strike({ after: text, at: text, how: 'lose' });
    const entry = one.entries[0];
    await edit(
      server.asSuperuser(wire.url),
      `insert into countersign.entries (index, id, type, time, authority, bytes, leaf_hash)
       values (${BEFORE}, '${entry?.id}', 'decision', now(), false, '', sha256(''))`,
    );
    expect(await store.journal.commit([one])).toEqual([{ outcome: 'replayed' }]);
    expect((await witness.journal.head()).size).toBe(BEFORE);
    expect((await witness.uses.used([grant])).get(grant)).toBe(0);
    expect(await witness.leases.live(null)).toEqual([]);
  });
});

describe('a statement that arrives after its answer was given up', () => {
  it('writes nothing, even where the head is still the one it was made for', async () => {
    // The connection knows the statement by now, so that none of the next one is sent ahead.
    await store.journal.commit([intent()]);
    const { grant, one } = plain();
    const text = onTheWire(one);
    wire.strike({ after: text, at: text, how: 'hold' });
    const late = { ...one, notAfter: Date.now() + 2000 };
    expect(await store.journal.commit([late])).toEqual([{ outcome: 'stale' }]);
    await wire.deliver();
    expect((await witness.journal.head()).size).toBe(BEFORE + 1);
    expect((await witness.uses.used([grant])).get(grant)).toBe(0);
    expect(await isTreeWhole(witness)).toBe(true);
  });
});

describe('errors', () => {
  it('name no parameter, no row and no password', async () => {
    const secret = 'hunter2-in-a-parameter';
    const url = await server.database();
    const own = await open(url);
    await edit(server.asSuperuser(url), 'drop table countersign.invitations');
    const invitation = { name: secret, roles: [], groups: [], sponsor: secret, expiresAt: 0 };
    const invite = intent({ effects: [{ kind: 'invite', codeHash: secret, invitation }] });
    const failure = await own.journal.commit([invite]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'broker_unavailable' });
    expect(failure).not.toHaveProperty('cause');
    expect(String(failure)).not.toContain(secret);
    await own.close();
    const broken = await open(`postgres://u:${secret}@[::bad/db`).catch((error: unknown) => error);
    expect(String(broken)).not.toContain(secret);
    expect(broken).toMatchObject({ code: 'broker_unavailable' });
  });
});
