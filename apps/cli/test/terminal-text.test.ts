import { execFileSync } from 'node:child_process';
import type { EntryView } from '@countersign/contract';
import { Secret } from '@countersign/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { callLines, entryLine } from '../src/audit-lines.ts';
import { isReadOut } from '../src/commands/sign.ts';
import { resolveId } from '../src/profile.ts';
import { isRecoveryCode, newRecoveryCode, recoveryCommitment } from '../src/recovery-code.ts';
import { table } from '../src/table.ts';
import { clean, factLines, lengthOf, shellWord, shortIds, wrap, wrapSql } from '../src/text.ts';

const anyText = fc.oneof(
  fc.string({ maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 100 }),
);
const hexId = fc.stringMatching(/^[0-9a-f]{12}$/);

describe('80 columns, whatever is in them', () => {
  test('tables', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyText, { maxLength: 7 })), (rows) => {
        const head = ['ID', 'STATUS', 'AGENT', 'ENV', 'OPERATIONS', 'RESOURCES', 'USES'];
        const lines = table(head, rows);
        expect(lines).toHaveLength(rows.length + 1);
        for (const line of lines) expect(lengthOf(line)).toBeLessThanOrEqual(80);
      }),
    );
  });

  test('facts', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyText, anyText)), (facts) => {
        for (const line of factLines(facts)) expect(lengthOf(line)).toBeLessThanOrEqual(80);
      }),
    );
  });

  test('entries of the ledger', () => {
    fc.assert(
      fc.property(fc.nat(), anyText, anyText, anyText, (index, type, verdict, code) => {
        const entry = {
          index,
          id: 'x',
          type,
          time: '2026-11-20T12:00:00.000Z',
          body: { verdict, code },
        };
        expect(lengthOf(entryLine(entry, new Map()))).toBeLessThanOrEqual(80);
      }),
    );
  });
});

describe('a forwarded request is told by what it did or would have done:', () => {
  const said = { verdict: 'denied', agent: 'a', stage: 'forward' };
  const volume = 'volume/0b0b0b0b-0000-4000-8000-000000000000';

  test.each<[string, EntryView['body'], readonly string[]]>([
    [
      'allowed',
      {
        ...{ ...said, verdict: 'allowed' },
        rights: [{ operations: ['railway:volumeDelete'], resources: [volume, 'b'] }],
      },
      [`railway:volumeDelete ${volume}`, 'railway:volumeDelete b'],
    ],
    [
      'stopped on its way',
      { ...said, asked: { connection: 'r', calls: [{ operation: 'x:a', resource: 'b/1' }] } },
      ['x:a b/1'],
    ],
    [
      'denied by policy',
      { ...said, asked: { asks: [{ operations: ['x:a', 'x:b'], resources: ['b', 'c', 'd'] }] } },
      ['x:a b', 'x:a c', 'x:a d', 'and 3 more'],
    ],
    ['not understood', { ...said, asked: { connection: 'r', calls: [] } }, []],
    ['of no shape we know', { ...said, asked: { calls: [null, { operation: 4 }] } }, []],
    ['not forwarded', { ...said, stage: 'exchange', rights: [{ operations: ['x:a'] }] }, []],
    ['steering', { ...said, asked: { calls: [{ operation: '\u001b[2J' }] } }, ['\ufffd[2J']],
  ])('%s', (_, body, lines) => {
    expect(callLines({ body })).toEqual(lines.map((line) => `       ${line}`));
    for (const line of callLines({ body })) expect(lengthOf(line)).toBeLessThanOrEqual(80);
  });
});

test('a fixed column is never clipped, a clipped cell says so', () => {
  const id = '01999f5e-7a40-7000-8000-000000000001';
  const [, line = ''] = table(['ID', 'TEXT'], [[id, 'x'.repeat(100)]], { fixed: [0] });
  expect(line).toContain(id);
  expect(line.endsWith('x…')).toBe(true);
});

test('wrapping loses no word and keeps what the line begins with', () => {
  expect(wrap('  decision: one two three four', 16, '  ')).toEqual([
    '  decision: one',
    '  two three four',
  ]);
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1 }), (words) => {
      expect(wrap(words.join(' '), 30, '  ').join(' ').trim().split(/\s+/)).toEqual(words);
    }),
  );
});

