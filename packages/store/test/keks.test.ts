/** One key-encryption key takes the place of another, with every statement of it broken two ways. */
import { generateKeyPairSync } from 'node:crypto';
import type { CredentialBinding } from '@countersign/broker';
import { Secret } from '@countersign/core';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { deriveKek } from '../src/kek.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { edit, intent, isTreeWhole, lease, newId, open } from './support/store.ts';
import { type Fault, startWire, type Wire } from './support/wire.ts';

const keyOf = (byte: number) => new Secret<Uint8Array>('kek', Buffer.alloc(32, byte));
const OLD = keyOf(1);
const NEW = keyOf(2);
const BINDING: CredentialBinding = {
  broker: 'fingerprint',
  connection: 'pg',
  endpoint: 'db.example:5432',
  account: 'root',
};
const refused = expect.objectContaining({ code: 'broker_unavailable' });

let server: Server;
let url: string;
/** Holds both keys, from before the change-over to after it. */
let store: Store;
let statement: string;
let request: string;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  store = await open(url, { kek: [OLD, NEW] });
  statement = newId();
  request = newId();
  await populate();
});
afterEach(() => store.close());

const superuser = (text: string) => edit(server.asSuperuser(url), text);

async function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const privateJwk = new Secret('key', JSON.stringify(privateKey.export({ format: 'jwk' })));
  return { publicJwk: publicKey.export({ format: 'jwk' }), privateJwk };
}

/** A row in every table that carries a mark of the key. */
async function populate(): Promise<void> {
  const sealed = await store.sealedCredentials.seal(BINDING, 'salt', new Secret('pw', 'password'));
  const invitation = {
    name: 'bob',
    roles: [],
    groups: [],
    sponsor: 'alice',
    expiresAt: Date.now() + 600_000,
  };
  const asked = {
    id: request,
    agent: newId(),
    details: [],
    reason: null,
    sender: null,
    createdAt: Date.now(),
  };
  const outcomes = await store.journal.commit([
    intent({ effects: [{ kind: 'seal-credential', statement, sealed }] }),
    intent({ effects: [{ kind: 'invite', codeHash: 'code', invitation }] }),
    intent({ effects: [{ kind: 'access-request', request: asked, mostOpen: 1 }] }),
    intent({ lease: lease() }),
  ]);
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(4).fill('committed'));
  await store.codes.setGenesisCode('genesis');
  await store.sealedKeys.ensure('ledger', makeKey);
  // Some other part of the server's own, of whatever purpose: its binding stands beside it.
  await superuser(
    `insert into countersign.sealed_keys (purpose, public_jwk, sealed)
     select 'another-purpose', 'null', sealed from countersign.sealed_keys`,
  );
}

async function expectEverythingOpens(at: Store): Promise<void> {
  const opened = await at.sealedCredentials.open(statement, BINDING);
  expect(opened.credential.reveal()).toBe('password');
  expect(await at.codes.findInvitation('code', Date.now())).toMatchObject({ name: 'bob' });
  expect(await at.codes.isGenesisCode('genesis')).toBe(true);
  expect(await at.accessRequests.find(request)).not.toBeNull();
  expect(await at.leases.live(null)).toMatchObject([{ intact: true }]);
  await at.sealedKeys.ensure('ledger', () => Promise.reject(new Error('it is there')));
  expect((await at.keks.survey()).foreign).toEqual([]);
  expect(await isTreeWhole(at)).toBe(true);
}

const rotated = () => ({ id: newId(), type: 'keys.rotated', body: { key: 'kek' } });
/** SQL that makes the head what a holder of this key says it is. The document is written out here again. */
async function forgedHead(
  key: typeof OLD,
  changes: { readonly token_floor?: string | null },
): Promise<string> {
  const [row] = await superuser(`select size, token_floor, to_json(time at time zone 'UTC') as time,
    translate(encode(root, 'base64'), '+/=', '-_') as root,
    translate(encode(authority_chain, 'base64'), '+/=', '-_') as chain, authority_version
    from countersign.head`);
  const floor = changes.token_floor ?? null;
  const document = {
    v: 1,
    size: Number(row?.['size']),
    root: String(row?.['root']),
    authority_version: Number(row?.['authority_version']),
    authority_chain: String(row?.['chain']),
    time: new Date(`${String(row?.['time'])}Z`).toISOString(),
    ...(floor === null ? {} : { token_floor: floor }),
  };
  const mac = Buffer.from(deriveKek(key).mac('head', document)).toString('hex');
  return `update countersign.head set mac = '\\x${mac}',
    token_floor = ${floor === null ? 'null' : `'${floor}'`}`;
}

