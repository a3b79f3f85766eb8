/** Operations that the broker runs: no credential for them, and in production only what humans signed. */
import { expect, test } from 'vitest';
import { decide, type Question } from '../src/index.ts';
import { authority, factsOf, HOUR, NOW, question, RULES, type Wish } from './support/facts.ts';

const rules = new Map([
  ['db', { ...RULES, runnable: (operation: string) => operation === 'db:vacuum' }],
]);

function decided(environment: string, sql: string | null, use: Question['use']) {
  const wish: Wish = {
    environment: `${environment}-id`,
    permissions: [{ operations: { 'db:vacuum': 'write', 'db:select': 'read' }, resources: ['a'] }],
  };
  const state = authority([wish]);
  for (const [id, grant] of state.grants) {
    state.grants.set(id, { ...grant, body: { ...grant.body, sql } });
  }
  const ids = environment === 'production' ? ['prod-1'] : ['stage-1'];
  const facts = factsOf(state, { rules, provenIds: () => ids });
  const asks = [{ operations: ['db:vacuum'], resources: ['a'] }];
  const verdict = decide(facts, question({ environment, asks, use }), NOW);
  return verdict.allowed ? 'allowed' : verdict.code;
}

test.each([
  ['staging', null, 'script', 'allowed'],
  ['staging', null, 'either', 'allowed'],
  ['staging', null, 'credential', 'unknown_operation'],
  ['staging', 'SELECT 1', 'script', 'allowed'],
  ['staging', 'SELECT 1', 'credential', 'unknown_operation'],
  ['production', 'SELECT 1', 'script', 'allowed'],
  ['production', 'SELECT 1', 'either', 'allowed'],
  ['production', null, 'script', 'grant_suspended'],
  ['production', null, 'either', 'grant_suspended'],
  ['production', 'SELECT 1', 'credential', 'unknown_operation'],
] as const)('in %s, grant holds %s, for a %s: %s', (environment, sql, use, expected) => {
  expect(decided(environment, sql, use)).toBe(expected);
});

test.each([
  [HOUR, 'in a production-class environment only SQL that humans signed is run'],
  [0, 'its validity is over'],
])('why one that ends in %d ms is not run', (until, reason) => {
  const state = authority([
    { until, permissions: [{ operations: { 'db:vacuum': 'write' }, resources: ['a'] }] },
  ]);
  const asks = [{ operations: ['db:vacuum'], resources: ['a'] }];
  const verdict = decide(factsOf(state, { rules }), question({ asks, use: 'script' }), NOW);
  expect(verdict.steps.at(-1)?.text).toBe(`db:vacuum on a: ${reason}.`);
});

test('a script is nothing but what is run', () => {
  const state = authority([
    { permissions: [{ operations: { 'db:select': 'read' }, resources: ['a'] }] },
  ]);
  const verdict = decide(factsOf(state, { rules }), question({ use: 'script' }), NOW);
  expect(verdict).toMatchObject({ allowed: false, code: 'unknown_operation' });
});

test('what is left out never means what is run', () => {
  const state = authority([
    {
      environment: 'staging-id',
      permissions: [
        { operations: { 'db:vacuum': 'write', 'db:select': 'read' }, resources: ['a'] },
      ],
    },
  ]);
  const asks = [{ operations: null, resources: null }];
  const facts = factsOf(state, { rules, provenIds: () => ['stage-1'] });
  const verdict = decide(facts, question({ environment: 'staging', asks }), NOW);
  expect(verdict.allowed && verdict.rights.map(({ operation }) => operation)).toEqual([
    'db:select',
  ]);
});
