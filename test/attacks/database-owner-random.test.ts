/**
 * Edits of the database that nobody chose. A few at a time say little, and more each time: the seed is of
 * the day, and a failure prints it. `npm run test:long` makes ten thousand; COUNTERSIGN_TEST_EDITS and
 * COUNTERSIGN_TEST_SEED make as many of another seed, in parts or once more.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judge } from './database-owner/judge.ts';
import { anyEdit, asEdit, type Made } from './database-owner/random-edits.ts';
import { type Scene, setScene } from './database-owner/scene.ts';

const isLong = process.env['COUNTERSIGN_TEST_LONG'] === '1';
const EDITS = Number(process.env['COUNTERSIGN_TEST_EDITS'] ?? (isLong ? 10_000 : 40));
const SEED = Number(process.env['COUNTERSIGN_TEST_SEED'] ?? Math.floor(Date.now() / 86_400_000));
/** From so many on some matter, or they have gone dull: about every third does. */
const SURELY = 40;
/** Milliseconds for one, on a machine that is busy. */
const EACH = 10_000;

let scene: Scene;

beforeAll(async () => {
  scene = await setScene();
}, 600_000);
afterAll(() => scene.stop());

test('random edits gain nothing, and each that matters is told', {
  timeout: EDITS * EACH,
}, async () => {
  const outcomes = new Map<string, number>();
  let mattered = 0;
  await fc.assert(
    fc.asyncProperty(anyEdit, async (edit) => {
      let made: Made | null = null;
      const verdict = await judge(
        scene,
        asEdit(edit, (what) => {
          made = what;
        }),
      );
      const { words, matters } = told(made);
      const led = `${matters ? '' : 'nothing relied on, '}${verdict.outcome}`;
      outcomes.set(led, (outcomes.get(led) ?? 0) + 1);
      expect(verdict.gained, `${words}\n${verdict.said.join('\n')}`).toEqual([]);
      if (!matters) return;
      mattered += 1;
      expect(verdict.outcome, words).not.toBe('harmless');
    }),
    { numRuns: EDITS, seed: SEED, endOnFailure: true },
  );
  process.stdout.write(`${JSON.stringify(Object.fromEntries(outcomes))}\n`);
  if (EDITS >= SURELY) expect(mattered).toBeGreaterThan(0);
});

function told(made: Made | null): Made {
  return made ?? { words: 'no such edit', matters: false };
}