/** Id of the newer key. */
const newest = async (at: Store) => (await at.keks.state()).held.at(-1) ?? '';

describe('a key-encryption key that takes the place of another', () => {
  it('opens and verifies everything, the one before nothing', async () => {
    const [old = '', next = ''] = (await store.keks.state()).held;
    expect([...(await store.keks.survey()).under]).toEqual([[old, 7]]);
    expect(await store.keks.changeOver(next, rotated())).toEqual([]);
    await expectEverythingOpens(store);
    expect(await store.keks.remake(() => undefined)).toBe(7);
    expect([...(await store.keks.survey()).under]).toEqual([[next, 7]]);
    const after = await open(url, { kek: NEW });
    await expectEverythingOpens(after);
    await after.close();
    await expect(open(url, { kek: OLD })).rejects.toEqual(refused);
  });

  it('is what every server writes under from the change-over on', async () => {
    const sealed = await store.sealedCredentials.seal(BINDING, 'salt', new Secret('pw', 'late'));
    const other = await open(url, { kek: [OLD, NEW] });
    await other.keks.changeOver(await newest(other), rotated());
    await other.keks.remake(() => undefined);
    // Sealed before, committed after, by a server that has not looked since.
    const late = newId();
    const effects = [{ kind: 'seal-credential', statement: late, sealed }] as const;
    expect(
      await store.journal.commit([intent({ effects }), intent({ lease: lease() })]),
    ).toMatchObject([{ outcome: 'committed' }, { outcome: 'committed' }]);
    await store.codes.setGenesisCode('another');
    expect([...(await store.keks.survey()).under.keys()]).toEqual([await newest(store)]);
    const opened = await other.sealedCredentials.open(late, BINDING);
    expect(opened.credential.reveal()).toBe('late');
    await other.close();
  });

  it('waits for a server that does not hold it, and refuses one that comes without it later', async () => {
    const behind = await open(url, { kek: OLD });
    await behind.keks.announce({ id: newId(), name: 'behind' });
    await store.keks.announce({ id: newId(), name: 'ready' });
    const next = await newest(store);
    expect(await store.keks.changeOver(next, rotated())).toMatchObject([{ name: 'behind' }]);
    expect((await store.keks.state()).present).not.toBe(next);
    await behind.keks.hold([OLD, NEW]);
    await behind.keks.announce({ id: newId(), name: 'another life of it' });
    await superuser("delete from countersign.replicas where name = 'behind'");
    expect(await store.keks.changeOver(next, rotated())).toEqual([]);
    await expect(behind.keks.hold([OLD])).rejects.toEqual(refused);
    expect(await behind.journal.commit([intent()])).toMatchObject([{ outcome: 'committed' }]);
    await expect(open(url, { kek: OLD })).rejects.toEqual(refused);
    await behind.close();
  });

  it('is taken up by a server that was left behind, as soon as it is given the key', async () => {
    const behind = await open(url, { kek: OLD });
    await store.keks.changeOver(await newest(store), rotated());
    await expect(behind.journal.commit([intent()])).rejects.toEqual(refused);
    await behind.keks.hold([OLD, NEW]);
    expect(await behind.journal.commit([intent()])).toMatchObject([{ outcome: 'committed' }]);
    await behind.close();
  });

  it('is not gone back from by the head of now, made anew under the one before', async () => {
    await store.keks.changeOver(await newest(store), rotated());
    await store.journal.head();
    await superuser(await forgedHead(OLD, {}));
    await expect(store.journal.head()).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringMatching(/rotated away/),
    });
  });

  it('is not gone back from, though somebody has the one before and the database', async () => {
    const before = await superuser('select * from countersign.head');
    await store.keks.changeOver(await newest(store), rotated());
    const mac = Buffer.from(String(before[0]?.['mac'])).toString('hex');
    // The thief makes the head of now under the key of before: a server of that key does it for them.
    await superuser(`update countersign.head set mac = '\\x${mac}'`);
    await expect(store.journal.head()).rejects.toEqual(refused);
    const restarted = open(url, { kek: NEW });
    await expect(restarted).rejects.toEqual(refused);
  });

  it('brings no token key back that a leak ended, though somebody holds it and the database', async () => {
    await superuser(await forgedHead(OLD, { token_floor: '2026-11-20T12:00:00.000Z' }));
    await store.journal.head();
    await superuser(await forgedHead(OLD, { token_floor: '2026-11-20T11:59:59.999Z' }));
    await expect(store.journal.head()).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringMatching(/went back/),
    });
  });

  it('speaks for no server: an announcement edited by hand stands in the way', async () => {
    await store.keks.announce({ id: newId(), name: 'one' });
    await superuser(`update countersign.replicas set keks = '{anything}'`);
    expect(await store.keks.changeOver(await newest(store), rotated())).toMatchObject([
      { name: 'one', intact: false },
    ]);
  });

  it('leaves rows that were edited as they are, and names them', async () => {
    await superuser(`update countersign.leases set connection = 'other'`);
    const [row] = await store.leases.live(null);
    expect((await store.keks.survey()).foreign).toEqual([`leases ${row?.id}`]);
    await store.keks.changeOver(await newest(store), rotated());
    await store.keks.remake(() => undefined);
    expect(await store.leases.live(null)).toMatchObject([{ intact: false }]);
  });
});

