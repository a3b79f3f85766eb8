/** A state taken apart and put together again is the state, whatever was folded, and folds on as it would have. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type AuthorityState,
  createStateDigests,
  emptyState,
  fold,
  grantStanding,
  type KeptStatePart,
  partsOf,
  stateOf,
} from '../src/index.ts';
import { copyOf } from '../src/snapshot.ts';
import { team } from './support/deployment.ts';
import { Oracle } from './support/oracle.ts';
import { Script, STEP } from './support/script.ts';

const start = await team();

/** As a store keeps them: apart from the state, and opened when they are asked for. */
function kept(state: AuthorityState): KeptStatePart[] {
  return [...partsOf(state)].map(({ member, keys, texts }) => {
    const text = JSON.stringify(texts);
    return { member, keys: [...keys], texts: () => JSON.parse(text) };
  });
}

function digestsOf(state: AuthorityState) {
  const digests = createStateDigests();
  for (const part of partsOf(state)) digests.add(part);
  return digests.finish();
}

/** Every value read, in plain maps: for a comparison that knows nothing of texts. */
function plain(state: AuthorityState): unknown {
  return Object.entries(state).map(([name, value]) => {
    if (name !== 'statements') return [name, value instanceof Map ? [...value] : value];
    const records = [...state.statements].map(([id, record]) => {
      const { statement, digest, payload } = record.decoded;
      return [id, { ...record, decoded: { statement, digest, payload } }];
    });
    return [name, records];
  });
}

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

test('every member of the state is in its parts, and none else', () => {
  const members = Object.entries(emptyState());
  const single = members.filter(([, value]) => !(value instanceof Map)).map(([name]) => name);
  const [first, ...others] = [...partsOf(emptyState())];
  expect(first?.keys).toEqual(single);
  expect(others.map(({ member }) => member)).toEqual(
    members.filter(([, value]) => value instanceof Map).map(([name]) => name),
  );
});

test('parts of which a member is missing, or of a member nobody knows, are no state', () => {
  const parts = kept(start.broker.state);
  for (const { member } of parts) {
    const without = parts.filter((part) => part.member !== member);
    expect(() => stateOf(without)).toThrow(/not those of a state/);
  }
  const unknown = { member: 'unheardOf', keys: [], texts: () => [] };
  expect(() => stateOf([...parts, unknown])).toThrow(/not those of a state/);
  expect(() => stateOf([])).toThrow(/not those of a state/);
});

test('a member that holds what has no text is refused, not left out', () => {
  const state = { ...start.broker.state, quirks: new Set(['a']) };
  expect(() => [...partsOf(state)]).toThrow(/no text/);
});

test('a copy does not follow what becomes of the state', async () => {
  for (const state of [structuredClone(start.broker.state), stateOf(kept(start.broker.state))]) {
    const before = digestsOf(state);
    const copy = copyOf(state);
    state.names.set('agent/late', 'x');
    state.humans.clear();
    expect(digestsOf(copy)).toEqual(before);
  }
});
