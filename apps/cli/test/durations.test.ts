import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCount, parseDuration } from '../src/duration.ts';
import { Failure } from '../src/failure.ts';

test.each([
  ['90s', 90],
  ['5m', 300],
  ['8h', 28_800],
  ['7d', 604_800],
  ['0s', 0],
])('%s is %i seconds', (text, seconds) => expect(parseDuration(text, '--ttl')).toBe(seconds));

test.each(['', '5', 'm', '5M', '-5m', '1.5h', '5 m', '5m ', '1h30m', '9999999999s', '0x5m', '٥m'])(
  '%j is refused, with the option to write instead',
  (text) => {
    expect(() => parseDuration(text, '--ttl')).toThrow(Failure);
    expect(() => parseDuration(text, '--ttl')).toThrow(/--ttl/);
  },
);

test('whatever is no number and unit is refused', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^\d{1,9}[smhd]$/.test(text));
      expect(() => parseDuration(text, '--ttl')).toThrow(Failure);
    }),
  );
});

test('a count is whole and large enough', () => {
  expect(parseCount('2', '--quorum', 2)).toBe(2);
  for (const text of ['1', '', '-2', '2.5', '1e3', '0x10']) {
    expect(() => parseCount(text, '--quorum', 2)).toThrow(/at least 2/);
  }
});
