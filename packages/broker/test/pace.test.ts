/** How often an agent may ask: never more than it earned, whatever it does, and at nobody else's cost. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPace } from '../src/index.ts';

const LIMITS = { perSecond: 10, saved: 50, atOnce: 4 };

function paced(limits = LIMITS) {
  let now = 0;
  const pace = createPace(limits, () => now);
  return {
    pace,
    wait: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

/** Asks and ends at once. @returns how many of `times` were let through */
function ask(pace: ReturnType<typeof createPace>, agent: string, times: number): number {
  let through = 0;
  for (let i = 0; i < times; i += 1) {
    const end = pace.begin(agent);
    if (end === null) continue;
    through += 1;
    end();
  }
  return through;
}

describe('the pace of an agent', () => {
  test('is what it saved up, then what it earns', () => {
    const { pace, wait } = paced();
    expect(ask(pace, 'a', 60)).toBe(50);
    wait(99);
    expect(ask(pace, 'a', 1)).toBe(0);
    wait(1);
    expect(ask(pace, 'a', 2)).toBe(1);
    wait(3_600_000);
    expect(ask(pace, 'a', 60)).toBe(50);
  });

  test('is its own', () => {
    const { pace } = paced();
    ask(pace, 'a', 60);
    expect(ask(pace, 'b', 60)).toBe(50);
  });

  test('ends at so many at once, until one of them ends', () => {
    const { pace } = paced();
    const ends = Array.from({ length: 4 }, () => pace.begin('a'));
    expect(pace.begin('a')).toBeNull();
    ends[0]?.();
    expect(pace.begin('a')).not.toBeNull();
    expect(pace.begin('a')).toBeNull();
  });

  test('never exceeds what was saved and earned, in any order of asking and waiting', () => {
    const step = fc.record({
      wait: fc.nat(5_000),
      asks: fc.nat(80),
      agent: fc.constantFrom('a' as const, 'b' as const),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { pace, wait } = paced();
        let elapsed = 0;
        const through = { a: 0, b: 0 };
        for (const { wait: milliseconds, asks, agent } of steps) {
          wait(milliseconds);
          elapsed += milliseconds;
          through[agent] += ask(pace, agent, asks);
          const most = LIMITS.saved + (elapsed / 1000) * LIMITS.perSecond;
          expect(Math.max(through.a, through.b)).toBeLessThanOrEqual(most + 1e-6);
        }
      }),
    );
  });
});
