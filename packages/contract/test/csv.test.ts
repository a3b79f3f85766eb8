import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvRecord, IDENTITY_COLUMNS, identityCells } from '../src/index.ts';

/** Records as RFC 4180 section 2 has them: the grammar, read by nothing that writes it. */
function parse(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text.charAt(at + 1) === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === ',') {
      record.push(cell);
      cell = '';
    } else if (character === '\r' && text.charAt(at + 1) === '\n') {
      records.push([...record, cell]);
      [record, cell] = [[], ''];
      at += 1;
    } else cell += character;
  }
  return records;
}

const cells = fc.array(
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom('=', '+', '-', '@', ',', '"', '\r', '\n', '\t', ' ', 'a') }),
  ),
  { minLength: 2, maxLength: 6 },
);

describe('a record', () => {
  test('reads back as what was written, apart from the mark before what looks like a formula', () => {
    fc.assert(
      fc.property(fc.array(cells, { minLength: 1, maxLength: 4 }), (records) => {
        const read = parse(records.map(csvRecord).join(''));
        expect(read.map((record) => record.map((cell) => cell.replace(/^'/, '')))).toEqual(
          records.map((record) => record.map((cell) => cell.replace(/^'/, ''))),
        );
      }),
    );
  });

  test('has no cell that a spreadsheet takes for a formula', () => {
    fc.assert(
      fc.property(cells, (record) => {
        for (const cell of parse(csvRecord(record)).flat()) {
          expect(cell.trimStart()).not.toMatch(/^[=+\-@＝＋－＠]/);
          expect(cell).not.toMatch(/^[\t\r\n]/);
        }
      }),
    );
  });

  test.each([
    ['=cmd|calc', "'=cmd|calc"],
    ['  =1+1', "'  =1+1"],
    ['\u200b=1+1', "'\u200b=1+1"],
    ['＝1+1', "'＝1+1"],
    ['-a-thumbprint', "'-a-thumbprint"],
    ['a "quote", a comma', '"a ""quote"", a comma"'],
    ['plain', 'plain'],
    ['', ''],
  ])('%j is written %j', (cell, written) => {
    expect(csvRecord([cell, 'b'])).toBe(`${written},b\r\n`);
  });
});

const ID = '018f0000-0000-7000-8000-000000000001';
const AT = '2026-11-20T12:00:00.000Z';
/** A thumbprint that begins as a formula would. */
const KEY = `-${'A'.repeat(42)}`;

describe('an identity', () => {
  test('has a cell for each column, and a thumbprint in it keeps its form', () => {
    const row = identityCells({
      kind: 'agent',
      id: ID,
      name: 'cursor',
      state: 'enabled',
      registered_at: AT,
      registered_by: 'alice',
      disabled_at: null,
      auth_method: 'private_key_jwt',
      credentials: [{ kind: 'Ed25519', thumbprint: KEY }],
      authenticated_by: { credential: KEY, at: AT },
      grants: [],
      allowed: [{ stage: 'exchange', count: 2 }],
      denied: [{ code: 'not_granted', count: 3 }],
      last_allowed_at: AT,
      last_denied_at: null,
      leases: [],
    });
    const named = Object.fromEntries(IDENTITY_COLUMNS.map((column, at) => [column, row[at]]));
    expect(row).toHaveLength(IDENTITY_COLUMNS.length);
    expect(named).toMatchObject({
      kind: 'agent',
      name: 'cursor',
      by: 'alice',
      credentials: `Ed25519:${KEY}`,
      last_credential: `key:${KEY}`,
      allowed: 'exchange=2',
      denied: 'not_granted=3',
      roles: '',
    });
    expect(csvRecord(row)).not.toContain("'");
  });
});
