import { CountersignError } from '@countersign/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEntry,
  encodeEntry,
  type LedgerEntry,
  MAX_ENTRY_BYTES,
  retimeEntry,
} from '../src/index.ts';

const ID = '01999f5e-7a40-7000-8000-000000000001';
const TIME = '2026-11-20T09:00:00.000Z';

function entryOf(body: Record<string, unknown>): LedgerEntry {
  return { v: 1, id: ID, time: TIME, type: 'decision', body };
}

function text(body: string): string {
  return `{"body":${body},"id":"${ID}","time":"${TIME}","type":"decision","v":1}`;
}

const utf8 = (value: string) => new TextEncoder().encode(value);

const jsonObject = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 }));

describe('canonical form (RFC 8785)', () => {
  test.each([
    // Section 3.2.3: keys by UTF-16 code units, so the emoji's surrogates sort before U+FB33.
    [
      { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 },
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
    ],
    // Section 3.2.2: the sample's numbers and string.
    [
      { numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001] },
      '{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
    ],
    [
      { string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\u002f' },
      '{"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    ],
    [{ literals: [null, true, false], zero: -0 }, '{"literals":[null,true,false],"zero":0}'],
    // No Unicode normalisation.
    [{ a: 'A\u030a' }, '{"a":"A\u030a"}'],
    [Object.fromEntries([['__proto__', { x: 1 }]]), '{"__proto__":{"x":1}}'],
  ])('%j', (body, canonical) => {
    const bytes = encodeEntry(entryOf(body));
    expect(Buffer.from(bytes).toString('utf8')).toBe(text(canonical));
    expect(encodeEntry(decodeEntry(bytes))).toEqual(bytes);
  });

  test('decoding undoes encoding, and the order of keys leaves no trace', () => {
    fc.assert(
      fc.property(jsonObject, (body) => {
        const bytes = encodeEntry(entryOf(body));
        const decoded = decodeEntry(bytes);
        expect(decoded).toEqual({ ...entryOf(JSON.parse(JSON.stringify(body))) });
        const shuffled = Object.fromEntries(Object.entries(body).reverse());
        expect(encodeEntry({ body: shuffled, type: 'decision', time: TIME, id: ID, v: 1 })).toEqual(
          bytes,
        );
      }),
    );
  });

  test('at another instant, it is as if it had been encoded there', () => {
    const instant = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') });
    fc.assert(
      fc.property(jsonObject, instant, (body, date) => {
        const time = date.toISOString();
        const bytes = encodeEntry(entryOf(body));
        expect(retimeEntry(bytes, 'decision', time)).toEqual(
          encodeEntry({ ...entryOf(body), time }),
        );
        expect(bytes).toEqual(encodeEntry(entryOf(body)));
      }),
    );
  });

  test.each([
    ['bytes of another type', 'lease.revoked', TIME],
    ['a time that is none', 'decision', '2026-11-20T09:00:00Z'],
    ['a time of another length', 'decision', '2026-11-20T09:00:00.0000Z'],
  ])('%s are not given another instant', (_, type, time) => {
    expect(() => retimeEntry(encodeEntry(entryOf({})), type, time)).toThrow(CountersignError);
  });

  test('no other bytes decode to the same entry', () => {
    fc.assert(
      fc.property(jsonObject, fc.nat(), fc.constantFrom(' ', '\n', '\t'), (body, at, space) => {
        const canonical = Buffer.from(encodeEntry(entryOf(body))).toString('utf8');
        const cut = at % (canonical.length + 1);
        const padded = utf8(canonical.slice(0, cut) + space + canonical.slice(cut));
        let decoded: LedgerEntry | null = null;
        try {
          decoded = decodeEntry(padded);
        } catch (error) {
          expect(error).toBeInstanceOf(CountersignError);
        }
        // The space may fall inside a string, where it is content.
        if (decoded !== null) expect(decoded).not.toEqual(decodeEntry(utf8(canonical)));
      }),
    );
  });
});

describe('encodeEntry refuses', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  let deep: unknown = 1;
  for (let level = 0; level < 70; level += 1) deep = [deep];

  test.each<[string, Record<string, unknown>]>([
    ['NaN', { a: Number.NaN }],
    ['infinity', { a: Number.POSITIVE_INFINITY }],
    ['undefined as a member', { a: undefined }],
    ['undefined in an array', { a: [undefined] }],
    ['a hole in an array', { a: new Array(1) }],
    ['a function', { a: () => 1 }],
    ['a bigint', { a: 1n }],
    ['a symbol', { a: Symbol('a') }],
    ['a class instance with toJSON', { a: new Date(0) }],
    ['a map', { a: new Map() }],
    ['bytes', { a: new Uint8Array(1) }],
    ['an object that would render itself', { a: { toJSON: () => 1 } }],
    ['a lone surrogate', { a: '\ud800' }],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['a cycle', circular],
    ['nesting beyond 64 levels', { deep }],
    ['one byte too many', { a: 'x'.repeat(MAX_ENTRY_BYTES - text('{"a":""}').length + 1) }],
  ])('%s', (_name, body) => {
    expect(() => encodeEntry(entryOf(body))).toThrow(CountersignError);
    expect(() => encodeEntry(entryOf(body))).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  test('but takes exactly 65535 bytes', () => {
    const body = { a: 'x'.repeat(MAX_ENTRY_BYTES - text('{"a":""}').length) };
    const bytes = encodeEntry(entryOf(body));
    expect(bytes.length).toBe(65_535);
    expect(decodeEntry(bytes).body).toEqual(body);
  });

  test.each<[string, Partial<LedgerEntry>]>([
    ['a UUID of another version', { id: '01999f5e-7a40-4000-8000-000000000001' }],
    ['an upper-case id', { id: ID.toUpperCase() }],
    ['a time without milliseconds', { time: '2026-11-20T09:00:00Z' }],
    ['a day that does not exist', { time: '2026-02-30T09:00:00.000Z' }],
    ['an empty type', { type: '' }],
    ['a type with spaces', { type: 'a b' }],
  ])('%s', (_name, change) => {
    expect(() => encodeEntry({ ...entryOf({}), ...change })).toThrow(CountersignError);
  });
});

describe('decodeEntry refuses', () => {
  const good = text('{"a":1}');

  test('the negative cases start from a good one', () => {
    expect(decodeEntry(utf8(good))).toEqual(entryOf({ a: 1 }));
  });

  test.each([
    ['a duplicate key', text('{"a":1,"a":1}')],
    ['a duplicate key at the top', good.replace('"v":1', '"v":1,"v":1')],
    ['keys out of order', text('{"b":1,"a":1}')],
    ['white space', text('{"a": 1}')],
    ['a trailing newline', `${good}\n`],
    ['a byte order mark', `\ufeff${good}`],
    ['a number in another form', text('{"a":1.0}')],
    ['an exponent in another form', text('{"a":1e2}')],
    ['minus zero', text('{"a":-0}')],
    ['an integer beyond double precision', text('{"a":9007199254740993}')],
    ['an escape that needs none', text('{"a":"\\u0041"}')],
    ['an escaped slash', text('{"a":"\\/"}')],
    ['an upper-case escape', text('{"a":"\\u000F"}')],
    ['an escaped lone surrogate', text('{"a":"\\ud800"}')],
    ['an unknown key at the top', good.replace('"v":1', '"v":1,"w":1')],
    ['a missing key', good.replace(',"type":"decision"', '')],
    ['another version', good.replace('"v":1', '"v":2')],
    ['a version as text', good.replace('"v":1', '"v":"1"')],
    ['a body that is an array', text('[]')],
    ['a body that is null', text('null')],
    ['an id that is none', good.replace(ID, 'x')],
    ['a time in another zone', good.replace('000Z', '000+00:00')],
    ['an array', '[]'],
    ['nothing', ''],
    ['not JSON', '{'],
    ['more bytes than an entry may have', text(`{"a":"${'x'.repeat(70_000)}"}`)],
  ])('%s', (_name, bytes) => {
    expect(() => decodeEntry(utf8(bytes))).toThrow(
      expect.objectContaining({ name: 'CountersignError', code: 'invalid_request' }),
    );
  });

  test('bytes that are not UTF-8', () => {
    const bytes = Buffer.from(good.replace('"a"', '"\u00ff"'), 'latin1');
    expect(() => decodeEntry(bytes)).toThrow(CountersignError);
  });
});
