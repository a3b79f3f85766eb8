import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../src/json-text.ts';

const parse = (text: string) => parseJson(new TextEncoder().encode(text));

describe('JSON with one reading', () => {
  test('what JSON.stringify writes is read back as it was', () => {
    const string = fc
      .string({ unit: 'binary' })
      .filter((value) => value.isWellFormed() && !value.includes('\0') && value !== '__proto__');
    const value = fc.object({
      key: string,
      values: [
        string,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
      ],
      maxDepth: 4,
    });
    fc.assert(
      fc.property(value, (json) => {
        const text = JSON.stringify(json);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('a member that is there twice is refused at any depth, however its name is escaped', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((name) => !name.includes('\0')),
        fc.integer({ min: 0, max: 8 }),
        fc.boolean(),
        (name, depth, escaped) => {
          const plain = JSON.stringify(name);
          const other = escaped
            ? `"${[...Array(name.length).keys()].map((i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
            : plain;
          const inner = `{${plain}:1,${other}:2}`;
          expect(() => parse('[{"a":'.repeat(depth) + inner + '}]'.repeat(depth))).toThrow();
        },
      ),
    );
  });

  test.each([
    ['the same name in sibling objects', '[{"a":1},{"a":1}]'],
    ['the same name at two depths', '{"a":{"a":1}}'],
    ['a value that equals a name', '{"a":"a","b":"a"}'],
    ['punctuation inside strings', '{"a{":"}[:\\"","b":":"}'],
    ['32 levels', '['.repeat(32) + ']'.repeat(32)],
    ['the largest exact integer', '9007199254740991'],
    ['a pair of surrogates, escaped', '"\\ud83d\\ude00"'],
  ])('accepts %s', (_what, text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test.each([
    ['nothing', ''],
    ['33 levels', '['.repeat(33) + ']'.repeat(33)],
    ['40,000 levels', '['.repeat(40_000) + ']'.repeat(40_000)],
    ['a byte order mark', '\ufeff{}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['a lone surrogate in a name', '{"\\udfff":1}'],
    ['U+0000', '"\\u0000"'],
    ['__proto__', '{"__proto__":{"admin":true}}'],
    ['__proto__, escaped', '{"\\u005f_proto__":1}'],
    ['a number that is infinite as a double', '1e400'],
    ['an integer that a double rounds', '9007199254740993'],
    ['two documents', '{}{}'],
    ['a trailing comma', '{"a":1,}'],
    ['a comment', '{}/**/'],
    ['NaN', 'NaN'],
    ['single quotes', "{'a':1}"],
    ['a raw control character', '"\u0001"'],
  ])('refuses %s', (_what, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test.each([
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a cut sequence', [0x22, 0xe2, 0x82, 0x22]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('refuses bytes that are %s', (_what, bytes) => {
    expect(() => parseJson(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  test('the refusal repeats nothing of the body', () => {
    expect(() => parse('{"password":"hunter2",}')).toThrow(/^The body is not valid JSON\.$/);
  });
});
