import { describe, expect, test } from 'vitest';
import { decide, type Facts, type Question } from '../src/index.ts';
import {
  authority,
  CATALOG,
  DROP,
  dropA,
  factsOf,
  KEY,
  NOW,
  question,
  READ,
  verdict,
  type Wish,
} from './support/facts.ts';

describe('denied, by the first step that fails', () => {
  const worse = new Map([
    ['digest', CATALOG],
    [
      'newer',
      {
        ...CATALOG,
        operations: CATALOG.operations.map((op) => ({
          ...op,
          effects: [{ effect: 'escalate' as const }],
        })),
      },
    ],
  ]);

  test.each<[string, string, string, readonly Wish[], Partial<Question>, Partial<Facts>]>([
    ['no such agent', 'agent', 'unauthenticated', [READ], { agent: 'nobody' }, {}],
    [
      'a disabled agent',
      'agent',
      'agent_disabled',
      [{ ...READ, agent: 'old' }],
      { agent: 'old' },
      {},
    ],
    ['no such connection', 'connection', 'unknown_connection', [READ], { connection: 'other' }, {}],
    [
      'a provider that is not built in',
      'connection',
      'unknown_connection',
      [READ],
      {},
      { rules: new Map() },
    ],
    [
      'no such environment',
      'connection',
      'environment_mismatch',
      [READ],
      { environment: 'live' },
      {},
    ],
    [
      'no such operation',
      'operation',
      'unknown_operation',
      [READ],
      { asks: [{ operations: ['db:explode'], resources: ['a'] }] },
      {},
    ],
    [
      'another provider’s operation',
      'operation',
      'unknown_operation',
      [READ],
      { asks: [{ operations: ['railway:volumeDelete'], resources: null }] },
      {},
    ],
    [
      'what is no operation at all',
      'operation',
      'unknown_operation',
      [READ],
      { asks: [{ operations: ['db'], resources: null }] },
      {},
    ],
    [
      'an operation no credential is made for',
      'operation',
      'unknown_operation',
      [READ],
      { asks: [{ operations: ['db:vacuum'], resources: ['a'] }] },
      {},
    ],
    [
      'what is no resource',
      'operation',
      'unparseable_request',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['a; drop'] }] },
      {},
    ],
    [
      '“any resource” by its name',
      'operation',
      'unparseable_request',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['*'] }] },
      {},
    ],
    ['nothing granted', 'grant', 'not_granted', [], {}, {}],
    ['nothing asked', 'grant', 'not_granted', [READ], { asks: [] }, {}],
    [
      'an operation on no resource',
      'grant',
      'resource_not_granted',
      [READ],
      { asks: [{ operations: ['db:select'], resources: [] }] },
      {},
    ],
    [
      'another resource',
      'grant',
      'resource_not_granted',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['a', 'b'] }] },
      {},
    ],
    [
      'the whole where a part is granted',
      'grant',
      'resource_not_granted',
      [{ permissions: [{ operations: { 'db:select': 'read' }, resources: ['a(x)'] }] }],
      {},
      {},
    ],
    [
      'another operation',
      'grant',
      'not_granted',
      [READ],
      { asks: [{ operations: ['db:update'], resources: ['a(x)'] }] },
      {},
    ],
    [
      'one of two operations',
      'grant',
      'not_granted',
      [READ],
      { asks: [{ operations: ['db:select', 'db:update'], resources: ['a(x)'] }] },
      {},
    ],
    [
      'one of two operations, of whatever resource',
      'grant',
      'needs_signature',
      [READ],
      { asks: [{ operations: ['db:drop', 'db:select'], resources: null }] },
      {},
    ],
    [
      'a delete nobody signed',
      'grant',
      'needs_signature',
      [READ],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    ['another agent’s grant', 'grant', 'not_granted', [{ ...READ, agent: 'etl' }], {}, {}],
    [
      'another connection’s grant',
      'grant',
      'not_granted',
      [{ ...READ, connection: 'second-id' }],
      {},
      {},
    ],
    [
      'another environment’s grant',
      'grant',
      'not_granted',
      [{ ...READ, environment: 'staging-id' }],
      {},
      {},
    ],
    [
      'a grant the token does not name',
      'grant',
      'not_granted',
      [READ, READ],
      { grants: ['grant-7'] },
      {},
    ],
    ['revoked', 'grant', 'not_granted', [{ ...READ, revoked: true }], {}, {}],
    ['expired', 'grant', 'grant_expired', [{ ...READ, until: 0 }], {}, {}],
    ['cooling off', 'grant', 'cooling_off', [{ ...READ, from: 1 }], {}, {}],
    [
      'exhausted',
      'grant',
      'grant_exhausted',
      [{ ...READ, maxUses: 2 }],
      {},
      { uses: new Map([['grant-0', 2]]) },
    ],
    [
      'used more than it may be',
      'grant',
      'grant_exhausted',
      [{ ...READ, maxUses: 2 }],
      {},
      { uses: new Map([['grant-0', 9]]) },
    ],
    [
      'one signer left',
      'grant',
      'grant_suspended',
      [{ ...DROP, signers: ['alice', 'gone'] }],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    [
      'one signer twice',
      'grant',
      'grant_suspended',
      [{ ...DROP, signers: ['bob', 'bob'] }],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    [
      'pins broken',
      'grant',
      'grant_suspended',
      [{ ...DROP, pins: 'broken' }],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    [
      'a class raised since',
      'grant',
      'grant_suspended',
      [READ],
      {},
      { authority: { ...authority([READ]), catalogs: worse } },
    ],
    ['a delete without the key', 'sender', 'sender_mismatch', [DROP], dropA, {}],
    [
      'a delete with another key',
      'sender',
      'sender_mismatch',
      [DROP],
      { ...dropA, sender: KEY.stranger },
      {},
    ],
    [
      'a read where DPoP is demanded',
      'sender',
      'sender_mismatch',
      [{ ...READ, agent: 'etl' }],
      { agent: 'etl' },
      {},
    ],
    [
      'no proof of the environment',
      'environment',
      'environment_unproven',
      [READ],
      {},
      { provenIds: () => null },
    ],
    ['an empty proof', 'environment', 'environment_unproven', [READ], {}, { provenIds: () => [] }],
    [
      'another environment’s id',
      'environment',
      'environment_mismatch',
      [READ],
      {},
      { provenIds: () => ['stage-1'] },
    ],
    [
      'its own and another’s',
      'environment',
      'environment_mismatch',
      [READ],
      {},
      { provenIds: () => ['prod-1', 'stage-1'] },
    ],
    [
      'an id nobody mapped',
      'environment',
      'environment_mismatch',
      [READ],
      {},
      { provenIds: () => ['prod-9'] },
    ],
  ])('%s', (_name, step, code, wishes, asked, facts) => {
    const found = verdict(wishes, asked, facts);
    expect(found).toMatchObject({ allowed: false, code });
    expect(found.steps.at(-1)).toMatchObject({ step, ok: false });
  });

  test('the environment’s rule demands DPoP of every token', () => {
    const state = authority([READ]);
    const production = state.environments.get('production-id');
    if (production === undefined) throw new Error();
    const rule = { ...production.rule, require_dpop: true };
    state.environments.set('production-id', { ...production, rule });
    const facts = factsOf(state);
    expect(decide(facts, question(), NOW)).toMatchObject({ code: 'sender_mismatch' });
    expect(decide(facts, question({ sender: KEY.proof }), NOW).allowed).toBe(true);
  });

  test('an expired grant says more than that none covers it, a suspended one more than that', () => {
    expect(
      verdict([
        { ...READ, until: 0 },
        { ...READ, from: 1 },
      ]),
    ).toMatchObject({ code: 'cooling_off' });
  });

  test('what was asked goes into the access request, canonical where it can be read', () => {
    expect(verdict([], { asks: [{ operations: ['db:drop'], resources: ['A'] }] })).toMatchObject({
      asked: [{ operation: 'db:drop', resource: 'a' }],
    });
    expect(verdict([], { connection: 'other', ...dropA })).toMatchObject({
      asked: [{ operation: 'db:drop', resource: 'a' }],
    });
  });
});
