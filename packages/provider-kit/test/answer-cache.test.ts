/** Law 2: what a provider said is taken for true for a moment, and never for longer than that. */
import { expect, test } from 'vitest';
import { AnswerCache } from '../src/index.ts';

test.each<[string, number, boolean]>([
  ['at once', 0, true],
  ['within fifteen seconds', 14_999, true],
  ['no more at fifteen', 15_000, false],
  ['not where the clock went back', -1, false],
])('an answer is taken for true %s', (_when, later, isTaken) => {
  let now = 1_000_000;
  const cache = new AnswerCache({ now: () => now });
  cache.put('a', { id: 1 });
  now += later;
  expect(cache.get('a')?.value).toEqual(isTaken ? { id: 1 } : undefined);
  expect(cache.get('b')).toBeUndefined();
});

test('it begins anew where it is full, so that no caller fills the memory', () => {
  const cache = new AnswerCache({ now: () => 0 });
  for (let at = 0; at <= 5000; at += 1) cache.put(`${at}`, at);
  expect(cache.get('0')).toBeUndefined();
  expect(cache.get('5000')?.value).toBe(5000);
});
