import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { encodeEntry, leafHash } from '@countersign/ledger';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { replayAuthority, type VerifyOptions, verifyExport } from '../src/index.ts';
import {
  each,
  exportOf,
  keyPair,
  ledgerOfTwo,
  ledgerSigner,
  restoredAfter,
  seenAt,
  type TestLedger,
} from './ledger-of-two.ts';

let ledger: TestLedger;
let lines: string[];

beforeAll(async () => {
  ledger = await ledgerOfTwo();
  lines = await exportOf(ledger);
});

const verify = (given: readonly string[], options?: VerifyOptions) =>
  verifyExport(each(given), options);

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** An entry of the same id and time with another verdict, hashed anew: what a database owner can do. */
function forged(index: number) {
  const original = JSON.parse(Buffer.from(ledger.entries[index]?.bytes ?? []).toString());
  const bytes = encodeEntry({ ...original, body: { ...original.body, forged: true } });
  return { bytes, hash: leafHash(bytes), id: String(original.id) };
}

describe('an export of a database that was restored', () => {
  test('is whole, and says what is lost', async () => {
    const entries = [...ledger.entries, restoredAfter(ledger.entries, 4)];
    const restored = await exportOf(ledger, { entries });
    expect(await verify(lines)).toMatchObject({ ok: true, gaps: [] });
    expect(await verify(restored)).toMatchObject({
      ok: true,
      gaps: [{ index: 13, lost: { first: 13, last: 16 }, replayed: 0, accepted: null }],
    });
  });

  test('is no excuse for entries that were cut off behind it', async () => {
    const entries = [...ledger.entries, restoredAfter(ledger.entries, 4)];
    const cut = await exportOf(ledger, {
      entries: [...entries.slice(0, 12), ...entries.slice(13)],
    });
    expect(await verify(cut)).toMatchObject({ ok: false });
  });
});

describe('a true export', () => {
  test.each<[string, () => VerifyOptions, string | null]>([
    ['with nothing pinned', () => ({}), null],
    ['under its genesis fingerprint', () => ({ trust: ledger.broker }), 'genesis'],
    ['under its verifier key', () => ({ trust: ledgerSigner(ledger.ledger).vkey }), 'vkey'],
    [
      'extending every tree seen before',
      () => ({ seen: [1, 5, 13].map((n) => seenAt(ledger.entries, n)) }),
      null,
    ],
  ])('verifies %s', async (_, options, trusted) => {
    expect(await verify(lines, options())).toMatchObject({
      ok: true,
      broker: ledger.broker,
      trusted,
      entries: 13,
      statements: 2,
      vouched_by_one: ['bob'],
      checkpoint: seenAt(ledger.entries, 13),
      finding: null,
    });
  });
});

test('whatever byte is changed, it is found', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: lines.length - 1 }),
      fc.nat(),
      fc.integer({ min: 0x20, max: 0x7e }),
      async (at, position, code) => {
        const line = lines[at] ?? '';
        const offset = position % line.length;
        const changed = line.slice(0, offset) + String.fromCharCode(code) + line.slice(offset + 1);
        fc.pre(!isDeepStrictEqual(jsonOf(changed), jsonOf(line)));
        const report = await verify(lines.with(at, changed), { trust: ledger.broker });
        expect(report.ok).toBe(false);
        // A change inside an entry's own line is that entry's fault, unless it changed its index.
        if (at > 0 && !/^\{"index":/.test(line.slice(0, offset))) return;
        if (at > 0 && offset > 12) expect(report.finding?.index).toBe(at - 1);
      },
    ),
    { numRuns: 400 },
  );
});

