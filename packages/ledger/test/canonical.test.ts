/** RFC 8785, both ways: one value has one encoding, and no other bytes are read as it. */
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCanonical, encodeCanonical } from '../src/canonical.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const nested = (levels: number, inner = '1'): string =>
  `${'['.repeat(levels)}${inner}${']'.repeat(levels)}`;
const nestedObject = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

describe('bytes that are the encoding of their value', () => {
  test.each([
    'null',
    'true',
    '-1.5',
    '1e+21',
    '"a"',
    '[]',
    '{}',
    '{"a":1,"b":[{"c":1,"d":2},{"c":1}]}',
    '{"":1}',
    '{"":1,"a":2}',
    // Ordered by UTF-16 code units, where ECMAScript has what looks like an index first.
    '{"10":1,"2":1}',
    '{"\u{1f600}":1,"\ufb33":2}',
    nested(64),
    nestedObject(64),
  ])('are read: %s', (text) => {
    expect(encodeCanonical(decodeCanonical(bytes(text)))).toEqual(bytes(text));
  });
});

describe('bytes of another form', () => {
  test.each([
    ['in another order', '{"b":1,"a":2}'],
    ['in another order at the end of an array', '[{"a":1},{"b":1,"a":2}]'],
    ['in another order at its beginning', '[{"b":1,"a":2},{"a":1}]'],
    ['in another order inside a member', '{"a":{"b":1,"a":2},"b":1}'],
    ['with the empty name behind another', '{"a":1,"":2}'],
    ['with indexes as ECMAScript has them', '{"2":1,"10":1}'],
    ['with a name twice', '{"a":1,"a":1}'],
    ['with the empty name twice', '{"":1,"":1}'],
    ['with white space', '{"a": 1}'],
    ['with a newline behind it', '{"a":1}\n'],
    ['with a byte order mark', '\ufeff{}'],
    ['with an escape that is none of its own', '"\\u0061"'],
    ['with a number written otherwise', '1.0'],
    ['with minus zero', '-0'],
    ['with a number that is too large', '1e400'],
    ['with a lone surrogate', '"\\ud800"'],
    ['with a lone surrogate in an array', '["a","\\ud800"]'],
    ['with a lone surrogate in a name', '{"\\ud800":1}'],
    ['with a lone surrogate in a name of two', '{"a":1,"\\udfff":1}'],
    ['nested too deep', nested(65)],
    ['nested too deep in objects', nestedObject(65)],
    ['that is no JSON', '{'],
    ['that is nothing', ''],
  ])('is refused: %s', (_, text) => {
    expect(() => decodeCanonical(bytes(text))).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringMatching(/./) }),
    );
  });

  test('is refused where it is no UTF-8', () => {
    expect(() => decodeCanonical(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/UTF-8/);
  });

  test('__proto__ is a member like any other, or none', () => {
    const text = '{"__proto__":{"a":1},"a":1}';
    const read = decodeCanonical(bytes(text));
    expect(Object.keys(Object(read))).toEqual(['__proto__', 'a']);
    expect(() => decodeCanonical(bytes('{"a":1,"__proto__":1}'))).toThrow(/canonical/);
  });
});

describe('a value', () => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['NaN', Number.NaN],
    ['an infinity', Number.POSITIVE_INFINITY],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a name', { '\udfff': 1 }],
    ['a hole', new Array<unknown>(1)],
    ['a big integer', 1n],
  ])('that is no JSON has no encoding: %s', (_, value) => {
    for (const each of [value, [value], { a: value }]) {
      expect(() => encodeCanonical(each)).toThrow(/not JSON/);
    }
  });

  test('may be of 64 levels, and of no more', () => {
    expect(() => encodeCanonical(JSON.parse(nested(64)))).not.toThrow();
    expect(() => encodeCanonical(JSON.parse(nested(65)))).toThrow(/64 levels/);
    const ring: unknown[] = [];
    ring.push(ring);
    expect(() => encodeCanonical(ring)).toThrow(/64 levels/);
  });
});

const names = fc.oneof(
  fc.constantFrom('', 'a', 'b', '10', '2', '__proto__', 'constructor', '\ud800', '\u{1f600}'),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('null', 'true', '0', '-0', '1.0', '1e3', '1e400', '"a"', '"\\ud800"'),
    fc.array(tie('json'), { maxLength: 3 }).map((each) => `[${each.join()}]`),
    fc
      .array(fc.tuple(names, tie('json')), { maxLength: 4 })
      .map((all) => `{${all.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`),
  ),
}));

test('law: text is read when it is what the library writes of it, and only then', () => {
  fc.assert(
    fc.property(json, (drawn) => {
      const text = String(drawn);
      const isCanonical = own(text) === text;
      let isRead = true;
      try {
        decodeCanonical(bytes(text));
      } catch {
        isRead = false;
      }
      expect(isRead).toBe(isCanonical);
    }),
    { numRuns: 2_000 },
  );
});

/** As the library writes it; null where it refuses, or where the value has no text of its own. */
function own(text: string): string | null {
  try {
    return canonicalize(JSON.parse(text)) ?? null;
  } catch {
    return null;
  }
}
