import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type AuditExpectation,
  auditTree,
  encodeEntry,
  encodeVkey,
  leafHash,
  rootOf,
  type StoredEntry,
  signCheckpoint,
  tileOf,
} from '../src/index.ts';

const SIZE = 600;
const START = Date.parse('2026-11-20T09:00:00.000Z');

function entryBytes(index: number, change: { time?: string; verdict?: string } = {}): Uint8Array {
  return encodeEntry({
    v: 1,
    id: `01999f5e-7a40-7000-8000-${String(index).padStart(12, '0')}`,
    time: change.time ?? new Date(START + Math.floor(index / 2)).toISOString(),
    type: 'decision',
    body: { verdict: change.verdict ?? 'deny', index },
  });
}

function stored(index: number, bytes: Uint8Array): StoredEntry {
  return { index, bytes, leafHash: leafHash(bytes) };
}

const LEDGER = Array.from({ length: SIZE }, (_, index) => stored(index, entryBytes(index)));
const LEAVES = LEDGER.map((entry) => entry.leafHash);
const HEAD = { size: SIZE, root: rootOf(LEAVES) };

const rootAt = (size: number) => rootOf(LEAVES.slice(0, size));
const knownRoots = new Map([100, 250, 251, 400].map((size) => [size, rootAt(size)]));
const leafTile = async (index: number) => {
  const hashes = LEAVES.slice(index * 256, (index + 1) * 256);
  return hashes.length === 256 ? tileOf(0, index, hashes) : null;
};

async function* each(entries: readonly StoredEntry[]): AsyncGenerator<StoredEntry> {
  yield* entries;
}

function audit(entries: readonly StoredEntry[], more: Partial<AuditExpectation> = {}) {
  return auditTree(each(entries), { ...HEAD, ...more });
}

/** Bytes and leaf hash changed together, as someone who owns the database would. */
const forged = (index: number) => stored(index, entryBytes(index, { verdict: 'allow' }));

test('a ledger that is what was published passes', async () => {
  expect(await audit(LEDGER)).toEqual({ ok: true, ...HEAD });
  expect(await audit(LEDGER, { knownRoots, leafTile })).toEqual({ ok: true, ...HEAD });
});

test('so does the empty ledger', async () => {
  const root = rootOf([]);
  expect(await auditTree(each([]), { size: 0, root })).toEqual({ ok: true, size: 0, root });
});

test('an empty ledger has the root of one', async () => {
  expect(await auditTree(each([]), { size: 0, root: rootAt(1) })).toEqual({
    ...{ ok: false, index: null },
    reason: 'The root differs from that of an empty tree.',
  });
});

describe('what is claimed twice', () => {
  const others = LEDGER.with(SIZE - 1, forged(SIZE - 1));
  const otherRoot = rootOf(others.map((entry) => entry.leafHash));
  const twice = {
    ...{ ok: false, index: null },
    reason: `Two different roots are claimed for size ${SIZE}.`,
  };

  // Each claim by itself is true of one of the two.
  test.each([
    ['the one that the head has', LEDGER],
    ['the one that was seen', others],
  ])('of one size is refused, though there is %s', async (_, entries) => {
    expect(await audit(entries, { knownRoots: new Map([[SIZE, otherRoot]]) })).toEqual(twice);
  });

  test('and alike is one', async () => {
    expect(await audit(LEDGER, { knownRoots: new Map([[SIZE, HEAD.root]]) })).toMatchObject({
      ok: true,
    });
  });
});

describe('the first bad entry is named', () => {
  const index = 250;
  const bytes = entryBytes(index, { verdict: 'allow' });
  const raw = (text: string) => stored(index, Buffer.from(text, 'utf8'));
  const original = Buffer.from(entryBytes(index)).toString('utf8');

  test.each<[string, readonly StoredEntry[], RegExp]>([
    [
      'bytes altered',
      LEDGER.with(index, { index, bytes, leafHash: leafHash(entryBytes(index)) }),
      /not those that were hashed/,
    ],
    [
      'stored hash altered',
      LEDGER.with(index, { ...stored(index, entryBytes(index)), leafHash: Buffer.alloc(32) }),
      /not those that were hashed/,
    ],
    ['white space added', LEDGER.with(index, raw(`${original} `)), /canonical/],
    [
      'a key duplicated',
      LEDGER.with(index, raw(original.replace('"v":1', '"v":1,"v":1'))),
      /canonical/,
    ],
    ['not an entry', LEDGER.with(index, raw('{}')), /exactly v, id, time, type, body/],
    [
      'time before the entry before',
      LEDGER.with(index, stored(index, entryBytes(index, { time: '2026-11-20T08:59:59.999Z' }))),
      /time is before/,
    ],
    ['an entry removed', LEDGER.toSpliced(index, 1), /the next entry is 251/],
    [
      'an entry twice',
      LEDGER.toSpliced(index, 0, stored(249, entryBytes(249))),
      /the next entry is 249/,
    ],
    ['the tail removed', LEDGER.slice(0, index), /missing/],
  ])('%s', async (_name, entries, reason) => {
    const report = await audit(entries);
    expect(report).toMatchObject({ ok: false, index, reason: expect.stringMatching(reason) });
  });

  test('an entry the head does not know', async () => {
    const report = await audit([...LEDGER, stored(SIZE, entryBytes(SIZE))]);
    expect(report).toMatchObject({ ok: false, index: SIZE });
  });

  test('one that the caller objects to', async () => {
    const seen: number[] = [];
    const report = await auditTree(each(LEDGER), HEAD, async (entry, at) => {
      seen.push(at);
      return entry.body['index'] === 3 ? 'it was decided otherwise' : null;
    });
    expect(report).toEqual({
      ok: false,
      index: 3,
      reason: 'Entry 3: it was decided otherwise.',
    });
    expect(seen).toEqual([0, 1, 2, 3]);
  });
});

