import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseForm } from '../src/form-text.ts';

describe('forms and queries with one reading', () => {
  test('what URLSearchParams writes is read back as it was', () => {
    const text = fc
      .string({ unit: 'binary' })
      .filter((value) => value.isWellFormed() && !value.includes('\0'));
    const name = text.filter((value) => value !== '' && value !== '__proto__');
    fc.assert(
      fc.property(fc.dictionary(name, text, { maxKeys: 32 }), (parameters) => {
        expect(parseForm(new URLSearchParams(parameters).toString())).toEqual({ ...parameters });
      }),
    );
  });

  test.each([
    ['a parameter twice', 'a=1&a=2'],
    ['a parameter twice, escaped', 'a=1&%61=2'],
    ['an invalid escape', 'a=%zz'],
    ['a cut escape', 'a=%4'],
    ['an overlong escape', 'a=%c0%af'],
    ['an escaped surrogate', 'a=%ed%a0%80'],
    ['a raw byte above ASCII', 'a=\u00e9'],
    ['a line break', 'a=1\r\nb=2'],
    ['an empty parameter', 'a=1&&b=2'],
    ['a parameter without a value', 'a'],
    ['a parameter without a name', '=1'],
    ['U+0000', 'a=%00'],
    ['__proto__', '__proto__=1'],
    ['33 parameters', [...Array(33).keys()].map((i) => `p${i}=1`).join('&')],
  ])('refuses %s', (_what, text) => {
    expect(() => parseForm(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
