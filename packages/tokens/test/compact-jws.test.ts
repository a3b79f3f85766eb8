import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCompactJws } from '../src/compact-jws.ts';
import { Refusal } from '../src/refusal.ts';
import { encode } from './support.ts';

const parse = (payload: string) =>
  parseCompactJws(`${encode({})}.${encode(payload)}.AAAA`, 1 << 20);

test('any JSON object is read, however it is spaced', () => {
  const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
  fc.assert(
    fc.property(object, fc.nat(3), (value, space) => {
      const text = JSON.stringify(value, null, space);
      expect(parse(text).claims).toEqual(JSON.parse(text));
    }),
  );
});

test('any JSON object in which one key is written twice is refused, at any depth', () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), fc.jsonValue(), fc.nat(4), (key, a, b, depth) => {
      const member = JSON.stringify(key);
      const object = `{${member}:${JSON.stringify(a)} , ${member} :${JSON.stringify(b)}}`;
      const text = `{"n":${'[{"n":'.repeat(depth)}${object}${'}]'.repeat(depth)}}`;
      expect(() => parse(text)).toThrow(Refusal);
    }),
  );
});

test('__proto__ is a member like any other', () => {
  expect(() => parse('{"__proto__":1,"__proto__":2}')).toThrow(Refusal);
  expect(Object.keys(parse('{"__proto__":{"a":1}}').claims)).toEqual(['__proto__']);
});
