import type { AuthorityState } from '@countersign/authority';
import { describe, expect, test } from 'vitest';
import { decide } from '../src/index.ts';
import { authority, factsOf, NOW, question, READ } from './support/facts.ts';

type Target = NonNullable<ReturnType<AuthorityState['freezes']['get']>>['target'];

const TIME = '2026-11-20T10:00:00.000Z';

function frozenState(...targets: readonly Target[]): AuthorityState {
  const state = authority([READ]);
  targets.forEach((target, index) => {
    const id = `freeze-${index}`;
    const by = { author: 'bob', at: TIME, secondedBy: null, liftedAt: null, reason: 'no' };
    state.freezes.set(id, { id, target, ...by });
    const key = target.id === null ? target.kind : `${target.kind}/${target.id}`;
    state.frozen.set(key, [...(state.frozen.get(key) ?? []), id]);
  });
  return state;
}

const EVERYTHING: Target = { kind: 'everything', id: null };
const PRODUCTION: Target = { kind: 'environment', id: 'production-id' };
const MAIN: Target = { kind: 'connection', id: 'main-id' };
const CI: Target = { kind: 'agent', id: 'ci' };

describe('frozen, before anything of the request is looked at', () => {
  test.each<[string, readonly Target[], string]>([
    [
      'everything first',
      [CI, MAIN, PRODUCTION, EVERYTHING],
      'Frozen: everything, since 2026-11-20T10:00:00.000Z (freeze freeze-3).',
    ],
    [
      'then the environment',
      [CI, MAIN, PRODUCTION],
      'Frozen: environment production, since 2026-11-20T10:00:00.000Z (freeze freeze-2).',
    ],
    [
      'then the connection',
      [CI, MAIN],
      'Frozen: connection main, since 2026-11-20T10:00:00.000Z (freeze freeze-1).',
    ],
    ['then the agent', [CI], 'Frozen: agent ci, since 2026-11-20T10:00:00.000Z (freeze freeze-0).'],
  ])('%s', (_name, targets, words) => {
    const found = decide(factsOf(frozenState(...targets)), question(), NOW);
    expect(found).toMatchObject({ allowed: false, code: 'frozen' });
    expect(found.steps.map(({ step }) => step)).toEqual(['agent', 'freeze']);
    expect(found.steps.at(-1)?.text).toBe(words);
  });

  test.each<[string, Parameters<typeof question>[0]]>([
    ['a connection there is not', { connection: 'other' }],
    ['an environment there is not', { environment: 'live' }],
    ['an operation there is not', { asks: [{ operations: ['db:explode'], resources: ['a'] }] }],
    ['nothing', { connection: '', environment: '', asks: [] }],
  ])('also where %s was asked for', (_name, asked) => {
    for (const target of [EVERYTHING, CI]) {
      const found = decide(factsOf(frozenState(target)), question(asked), NOW);
      expect(found).toMatchObject({ allowed: false, code: 'frozen' });
    }
  });

  test.each<[string, Target]>([
    ['another environment', { kind: 'environment', id: 'staging-id' }],
    ['another connection', { kind: 'connection', id: 'second-id' }],
    ['another agent', { kind: 'agent', id: 'etl' }],
    ['a human', { kind: 'human', id: 'alice' }],
  ])('%s is frozen: allowed', (_name, target) => {
    expect(decide(factsOf(frozenState(target)), question(), NOW).allowed).toBe(true);
  });

  test('an agent that is disabled hears that first', () => {
    const found = decide(factsOf(frozenState(EVERYTHING)), question({ agent: 'old' }), NOW);
    expect(found).toMatchObject({ allowed: false, code: 'agent_disabled' });
  });
});

test('a connection that was removed is unknown', () => {
  const state = authority([READ]);
  const main = state.connections.get('main-id');
  if (main === undefined) throw new Error('there is a main connection');
  state.connections.set('main-id', { ...main, removedAt: TIME });
  expect(decide(factsOf(state), question(), NOW)).toMatchObject({
    allowed: false,
    code: 'unknown_connection',
  });
});