test.each(['\u001b[2J', '\u009b1A', 'a\rb', 'a\u202eb', '\u200b', '\u2028', '\u0007'])(
  '%j cannot steer the screen',
  (text) => expect(clean(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u),
);

test('short ids are unique and lead back to their ids', () => {
  fc.assert(
    fc.property(fc.uniqueArray(hexId, { minLength: 1 }), (ids) => {
      for (const [id, short] of shortIds(ids)) {
        expect(short.length).toBeGreaterThanOrEqual(8);
        expect(resolveId(short, ids, 'grant')).toBe(id);
      }
    }),
  );
});

test('a prefix of several, of none, or too short leads nowhere', () => {
  const ids = ['01999f5e-aaaa', '01999f5e-bbbb'];
  expect(() => resolveId('01999f5e', ids, 'grant')).toThrow(/2 grants begin/);
  expect(() => resolveId('0199ffff', ids, 'grant')).toThrow(/no grant/);
  expect(() => resolveId('', ['01999f5e-aaaa'], 'grant')).toThrow(/no grant/);
});

test('short ids lead back to their ids among others that are not shown', () => {
  fc.assert(
    fc.property(fc.uniqueArray(hexId, { minLength: 2 }), fc.nat(), (ids, at) => {
      const shown = ids.filter((_, index) => index % 2 === at % 2);
      for (const [id, short] of shortIds(shown, ids)) {
        expect(resolveId(short, ids, 'statement')).toBe(id);
      }
    }),
  );
});

test.each([
  ['statement', 'countersign pending'],
  ['grant', 'countersign grant list'],
] as const)('whoever names no %s is told where they are', (what, next) => {
  expect(() => resolveId('0199ffff', [], what)).toThrow(expect.objectContaining({ next }));
});

describe('a fingerprint that was read out', () => {
  const fingerprint = 'LuQaSwyFeRdh07hLaTKmG755_DLPyJLy2Jl8Y7T7TI0';
  test.each(['LuQa SwyF eRdh 07hL', 'LuQaSwyFeRdh07hL', ' LuQa SwyF eRdh 07hL aTKm ', fingerprint])(
    '%j matches',
    (typed) => expect(isReadOut(typed, fingerprint)).toBe(true),
  );
  test.each([
    '',
    'LuQa',
    'LuQa SwyF',
    'LuQa SwyF eRdh',
    'luqa swyf erdh 07hl',
    'SwyF eRdh 07hL aTKm',
    'LuQa SwyF eRdh 07h',
    'LuQa SwyG',
    `${fingerprint}x`,
  ])('%j does not', (typed) => expect(isReadOut(typed, fingerprint)).toBe(false));
});

describe('a recovery code', () => {
  test('has 160 bits in eight groups, without letters that could be misread', () => {
    const codes = Array.from({ length: 200 }, () => newRecoveryCode().reveal());
    for (const code of codes)
      expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(new Set(codes).size).toBe(200);
  });

  test('is recognised however it was written down', async () => {
    const code = newRecoveryCode();
    const sloppy = code
      .reveal()
      .toLowerCase()
      .replaceAll('-', ' ')
      .replaceAll('0', 'o')
      .replaceAll('1', 'l');
    const written = new Secret('written', sloppy);
    expect(await recoveryCommitment(written)).toBe(await recoveryCommitment(code));
    expect([isRecoveryCode(written), isRecoveryCode(new Secret('cut', sloppy.slice(1)))]).toEqual([
      true,
      false,
    ]);
  });

  test('stands for one key: RFC 5869 and RFC 8410 by another implementation', async () => {
    // Made with Python's cryptography: HKDF(SHA256, 32, b'', b'countersign recovery key 1') of the code.
    const code = new Secret('code', 'ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-6789');
    expect(await recoveryCommitment(code)).toBe('tLVB-MotHsaTRb1x21SRX8pL32uZhMtNX_sAlISlkdg');
  });
});

describe('what is shown to be pasted', () => {
  const sqlName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).map(clean);

  test('SQL is broken only where a line break is white space', () => {
    fc.assert(
      fc.property(fc.array(sqlName, { maxLength: 8 }), (names) => {
        const sql = names.map((name) => `DROP VIEW "${name.replaceAll('"', '""')}";`).join(' ');
        const lines = wrapSql(sql, 40, '  ');
        expect(lines.map((line) => line.slice(2)).join(' ')).toBe(sql);
        for (const line of lines) expect(line.split('"').length % 2).toBe(1);
      }),
    );
  });

  test('a shell reads a word as it was', () => {
    fc.assert(
      fc.property(fc.array(sqlName, { minLength: 1, maxLength: 20 }), (words) => {
        const script = `printf '%s\\0' ${words.map(shellWord).join(' ')}`;
        const read = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
        expect(read.split('\0').slice(0, -1)).toEqual(words);
      }),
      { numRuns: 25 },
    );
  });
});