describe('an entry altered together with its hash', () => {
  test('changes the root, and alone that names no entry', async () => {
    expect(await audit(LEDGER.with(250, forged(250)))).toMatchObject({
      ok: false,
      index: null,
      reason: expect.stringMatching(/root differs/i),
      between: { first: 0, last: SIZE - 1 },
    });
  });

  test.each([
    [42, null, 0, 99],
    [100, null, 100, 249],
    [250, 250, 250, 250],
    [399, null, 251, 399],
    [400, null, 400, 599],
  ])('entry %d: earlier roots narrow it down', async (at, index, first, last) => {
    const report = await audit(LEDGER.with(at, forged(at)), { knownRoots });
    expect(report).toMatchObject({ ok: false, index, between: { first, last } });
  });

  test.each([0, 255, 256, 511])('entry %d: its tile names it', async (at) => {
    const report = await audit(LEDGER.with(at, forged(at)), { leafTile });
    expect(report).toMatchObject({ ok: false, index: at });
  });

  test('a tile cut short hides nothing', async () => {
    const cut = async (index: number) => (await leafTile(index))?.subarray(0, 8191) ?? null;
    expect(await audit(LEDGER, { leafTile: cut })).toMatchObject({ ok: false, index: 255 });
  });
});

describe('against a checkpoint', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const signer = {
    name: 'ledger.example',
    publicKey: raw,
    sign: (bytes: Uint8Array) => sign(null, bytes, privateKey),
  };
  const vkey = encodeVkey(signer.name, raw);
  const published = async (size: number, root: Uint8Array) => ({
    vkey,
    note: await signCheckpoint({ origin: signer.name, size, root }, signer),
  });

  test.each([0, 1, 300, SIZE])('of size %d the ledger agrees', async (size) => {
    const checkpoint = { ...(await published(size, rootAt(size))), origin: signer.name };
    expect(await audit(LEDGER, { checkpoint })).toMatchObject({ ok: true });
  });

  test('history rewritten, head and all, differs from what was signed', async () => {
    const rewritten = LEDGER.with(42, forged(42));
    const root = rootOf(rewritten.map((entry) => entry.leafHash));
    expect(await audit(rewritten, { root })).toMatchObject({ ok: true });
    const checkpoint = await published(300, rootAt(300));
    expect(await audit(rewritten, { root, checkpoint })).toMatchObject({
      ok: false,
      index: null,
      between: { first: 0, last: 299 },
    });
  });

  test('the tail removed, head and all, is missed', async () => {
    const checkpoint = await published(SIZE, HEAD.root);
    const cut = { size: 500, root: rootAt(500), checkpoint };
    expect(await audit(LEDGER.slice(0, 500), cut)).toMatchObject({
      ok: false,
      index: 500,
      reason: expect.stringMatching(/published root counts 600/),
    });
  });

  test.each([
    ['two roots for one size', SIZE, rootAt(1), {}],
    ['another root for nothing', 0, rootAt(1), {}],
    ['another log', SIZE, HEAD.root, { origin: 'another.example' }],
    ['another key', SIZE, HEAD.root, { vkey: encodeVkey(signer.name, Buffer.alloc(32, 1)) }],
    ['no vkey', SIZE, HEAD.root, { vkey: '' }],
    ['no note', SIZE, HEAD.root, { note: '' }],
  ])('refused: %s', async (_name, size, root, change) => {
    const checkpoint = { ...(await published(size, root)), ...change };
    expect(await audit(LEDGER, { checkpoint })).toMatchObject({ ok: false, index: null });
  });
});
