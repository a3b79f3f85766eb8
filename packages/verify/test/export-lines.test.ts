/** Lines of an export as entries: the bytes that were stored, whatever way a line spells them, or its fault. */
import { leafHash } from '@countersign/ledger';
import { describe, expect, test } from 'vitest';
import { openExport } from '../src/export-lines.ts';
import { claimedId, ExportFault } from '../src/finding.ts';
import { id } from './ledger-by-hand.ts';
import { each } from './ledger-of-two.ts';

const HEADER = {
  format: 'countersign-export/1',
  ...{ broker: null, checkpoint: 'note', vkey: 'key', authority_only: false },
};
/** Not canonical: what is stored is what was hashed, and whether it is an entry is for the audit. */
const TEXT = `{"type":"x", "id":"${id(1)}"}`;
const HASH = Buffer.from(leafHash(Buffer.from(TEXT)));

const line = (index: number | string, hash: string, entry = TEXT): string =>
  `{"index":${index},"leaf_hash":"${hash}","entry":${entry}}`;
async function read(...lines: readonly string[]) {
  const { entries, latest } = await openExport(each([JSON.stringify(HEADER), ...lines]));
  const found = [];
  try {
    for await (const entry of entries) found.push(entry);
  } catch (error) {
    if (!(error instanceof ExportFault)) throw error;
    return { found, latest: latest(), finding: error.finding };
  }
  return { found, latest: latest(), finding: null };
}
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

