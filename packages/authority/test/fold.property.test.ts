import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AuthorityEntry, emptyState, fold, judge, standingOf } from '../src/index.ts';
import { changeBody, environmentBody } from './support/bodies.ts';
import { type Team, team } from './support/deployment.ts';
import { Oracle } from './support/oracle.ts';
import { Script, STEP, type Step } from './support/script.ts';
import { snapshot } from './support/snapshot.ts';

const start = await guarded();
const RUNS = 200;
const STEPS = 50;

/** The team, and one environment more, whose rule names a group and takes an hour to loosen. */
async function guarded(): Promise<Team> {
  const t = await team();
  const body = changeBody(t.carol, t.alice.id, ['approver'], ['security']);
  const enrolment = t.broker.draft('human.enroll', body);
  await t.broker.done(enrolment, t.alice.key, t.bob.key);
  const rule = { ...environmentBody('guarded', 'production'), cool_off: 3600, require_dpop: true };
  const set = t.broker.draft('environment.set', { ...rule, groups: ['security'] });
  await t.broker.done(set, t.alice.key);
  return t;
}

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

/** How often each kind of statement took effect, and how often only with the end of a delay. */
const effects = new Map<string, number>();

async function play(steps: readonly Step[]): Promise<void> {
  const state = structuredClone(start.broker.state);
  const accepted: AuthorityEntry[] = [...start.broker.ledger];
  const oracle = new Oracle();
  for (const { type, body, time } of accepted) oracle.take(type, body, time);
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
    const status = oracle.take(entry.type, entry.body, entry.time);
    agree(state, oracle, entry, status);
    noteEffect(state, oracle, entry, status);
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
  expect(
    [...state.humans.values()].map((human) => [
      human.id,
      human.roles,
      human.groups,
      human.removedAt === null,
      human.recovery,
      human.vouchedByOne,
    ]),
  ).toEqual(
    [...oracle.humans].map(([key, human]) => [
      key,
      human.roles,
      human.groups,
      human.present,
      human.recovery,
      human.vouchedByOne,
    ]),
  );
  expect([...state.environments].map(([key, { rule }]) => [key, rule])).toEqual([
    ...oracle.environments,
  ]);
  expect([...state.agents].map(([key, { credentials }]) => [key, credentials])).toEqual([
    ...oracle.agents,
  ]);
  expect(Object.fromEntries(state.mapped)).toEqual(Object.fromEntries(oracle.mapped));
  const guardrails = [...state.guardrails.values()].filter(({ removedAt }) => removedAt === null);
  expect(Object.fromEntries(guardrails.map(({ id: key, policy }) => [key, policy]))).toEqual(
    Object.fromEntries([...oracle.guardrails].map(([key, { policy }]) => [key, policy])),
  );
  const gone = [...state.connections.values()].filter(({ removedAt }) => removedAt !== null);
  expect(gone.map(({ id }) => id)).toEqual(
    [...state.connections.keys()].filter((id) => oracle.removed.has(id)),
  );
  const names = [...state.humans.values()].map((human) => human.name);
  expect(new Set(names).size).toBe(names.length);
}

function noteEffect(state: State, oracle: Oracle, entry: AuthorityEntry, status: string): void {
  if (status !== 'complete' || entry.type === 'catalog.recorded') return;
  const { statement } = Object(entry.body);
  const id = typeof statement === 'string' ? statement : [...oracle.statements.keys()].at(-1);
  const kind = state.statements.get(id ?? '')?.decoded.statement.kind ?? '';
  const late = entry.type === 'statement.effective' ? [`${kind} after a delay`] : [];
  for (const each of [kind, ...late]) effects.set(each, (effects.get(each) ?? 0) + 1);
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
    expect(oracle.holding(grant.id, 'role/approver').length).toBeGreaterThanOrEqual(2);
    expect(oracle.holding(grant.id, 'role/admin').length).toBeGreaterThanOrEqual(1);
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
  expect(met.lifted).toBeGreaterThan(RUNS / 2);
  expect(met.seconded).toBeGreaterThan(RUNS / 10);
  expect(met.locked).toBeGreaterThan(RUNS / 4);
  for (const kind of ['human.enroll', 'environment.set', 'connection.set', 'catalog.adopt']) {
    expect([kind, (effects.get(kind) ?? 0) > RUNS / 40]).toEqual([kind, true]);
  }
  const late = [...effects].filter(([kind]) => kind.endsWith(' after a delay'));
  expect(late.reduce((sum, [, often]) => sum + often, 0)).toBeGreaterThan(RUNS / 100);
});
