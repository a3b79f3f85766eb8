/** A state taken apart and put together again is the state, whatever was folded, and folds on as it would have. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AuthorityState, fold, grantStanding, stateOf } from '../src/index.ts';
import { copyOf } from '../src/snapshot.ts';
import { team } from './support/deployment.ts';
import { digestsOf, kept, plain } from './support/kept.ts';
import { Oracle } from './support/oracle.ts';
import { Script, STEP } from './support/script.ts';

const start = await team();

test('a state restored at any point equals the one that was folded, then and after whatever follows', {
  timeout: 300_000,
}, async () => {
  const met = { accepted: 0, refused: 0, restored: 0 };
  const steps = fc.array(STEP, { minLength: 15, maxLength: 40, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(40), async (script, when) => {
      const state = structuredClone(start.broker.state);
      const oracle = new Oracle();
      for (const { type, body, time } of start.broker.ledger) oracle.take(type, body, time);
      const play = new Script(start, state, oracle);
      let restored: AuthorityState | null = null;
      for (const [at, step] of script.entries()) {
        if (at === when % script.length) {
          restored = stateOf(kept(state));
          met.restored += 1;
        }
        const entry = play.next(step);
        if (entry === null) continue;
        const refusal = await fold(state, entry);
        if (restored !== null) {
          expect((await fold(restored, entry))?.message).toBe(refusal?.message);
        }
        if (refusal === null) oracle.take(entry.type, entry.body, entry.time);
        met[refusal === null ? 'accepted' : 'refused'] += 1;
      }
      if (restored === null) throw new Error('never restored');
      // Untouched parts are written as they were read, the others anew.
      expect(digestsOf(restored)).toEqual(digestsOf(state));
      expect(digestsOf(copyOf(restored))).toEqual(digestsOf(state));
      for (const id of state.statements.keys()) {
        expect(grantStanding(restored, id, play.now)).toEqual(grantStanding(state, id, play.now));
      }
      expect(plain(restored)).toEqual(plain(state));
      expect(digestsOf(restored)).toEqual(digestsOf(state));
    }),
    { numRuns: 60 },
  );
  expect(met.restored).toBeGreaterThanOrEqual(60);
  expect(met.accepted).toBeGreaterThan(300);
  expect(met.refused).toBeGreaterThan(300);
});
