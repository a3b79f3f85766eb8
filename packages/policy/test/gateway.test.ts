/** Operations that the broker forwards: in no credential, in no script, and proven at each request. */
import { describe, expect, test } from 'vitest';
import { coveredRights, decide, type Facts, type Question } from '../src/index.ts';
import {
  authority,
  DROP,
  dropA,
  factsOf,
  KEY,
  NOW,
  question,
  READ,
  RULES,
  type Wish,
} from './support/facts.ts';

/** `db:vacuum` and `db:drop` are forwarded and nothing else; `db:select` is minted too. */
const rules = new Map([
  [
    'db',
    {
      ...RULES,
      exchangeable: (operation: string) => operation === 'db:select',
      forwardable: () => true,
    },
  ],
]);
const VACUUM: Wish = {
  permissions: [{ operations: { 'db:vacuum': 'write', 'db:select': 'read' }, resources: ['a'] }],
};
const vacuum = { asks: [{ operations: ['db:vacuum'], resources: ['a'] }] };

function codeOf(
  wishes: readonly Wish[],
  asked: Partial<Question>,
  facts: Partial<Facts> = {},
): string {
  const verdict = decide(
    factsOf(authority(wishes), { rules, ...facts }),
    question({ use: 'gateway', ...asked }),
    NOW,
  );
  return verdict.allowed ? 'allowed' : verdict.code;
}

describe('what is forwarded', () => {
  test.each([
    ['gateway', 'allowed'],
    ['either', 'allowed'],
    ['credential', 'unknown_operation'],
    ['script', 'unknown_operation'],
  ] as const)('an operation that is only forwarded, for a %s: %s', (use, expected) => {
    expect(codeOf([VACUUM], { ...vacuum, use })).toBe(expected);
  });

  test('nothing of a provider that forwards nothing', () => {
    expect(codeOf([READ], {}, { rules: new Map([['db', RULES]]) })).toBe('unknown_operation');
  });

  test.each<[string, readonly string[] | null, string]>([
    ['is its own', ['prod-1'], 'allowed'],
    ['none at all', [], 'allowed'],
    ['another', ['stage-1'], 'environment_mismatch'],
    ['its own and another', ['prod-1', 'stage-1'], 'environment_mismatch'],
    ['nobody knows', ['elsewhere'], 'environment_mismatch'],
    ['could not be told', null, 'environment_unproven'],
  ])('where the environment it touches %s', (_, ids, expected) => {
    expect(codeOf([VACUUM], vacuum, { provenIds: () => ids })).toBe(expected);
  });

  test.each(['credential', 'either'] as const)(
    'no environment is no proof of a %s that can be minted',
    (use) => {
      expect(codeOf([READ], { use }, { provenIds: () => [] })).toBe('environment_unproven');
    },
  );

  test('an environment that the connection maps nothing into has nothing that touches none', () => {
    const state = authority([VACUUM]);
    const main = state.connections.get('main-id');
    if (main === undefined) throw new Error('there is a main connection');
    const body = { ...main.body, mapping: { 'staging-id': ['stage-1'] } };
    state.connections.set('main-id', { ...main, body });
    for (const use of ['gateway', 'either'] as const) {
      const asked = question({ ...vacuum, use });
      const verdict = decide(factsOf(state, { rules, provenIds: () => [] }), asked, NOW);
      expect(verdict).toMatchObject({ allowed: false, code: 'environment_mismatch' });
    }
  });
});

describe('a token for what is forwarded', () => {
  test('asks the provider nothing: each request proves its own environment', () => {
    const provenIds = () => {
      throw new Error('nobody is asked');
    };
    const facts = factsOf(authority([VACUUM]), { rules, provenIds });
    const verdict = decide(facts, question({ ...vacuum, use: 'either' }), NOW);
    expect(verdict.allowed).toBe(true);
    expect(verdict.steps.find(({ step }) => step === 'environment')?.text).toBe(
      'Each request proves that it stays in production.',
    );
  });

  test('holds what is forwarded too when nothing was asked for by name, unless it can delete', () => {
    const all = { asks: [{ operations: null, resources: null }], use: 'either' as const };
    const facts = factsOf(authority([VACUUM, DROP]), { rules });
    const verdict = decide(facts, question({ ...all, sender: KEY.registered }), NOW);
    expect(verdict.allowed && verdict.rights.map(({ operation }) => operation)).toEqual([
      'db:select',
      'db:vacuum',
    ]);
  });
});

describe('before anybody is asked', () => {
  const facts = (wishes: readonly Wish[]) =>
    factsOf(authority(wishes), {
      rules,
      provenIds: () => {
        throw new Error('nobody is asked');
      },
    });

  test.each<[string, readonly Wish[], Partial<Question>, string | null]>([
    ['what is granted goes on', [VACUUM], vacuum, null],
    ['what is not granted ends', [READ], vacuum, 'not_granted'],
    ['what needs two ends', [VACUUM], dropA, 'needs_signature'],
    ['what two have signed goes on', [DROP], { ...dropA, sender: KEY.registered }, null],
    ['what two have signed for another key ends', [DROP], dropA, 'sender_mismatch'],
    ['an agent that is disabled ends', [VACUUM], { ...vacuum, agent: 'old' }, 'agent_disabled'],
  ])('%s', (_, wishes, asked, code) => {
    const found = coveredRights(facts(wishes), question({ use: 'gateway', ...asked }), NOW);
    expect('code' in found ? found.code : null).toBe(code);
  });
});
