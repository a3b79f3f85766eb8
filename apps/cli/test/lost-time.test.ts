/** A gap in a ledger excuses what a profile saw of that time: once, and nothing else. */
import { describe, expect, test } from 'vitest';
import { type Gap, withoutLostTime } from '../src/lost-time.ts';
import type { Profile } from '../src/profile.ts';

const ROOT = 'm4FcLMNu9ED9QLSirGYkB8lJOWupxcQjT8ZZcRCxQaU';
const LINE = { number: 1, id: '01a1f82f-1e80-7000-8000-00000000000c' };
/** Entries 18 to 21 are lost. */
const GAP: Gap = {
  line: LINE,
  mirror: { size: 21, root: ROOT },
  database: { size: 18, root: ROOT },
  lost: { first: 18, last: 21 },
};

function profile(gaps: readonly string[], ...sizes: readonly number[]): Profile {
  const seen = sizes.map((size) => ({ size, root: ROOT }));
  return { server: '', issuer: '', broker: ROOT, name: 'alice', kid: ROOT, seen, gaps };
}

describe('a profile beside a ledger with a gap', () => {
  test.each<[string, readonly Gap[], readonly string[], readonly number[]]>([
    ['forgets trees of the lost time', [GAP], [], [18, 23]],
    ['forgets nothing of a gap that it knows', [GAP], [LINE.id], [18, 19, 22, 23]],
    ['forgets nothing where there is no gap', [], [], [18, 19, 22, 23]],
    [
      'forgets up to what the mirror had signed for, where two humans went on',
      [{ ...GAP, lost: null }],
      [],
      [18, 22, 23],
    ],
    [
      'forgets nothing where two went on beside a mirror that proved nothing',
      [{ ...GAP, lost: null, mirror: { size: 0, root: ROOT } }],
      [],
      [18, 19, 22, 23],
    ],
  ])('%s', (_, gaps, known, sizes) => {
    const { seen } = withoutLostTime(profile(known, 18, 19, 22, 23), gaps);
    expect(seen.map(({ size }) => size)).toEqual(sizes);
  });
});