it('every column that carries a mark is one that a rotation knows', async () => {
  const columns = await superuser(
    `select table_name || '.' || column_name as name from information_schema.columns
     where table_schema = 'countersign' and column_name in ('mac', 'sealed', 'code_hash')`,
  );
  expect(columns.map(({ name }) => name).sort()).toEqual([
    'access_requests.mac',
    'genesis_code.code_hash',
    'genesis_code.sealed',
    // By the change-over itself, and anew every few seconds.
    'head.mac',
    'invitations.code_hash',
    'invitations.sealed',
    'leases.mac',
    'replicas.mac',
    'sealed_credentials.sealed',
    'sealed_keys.sealed',
    'snapshots.mac',
  ]);
});

/** What is sent, and a word of the parameters that follow it. */
const STATEMENTS: readonly (readonly [string, string, () => Promise<string>])[] = [
  ['the change-over', 'fence = fence + 1', async () => 'fence = fence + 1'],
  ['the commit of the change-over', 'fence = fence + 1', async () => 'commit'],
  ['new MACs of leases', 'update "countersign"."leases"', () => keyIn('leases', 'id')],
  ['new MACs of access requests', 'update "countersign"."access_requests"', async () => request],
  ['credentials sealed anew', 'update "countersign"."sealed_credentials"', async () => statement],
  ['keys sealed anew', 'update "countersign"."sealed_keys"', async () => 'another-purpose'],
  [
    'new codes of invitations',
    'update "countersign"."invitations"',
    () => keyIn('invitations', 'code_hash'),
  ],
  [
    'the new genesis code',
    'update "countersign"."genesis_code"',
    () => keyIn('genesis_code', 'code_hash'),
  ],
];

async function keyIn(table: string, column: string): Promise<string> {
  const [row] = await superuser(`select ${column} as key from countersign.${table}`);
  return String(row?.['key']);
}

const HOW: readonly Fault['how'][] = ['lose', 'lose-answer'];

describe.each(
  STATEMENTS.flatMap(([what, after, at]) => HOW.map((how) => ({ what, after, at, how }))),
)('when $what: $how', ({ after, at, how }) => {
  let wire: Wire;
  afterEach(() => wire.close());

  it('everything still opens, and running it again finishes', async () => {
    wire = await startWire(url);
    const rotator = await open(wire.url, { kek: [OLD, NEW] });
    const next = await newest(rotator);
    wire.strike({ after, at: await at(), how, forGood: true });
    const run = async () => {
      await rotator.keks.changeOver(next, rotated());
      await rotator.keks.remake(() => undefined);
    };
    await expect(run()).rejects.toEqual(refused);
    await rotator.close();
    await expectEverythingOpens(store);
    await store.keks.changeOver(next, rotated());
    await store.keks.remake(() => undefined);
    expect([...(await store.keks.survey()).under]).toEqual([[next, 7]]);
    const anew = await open(url, { kek: NEW });
    await expectEverythingOpens(anew);
    await anew.close();
  });
});

describe('a ring of keys', () => {
  it('holds, in whatever order they come, always the key the ledger is under or what it held before', async () => {
    const ring = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(ring, async (bytes) => {
        const before = (await store.keks.state()).held;
        const isHeld = await store.keks.hold(bytes.map(keyOf)).then(
          () => true,
          () => false,
        );
        const { held, present } = await store.keks.state();
        const isRing = new Set(bytes).size === bytes.length && bytes.includes(1);
        expect(isHeld).toBe(isRing);
        expect(held).toContain(present);
        if (isHeld) expect(held).toHaveLength(bytes.length);
        else expect(held).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });
});