describe('a false export is refused, and the entry named', () => {
  const index = 6;
  const changedIn = (at: number, change: (line: Record<string, unknown>) => object) =>
    lines.with(at + 1, JSON.stringify(change(JSON.parse(lines[at + 1] ?? ''))));
  const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

  test.each<[string, () => string[] | Promise<string[]>, number | null, RegExp]>([
    [
      'an entry altered beside its hash',
      () =>
        changedIn(index, (line) => ({
          ...line,
          entry: jsonOf(Buffer.from(forged(index).bytes).toString()),
        })),
      index,
      /not those that were hashed/,
    ],
    [
      'stored bytes that are no JSON',
      () =>
        changedIn(index, ({ leaf_hash }) => ({ index, leaf_hash, bytes: base64('{"v":1,"id"') })),
      index,
      /not those that were hashed/,
    ],
    [
      'stored bytes that are no JSON, hashed anew',
      () =>
        changedIn(index, () => {
          const bytes = Buffer.from('{"v":1,"id"', 'utf8');
          const leaf_hash = Buffer.from(leafHash(bytes)).toString('base64');
          return { index, leaf_hash, bytes: bytes.toString('base64') };
        }),
      index,
      /not UTF-8 JSON/,
    ],
    ['a line that is cut off', () => lines.with(index + 1, '{"index":6'), index, /cannot be read/],
    ['an entry left out', () => lines.toSpliced(index + 1, 1), index, /next entry is 7/],
    ['the end left out', () => lines.slice(0, -2), 11, /missing/],
    [
      'two entries changing places',
      () => lines.with(3, lines[4] ?? '').with(4, lines[3] ?? ''),
      2,
      /next entry is 3/,
    ],
    ['an export of nothing', () => [], null, /empty/],
    ['authority alone', () => exportOf(ledger, { authorityOnly: true }), null, /verify a whole/],
    [
      'a statement whose signatures were taken away',
      () => exportOf(ledger, { entries: ledger.entries.with(2, ledger.unsigned) }),
      2,
      /carries no authority/,
    ],
    [
      "the second human's only sponsor left out",
      () => exportOf(ledger, { entries: ledger.entries.toSpliced(2, 1) }),
      2,
      /no such statement/,
    ],
    [
      'a checkpoint by a key that genesis does not name',
      () => exportOf(ledger, { signedBy: keyPair() }),
      null,
      /another key than the one genesis names/,
    ],
    [
      "another broker's name",
      () => exportOf(ledger, { broker: Buffer.alloc(32).toString('base64url') }),
      null,
      /another broker/,
    ],
  ])('%s', async (_, given, at, reason) => {
    const report = await verify(await given());
    expect(report.ok).toBe(false);
    expect(report.finding?.index).toBe(at);
    expect(report.finding?.reason).toMatch(reason);
    expect(report.finding).not.toHaveProperty('between');
  });

  test('history rewritten and signed anew differs from the trees seen before', async () => {
    const entries = ledger.entries.with(index, forged(index));
    const rewritten = await exportOf(ledger, { entries });
    expect((await verify(rewritten)).ok).toBe(true);
    const seen = [seenAt(ledger.entries, index), seenAt(ledger.entries, index + 1)];
    expect((await verify(rewritten, { seen })).finding).toMatchObject({
      index,
      id: forged(index).id,
      between: { first: index, last: index },
    });
    const rarely = [seenAt(ledger.entries, 5), seenAt(ledger.entries, 10)];
    const wide = await verify(rewritten, { seen: rarely });
    expect(wide.finding).toMatchObject({ index: null, id: null, between: { first: 5, last: 9 } });
    const latest = await verify(rewritten, { seen: [seenAt(ledger.entries, 13)] });
    expect(latest.finding).toMatchObject({ index: null });
  });

  test('a tree shorter than one seen before', async () => {
    const shorter = await exportOf(ledger, { entries: ledger.entries.slice(0, 10) });
    const report = await verify(shorter, { seen: [seenAt(ledger.entries, 13)] });
    expect(report.finding?.reason).toMatch(/missing/);
  });

  test.each<[string, () => string, RegExp]>([
    ['genesis', () => Buffer.alloc(32).toString('base64url'), /another broker/],
    ['verifier key', () => ledgerSigner(keyPair()).vkey, /another key than the one you trust/],
  ])('another %s than the one that is trusted', async (_, trust, reason) => {
    const report = await verify(lines, { trust: trust() });
    expect(report).toMatchObject({ ok: false, finding: { index: null } });
    expect(report.finding?.reason).toMatch(reason);
  });
});

test.each<[string, RegExp]>([
  ['', /a genesis fingerprint .* or a C2SP verifier key/],
  ['alice', /a genesis fingerprint .* or a C2SP verifier key/],
  ['a+b+c', /verifier key/],
])('%j is nothing that could be trusted', async (trust, message) => {
  const refusal = { code: 'invalid_request', message: expect.stringMatching(message) };
  await expect(verify(lines, { trust })).rejects.toMatchObject(refusal);
  await expect(replayAuthority(each(lines), { trust })).rejects.toMatchObject(refusal);
});

