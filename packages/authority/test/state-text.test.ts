/** Values of the state as text: the same for equal values, nothing dropped in silence, and back again. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readText, writeText } from '../src/state-text.ts';

/** What the state may hold: JSON, members with any name, and maps in any place. */
const VALUE = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    fc.constantFrom('$map', '$', '$$map', '"$map"'),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$map', '$', '$$map')), tie('value')),
    fc.array(fc.tuple(fc.string(), tie('value'))).map((entries) => new Map(entries)),
  ),
})).value;

test('whatever is written is read back equal, and written again the same', () => {
  fc.assert(
    fc.property(VALUE, (value) => {
      const text = writeText(value);
      expect(readText(text)).toEqual(value);
      expect(writeText(readText(text))).toBe(text);
      // Parts are texts in lines.
      expect(text).not.toContain('\n');
    }),
  );
});

test('the order in which members were made does not show, that of a map does', () => {
  expect(writeText({ a: 1, b: { c: 2, d: 3 } })).toBe(writeText({ b: { d: 3, c: 2 }, a: 1 }));
  const one = new Map([...'ab'].map((key) => [key, 1]));
  const other = new Map([...'ba'].map((key) => [key, 1]));
  expect(writeText(one)).not.toBe(writeText(other));
});

describe('what has no text is refused, never dropped', () => {
  test.each<[string, unknown]>([
    ['a set', { held: new Set(['a']) }],
    ['a function', [() => 1]],
    ['a date', new Date(0)],
    ['an instance of a class', new (class Thing {})()],
    ['bytes', new Uint8Array(1)],
    ['a bigint', 1n],
    ['no number', Number.NaN],
    ['nothing in a list', [undefined]],
    ['a map with keys that are no strings', new Map([[1, 1]])],
  ])('%s', (_, value) => {
    expect(() => writeText(value)).toThrow(/no text/);
  });
});
