import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AuthorityEntry, emptyState, fold, judge, standingOf } from '../src/index.ts';
import { team } from './support/deployment.ts';
import { Oracle } from './support/oracle.ts';
import { Script, STEP, type Step } from './support/script.ts';
import { snapshot } from './support/snapshot.ts';

const start = await team();
const RUNS = 200;
const STEPS = 50;

/** What the runs met, so that a generator gone dull fails the test instead of passing it. */
const met = {
  accepted: 0,
  refused: 0,
  dangerous: 0,
  active: 0,
  suspended: 0,
  lifted: 0,
  seconded: 0,
  locked: 0,
};

async function play(steps: readonly Step[]): Promise<void> {
  const state = structuredClone(start.broker.state);
  const accepted: AuthorityEntry[] = [...start.broker.ledger];
  const oracle = new Oracle();
  for (const { type, body } of accepted) oracle.take(type, body);
  const script = new Script(start, state, oracle);
  let before = snapshot(state);

  for (const step of steps) {
    const entry = script.next(step);
    if (entry === null) continue;
    const { size, time } = state;
    const refusal = await fold(state, entry);
    const after = snapshot(state);
    if (refusal !== null) {
      met.refused += 1;
      expect(after === before, 'a refused entry changed the state').toBe(true);
      continue;
    }
    expect(entry.index >= size && entry.time >= time, 'an entry out of order').toBe(true);
    met.accepted += 1;
    accepted.push(entry);
    const status = oracle.take(entry.type, entry.body);
    agree(state, oracle, entry, status);
    noDeleteWithoutTwo(state, oracle, script.now);
    await nobodyIsLockedOut(state, script);
    before = after;
  }

  const again = emptyState();
  for (const entry of accepted) expect(await fold(again, entry)).toBeNull();
  expect(snapshot(again) === before, 'folded again, the state differs').toBe(true);
}

type State = typeof start.broker.state;

/** Fold and oracle call the same statements complete, and know the same humans and keys. */
function agree(state: State, oracle: Oracle, entry: AuthorityEntry, status: string): void {
  const { statement } = Object(entry.body);
  const known = [...oracle.statements.keys()];
  const id = typeof statement === 'string' ? statement : known.at(-1);
  if (entry.type !== 'catalog.recorded') {
    expect([id, state.statements.get(id ?? '')?.status]).toEqual([id, status]);
  }
  expect([...state.statements].map(([key, record]) => [key, record.status])).toEqual(
    [...oracle.statements].map(([key, record]) => [key, record.status]),
  );
  expect(
    [...state.keys.values()].map((key) => [key.kid, key.human, key.revokedAt === null]),
  ).toEqual([...oracle.keys].map(([kid, key]) => [kid, key.human, key.valid]));
  const standing = [...state.freezes.values()].filter(({ liftedAt }) => liftedAt === null);
  expect(standing.map(({ id, author, secondedBy }) => [id, author, secondedBy])).toEqual(
    [...oracle.freezes].map(([key, { author, second }]) => [key, author, second]),
  );
  met.lifted += state.freezes.size - standing.length;
  met.seconded += standing.filter(({ secondedBy }) => secondedBy !== null).length;
  expect(state.acceptedEscapes).toEqual(oracle.accepted);
  const gone = [...state.connections.values()].filter(({ removedAt }) => removedAt !== null);
  expect(gone.map(({ id }) => id)).toEqual(
    [...state.connections.keys()].filter((id) => oracle.removed.has(id)),
  );
  const names = [...state.humans.values()].map((human) => human.name);
  expect(new Set(names).size).toBe(names.length);
}

function noDeleteWithoutTwo(state: State, oracle: Oracle, now: number): void {
  for (const grant of state.grants.values()) {
    const known = oracle.statements.get(grant.id);
    expect(known?.status).toBe('complete');
    expect(grant.body).toEqual(known?.doc.body);
    const { status, deleteCapable } = standingOf(state, grant, now);
    const dangerous = oracle.isDeleteCapable(known?.doc.body);
    expect(deleteCapable).toBe(dangerous);
    if (!dangerous) continue;
    met.dangerous += 1;
    if (status === 'suspended') met.suspended += 1;
    if (status !== 'active') continue;
    met.active += 1;
    // Law 1: two distinct human approvers, an admin among the signers, over exactly these bytes, valid
    // then (the oracle saw each signature when it was made) and valid now.
    expect(state.statements.get(grant.id)?.decoded.payload).toBe(known?.payload);
    const signers = oracle.signers(grant.id);
    expect(oracle.are(signers, 'approver').length).toBeGreaterThanOrEqual(2);
    expect(oracle.are(signers, 'admin').length).toBeGreaterThanOrEqual(1);
    expect(oracle.quorumMet(known?.doc)).toBe(true);
    expect(oracle.revoked.has(grant.id)).toBe(false);
    expect(oracle.removed.has(grant.body.connection)).toBe(false);
    expect(grant.body.pins?.agent_credentials).toEqual(oracle.agents.get(grant.body.agent));
    expect(grant.body.sender).not.toBeNull();
  }
}

/** Law 1: whatever is frozen, the humans who are left lift it, the last one alone too. */
async function nobodyIsLockedOut(state: State, script: Script): Promise<void> {
  const standing = [...state.freezes.values()].filter(({ liftedAt }) => liftedAt === null);
  const freeze = standing[state.size % Math.max(1, standing.length)];
  if (freeze === undefined || state.size % 5 > 0) return;
  met.locked += 1;
  const judgement = await judge(state, script.liftedByAll(freeze.id));
  expect([freeze.id, judgement]).toMatchObject([freeze.id, { ok: true, status: 'complete' }]);
}

test('whatever is fed, nothing is delete-capable without two distinct humans, then and now', {
  timeout: 300_000,
}, async () => {
  const steps = fc.array(STEP, { minLength: 15, maxLength: STEPS, size: 'max' });
  await fc.assert(fc.asyncProperty(steps, play), { numRuns: RUNS });
  expect(met.accepted).toBeGreaterThan(RUNS * 5);
  expect(met.refused).toBeGreaterThan(RUNS * 5);
  expect(met.active).toBeGreaterThan(RUNS);
  expect(met.suspended).toBeGreaterThan(RUNS / 10);
  expect(met.lifted).toBeGreaterThan(RUNS);
  expect(met.seconded).toBeGreaterThan(RUNS / 10);
  expect(met.locked).toBeGreaterThan(RUNS / 4);
});