describe('trees seen before', () => {
  const root = Buffer.alloc(32, 1).toString('base64url');

  test.each<[string, { size: number; root: string }]>([
    ['a size below nothing', { size: -1, root }],
    ['half an entry', { size: 1.5, root }],
    ['more than can be counted', { size: 2 ** 53, root }],
    ['a root that is none', { size: 1, root: 'root' }],
  ])('are none with %s', async (_, seen) => {
    await expect(verify(lines, { seen: [seen] })).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'A tree seen before is a size and a base64url root.',
    });
  });

  test('of one size are one, or nothing could be their ledger', async () => {
    const tree = seenAt(ledger.entries, 5);
    expect(await verify(lines, { seen: [tree, tree] })).toMatchObject({ ok: true });
    await expect(verify(lines, { seen: [tree, { ...tree, root }] })).rejects.toMatchObject({
      code: 'conflict',
      message: 'Two different trees of size 5 were seen before.',
    });
  });

  test('of no entries are before any ledger', async () => {
    const empty = createHash('sha256').digest('base64url');
    expect(await verify(lines, { seen: [{ size: 0, root: empty }] })).toMatchObject({ ok: true });
  });
});

test('what is no fault of the export is no report', async () => {
  async function* broken(): AsyncGenerator<string> {
    yield lines[0] ?? '';
    throw new Error('the disk is gone');
  }
  await expect(verifyExport(broken())).rejects.toThrow('the disk is gone');
  await expect(replayAuthority(broken())).rejects.toThrow('the disk is gone');
});

test('an export that cannot be opened is of no entries and no tree', async () => {
  expect(await verify(['{}'])).toMatchObject({
    ok: false,
    entries: 0,
    checkpoint: null,
    broker: null,
  });
});

test("a ledger before its genesis is nobody's yet, and whole", async () => {
  const [header = ''] = await exportOf(ledger, { entries: [] });
  const nobodys = [JSON.stringify({ ...JSON.parse(header), broker: null })];
  expect(await verify(nobodys)).toMatchObject({ ok: true, entries: 0, broker: null });
  expect(await replayAuthority(each(nobodys))).toMatchObject({ ok: true, size: 0 });
});

test('a checkpoint that its key has not signed is a fault of the whole', async () => {
  const other = ledgerSigner(keyPair()).vkey;
  const header = JSON.stringify({ ...JSON.parse(lines[0] ?? ''), vkey: other });
  const report = await verify(lines.with(0, header));
  expect(report).toMatchObject({
    ok: false,
    entries: 0,
    checkpoint: null,
    finding: { index: null },
  });
  const replay = await replayAuthority(each(lines.with(0, header)));
  expect(replay).toMatchObject({ ok: false, finding: { index: null } });
});

describe('authority replayed', () => {
  test.each([true, false])('from an export of authority alone: %s', async (authorityOnly) => {
    const given = await exportOf(ledger, { authorityOnly });
    const replay = await replayAuthority(each(given), { trust: ledger.broker });
    if (!replay.ok) throw new Error(replay.finding.reason);
    expect(replay.size).toBe(13);
    expect([...replay.state.humans.values()].map(({ name }) => name)).toEqual(['alice', 'bob']);
  });

  test.each<[string, () => Promise<string[]>, RegExp]>([
    [
      'a signature missing',
      () => exportOf(ledger, { entries: ledger.entries.with(2, ledger.unsigned) }),
      /carries no authority/,
    ],
    [
      'a broken entry',
      async () => lines.with(3, (lines[3] ?? '').replace('"time":"2026', '"time":"2025')),
      /not those that were hashed/,
    ],
    ['a false signer', () => exportOf(ledger, { signedBy: keyPair() }), /genesis names/],
    ['an order of its own', async () => lines.with(3, lines[4] ?? ''), /no such statement/],
    ['an entry twice', async () => lines.with(3, lines[2] ?? ''), /out of order/],
    [
      'an entry beyond its checkpoint',
      async () => {
        const longer = await exportOf(ledger, { entries: [...ledger.entries, ledger.unsigned] });
        return [lines[0] ?? '', ...longer.slice(1)];
      },
      /^Entry 13: the checkpoint does not count it\.$/,
    ],
    [
      'bytes that are no entry',
      () => {
        const bytes = Buffer.from('{"v":1}', 'utf8');
        return exportOf(ledger, { entries: [{ bytes, hash: leafHash(bytes) }] });
      },
      /^Entry 0: An entry is an object of exactly v, id, time, type, body\.$/,
    ],
  ])('refuses %s', async (_, given, reason) => {
    const replay = await replayAuthority(each(await given()));
    expect(replay.ok).toBe(false);
    if (!replay.ok) expect(replay.finding.reason).toMatch(reason);
  });
});