describe('the header', () => {
  const open = async (...lines: readonly string[]) => await openExport(each(lines));

  test('is the first line that is not empty', async () => {
    const { header, latest } = await open('', '  ', JSON.stringify(HEADER));
    expect(header).toEqual(HEADER);
    expect(latest()).toBeNull();
  });

  test.each<[string, readonly string[], RegExp]>([
    ['nothing', [], /^The export is empty\.$/],
    ['empty lines', ['', '\t'], /^The export is empty\.$/],
    ['no JSON', ['{'], /^The first line is not an export's header: .+\.$/],
    ['an entry', [line(0, HASH.toString('base64url'))], /is not an export's header/],
    ['of another format', [JSON.stringify({ ...HEADER, format: 'x/2' })], /header: format/],
    ['with a member more', [JSON.stringify({ ...HEADER, more: 1 })], /is not an export's header/],
  ])('is a fault where it is %s', async (_, lines, says) => {
    await expect(open(...lines)).rejects.toMatchObject({
      name: 'ExportFault',
      finding: { index: null, id: null, reason: expect.stringMatching(says) },
    });
  });
});

describe('an entry as a server writes it', () => {
  const hash = HASH.toString('base64url');

  test.each([0, 7, 10, 1234567])('is its bytes as they are, at index %s', async (index) => {
    const { found, latest } = await read(line(index, hash));
    expect(found).toMatchObject([{ index, leafHash: HASH }]);
    expect(found.map(({ bytes }) => textOf(bytes))).toEqual([TEXT]);
    expect(latest).toEqual(found[0]);
  });

  test('keeps its UTF-8', async () => {
    const text = '{"name":"Zoë 🦊"}';
    const own = Buffer.from(leafHash(Buffer.from(text, 'utf8'))).toString('base64url');
    const { found } = await read(line(0, own, text));
    expect(found.map(({ bytes }) => textOf(bytes))).toEqual([text]);
  });

  test('ends where its line ends', async () => {
    const { found, finding } = await read(`${line(0, hash)} {}`);
    expect(found).toEqual([]);
    expect(finding).toMatchObject({
      index: 0,
      reason: 'Entry 0: its line of the export cannot be read.',
    });
  });

  test('begins where its line begins', async () => {
    const { found, finding } = await read(`{} ${line(0, hash)}`);
    expect(found).toEqual([]);
    expect(finding).toMatchObject({ index: 0 });
  });
});

describe('an entry written in any other way', () => {
  const canonical = `{"id":"${id(1)}","type":"x"}`;

  test.each<[string, string]>([
    ['its hash in base64', line(3, HASH.toString('base64'))],
    ['its hash in hex', line(3, HASH.toString('hex'))],
    [
      'members in another order',
      `{"entry":${TEXT},"index":3,"leaf_hash":"${HASH.toString('base64url')}"}`,
    ],
  ])('is its canonical form: %s', async (_, given) => {
    const { found } = await read('', given, '  ');
    expect(found).toMatchObject([{ index: 3, leafHash: HASH }]);
    expect(found.map(({ bytes }) => textOf(bytes))).toEqual([canonical]);
  });

  test('is its canonical form where its hash is of other bytes', async () => {
    const { found } = await read(line(0, Buffer.alloc(32, 1).toString('base64url')));
    expect(found.map(({ bytes }) => textOf(bytes))).toEqual([canonical]);
  });

  test('is the stored bytes, where these are no canonical form', async () => {
    const bytes = Buffer.from([1, 2, 255]);
    const given = { index: 0, leaf_hash: HASH.toString('base64'), bytes: bytes.toString('base64') };
    const { found } = await read(JSON.stringify(given));
    expect(found.map((entry) => Buffer.from(entry.bytes))).toEqual([bytes]);
  });

  test.each<[string, string, string]>([
    ['no JSON', '{', 'its line of the export cannot be read'],
    ['another shape', '{"index":0}', 'its line of the export cannot be read'],
    ['a member more', `{"index":0,"leaf_hash":"x","entry":{},"more":1}`, 'cannot be read'],
    ['an index that is no number', line('"0"', HASH.toString('base64')), 'cannot be read'],
    ['an index with a zero before it', line('00', HASH.toString('base64url')), 'cannot be read'],
    [
      'a hash of 31 bytes',
      line(0, HASH.subarray(1).toString('base64')),
      'its leaf hash is not 32 bytes',
    ],
    [
      'a hash in no spelling of its own',
      line(0, `${HASH.toString('base64url')}=`),
      'its leaf hash is not 32 bytes',
    ],
    [
      'a hash in hex of capitals',
      line(0, HASH.toString('hex').toUpperCase().replace(/^./, 'A')),
      'is not 32 bytes',
    ],
    [
      'a hash whose last character says more than its bytes',
      line(0, `${HASH.toString('base64url').slice(0, -1)}_`),
      'its leaf hash is not 32 bytes',
    ],
    [
      'bytes in another spelling',
      `{"index":0,"leaf_hash":"x","bytes":"AR=="}`,
      'its bytes cannot be rebuilt from the export',
    ],
    [
      'text that has no canonical form',
      line(0, HASH.toString('base64'), '{"a":"\\ud800"}'),
      'cannot be rebuilt',
    ],
  ])('is a fault that names its place: %s', async (_, given, says) => {
    const { found, finding } = await read(given);
    expect(found).toEqual([]);
    expect(finding?.index).toBe(0);
    expect(finding?.reason).toMatch(/^Entry 0: [^.]+\.$/);
    expect(finding?.reason).toContain(says);
  });

  test('is a fault at the place after the one before it, where it says none', async () => {
    const { found, latest, finding } = await read(line(4, HASH.toString('base64url')), '{');
    expect(found).toHaveLength(1);
    expect(latest).toEqual(found[0]);
    expect(finding).toMatchObject({ index: 5, id: null });
  });

  test('is a fault at the place it says, where it says one', async () => {
    expect((await read(line(9, 'x'))).finding).toMatchObject({ index: 9, id: id(1) });
  });
});

describe('the id that bytes claim', () => {
  test.each<[string, string | null]>([
    [TEXT, id(1)],
    ['{"id":"alice"}', null],
    ['{"id":17}', null],
    ['{}', null],
    ['null', null],
    ['"id"', null],
    ['17', null],
    ['[]', null],
    ['{', null],
    ['', null],
  ])('%s: %s', (text, claimed) => {
    expect(claimedId(Buffer.from(text))).toBe(claimed);
  });
});
