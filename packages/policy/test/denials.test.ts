import type { AuthorityState } from '@countersign/authority';
import type { Catalog } from '@countersign/core';
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

const WEB: Catalog = {
  provider: 'web',
  operations: [
    { name: 'web:get', summary: 'get', effects: [{ effect: 'read' }], exchangeable: true },
  ],
};
/** Its operations are known in production, and there alone. */
const ELSEWHERE: Catalog = {
  ...CATALOG,
  operations: CATALOG.operations.map((operation) => ({
    ...operation,
    effects: [{ effect: 'read', environment_class: 'production' }],
  })),
};

function knowing(wishes: readonly Wish[], catalog: Catalog): AuthorityState {
  const state = authority(wishes);
  state.catalogs.set('newer', catalog);
  return state;
}

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

  test.each<[string, string, string, string, readonly Wish[], Partial<Question>, Partial<Facts>]>([
    [
      'no such agent',
      'agent',
      'unauthenticated',
      'The agent is not registered.',
      [READ],
      { agent: 'nobody' },
      {},
    ],
    [
      'a disabled agent',
      'agent',
      'agent_disabled',
      'Agent old is disabled.',
      [{ ...READ, agent: 'old' }],
      { agent: 'old' },
      {},
    ],
    [
      'no such connection',
      'connection',
      'unknown_connection',
      'There is no connection other.',
      [READ],
      { connection: 'other' },
      {},
    ],
    [
      'a provider that is not built in',
      'connection',
      'unknown_connection',
      'Its provider is not built in here.',
      [READ],
      {},
      { rules: new Map() },
    ],
    [
      'no such environment',
      'connection',
      'environment_mismatch',
      'There is no environment live.',
      [READ],
      { environment: 'live' },
      {},
    ],
    [
      'no such operation',
      'operation',
      'unknown_operation',
      'db:explode is in no catalog of db.',
      [READ],
      { asks: [{ operations: ['db:explode'], resources: ['a'] }] },
      {},
    ],
    [
      'another provider’s operation',
      'operation',
      'unknown_operation',
      'railway:volumeDelete is in no catalog of db.',
      [READ],
      { asks: [{ operations: ['railway:volumeDelete'], resources: null }] },
      {},
    ],
    [
      'what is no operation at all',
      'operation',
      'unknown_operation',
      'db is in no catalog of db.',
      [READ],
      { asks: [{ operations: ['db'], resources: null }] },
      {},
    ],
    [
      'an operation no credential is made for',
      'operation',
      'unknown_operation',
      'db:vacuum is known, and no credential is ever minted for it.',
      [READ],
      { asks: [{ operations: ['db:vacuum'], resources: ['a'] }] },
      {},
    ],
    [
      'what is no resource',
      'operation',
      'unparseable_request',
      'a; drop is not a resource of db:select.',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['a; drop'] }] },
      {},
    ],
    [
      '“any resource” by its name',
      'operation',
      'unparseable_request',
      '* is not a resource of db:select.',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['*'] }] },
      {},
    ],
    ['nothing granted', 'grant', 'not_granted', 'db:select is not granted there.', [], {}, {}],
    [
      'nothing asked',
      'grant',
      'not_granted',
      'Nothing is granted there.',
      [READ],
      { asks: [] },
      {},
    ],
    [
      'an operation on no resource',
      'grant',
      'resource_not_granted',
      'db:select is not granted.',
      [READ],
      { asks: [{ operations: ['db:select'], resources: [] }] },
      {},
    ],
    [
      'another resource',
      'grant',
      'resource_not_granted',
      'db:select on b is not granted.',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['a', 'b'] }] },
      {},
    ],
    [
      'the whole where a part is granted',
      'grant',
      'resource_not_granted',
      'db:select on a is not granted.',
      [{ permissions: [{ operations: { 'db:select': 'read' }, resources: ['a(x)'] }] }],
      {},
      {},
    ],
    [
      'another operation',
      'grant',
      'not_granted',
      'db:update is not granted there.',
      [READ],
      { asks: [{ operations: ['db:update'], resources: ['a(x)'] }] },
      {},
    ],
    [
      'one of two operations',
      'grant',
      'not_granted',
      'db:update is not granted there.',
      [READ],
      { asks: [{ operations: ['db:select', 'db:update'], resources: ['a(x)'] }] },
      {},
    ],
    [
      'one of two operations, of whatever resource',
      'grant',
      'needs_signature',
      'db:drop is delete: it needs a grant that two humans have signed.',
      [READ],
      { asks: [{ operations: ['db:drop', 'db:select'], resources: null }] },
      {},
    ],
    [
      'a delete nobody signed',
      'grant',
      'needs_signature',
      'db:drop on a is delete: it needs a grant that two humans have signed.',
      [READ],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    [
      'another agent’s grant',
      'grant',
      'not_granted',
      'db:select is not granted there.',
      [{ ...READ, agent: 'etl' }],
      {},
      {},
    ],
    [
      'another connection’s grant',
      'grant',
      'not_granted',
      'db:select is not granted there.',
      [{ ...READ, connection: 'second-id' }],
      {},
      {},
    ],
    [
      'another environment’s grant',
      'grant',
      'not_granted',
      'db:select is not granted there.',
      [{ ...READ, environment: 'staging-id' }],
      {},
      {},
    ],
    [
      'a grant the token does not name',
      'grant',
      'not_granted',
      'db:select is not granted there.',
      [READ, READ],
      { grants: ['grant-7'] },
      {},
    ],
    [
      'revoked',
      'grant',
      'not_granted',
      'db:select is not granted there.',
      [{ ...READ, revoked: true }],
      {},
      {},
    ],
    [
      'expired',
      'grant',
      'grant_expired',
      'db:select on a: its validity is over.',
      [{ ...READ, until: 0 }],
      {},
      {},
    ],
    [
      'cooling off',
      'grant',
      'cooling_off',
      'db:select on a: its cool-off is not over.',
      [{ ...READ, from: 1 }],
      {},
      {},
    ],
    [
      'exhausted',
      'grant',
      'grant_exhausted',
      'db:select on a: all its uses are spent.',
      [{ ...READ, maxUses: 2 }],
      {},
      { uses: new Map([['grant-0', 2]]) },
    ],
    [
      'used more than it may be',
      'grant',
      'grant_exhausted',
      'db:select on a: all its uses are spent.',
      [{ ...READ, maxUses: 2 }],
      {},
      { uses: new Map([['grant-0', 9]]) },
    ],
    [
      'one signer left',
      'grant',
      'grant_suspended',
      'db:drop on a: its signatures no longer suffice: 1 more distinct human: approver.',
      [{ ...DROP, signers: ['alice', 'gone'] }],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    [
      'one signer twice',
      'grant',
      'grant_suspended',
      'db:drop on a: its signatures no longer suffice: 1 more distinct human: approver; an admin.',
      [{ ...DROP, signers: ['bob', 'bob'] }],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    [
      'pins broken',
      'grant',
      'grant_suspended',
      "db:drop on a: the agent's credentials changed since it was signed.",
      [{ ...DROP, pins: 'broken' }],
      { ...dropA, sender: KEY.registered },
      {},
    ],
    [
      'a class raised since',
      'grant',
      'grant_suspended',
      "db:select on a: a grant with effect escalate says how many uses it has; it does not pin the agent's credentials and the connection; it does not name the key its tokens are bound to; its signatures no longer suffice: 1 more distinct human: approver.",
      [READ],
      {},
      { authority: { ...authority([READ]), catalogs: worse } },
    ],
    [
      'what another provider has, by its name',
      'operation',
      'unknown_operation',
      'web:get is in no catalog of db.',
      [READ],
      { asks: [{ operations: ['web:get'], resources: ['a'] }] },
      { authority: knowing([READ], WEB) },
    ],
    [
      'what no catalog knows in that environment',
      'grant',
      'unknown_operation',
      'db:select on a is in no catalog.',
      [],
      { environment: 'staging' },
      { authority: knowing([], ELSEWHERE) },
    ],
    [
      'what was signed for by two, and no catalog knows there any more',
      'grant',
      'unknown_operation',
      'db:drop on a is in no catalog.',
      [],
      { ...dropA, environment: 'staging', sender: KEY.registered },
      { authority: knowing([{ ...DROP, environment: 'staging-id' }], ELSEWHERE) },
    ],
    [
      'whatever is granted of an operation by name, and its grant is over',
      'grant',
      'grant_expired',
      'db:drop: its validity is over.',
      [{ ...DROP, until: 0 }],
      { asks: [{ operations: ['db:drop'], resources: null }], sender: KEY.registered },
      {},
    ],
    [
      'a grant that is over, of another resource',
      'grant',
      'not_granted',
      'db:select is not granted there.',
      [{ ...READ, until: 0 }],
      { asks: [{ operations: ['db:select'], resources: ['b'] }] },
      {},
    ],
    [
      'a grant of many things, of another resource',
      'grant',
      'resource_not_granted',
      'db:select on c is not granted.',
      [
        {
          permissions: [
            { operations: { 'db:update': 'write' }, resources: ['b(x)'] },
            { operations: { 'db:update': 'write', 'db:select': 'read' }, resources: ['a(x)'] },
          ],
        },
      ],
      { asks: [{ operations: ['db:select'], resources: ['c'] }] },
      {},
    ],
    [
      '“any resource”, that a careless provider let pass into a grant',
      'grant',
      'resource_not_granted',
      'db:select is not granted.',
      [{ permissions: [{ operations: { 'db:select': 'read' }, resources: ['*'] }] }],
      { asks: [{ operations: null, resources: null }] },
      {},
    ],
    [
      'expired, and used up before',
      'grant',
      'grant_expired',
      'db:select on a: its validity is over.',
      [{ ...READ, until: 0, maxUses: 2 }],
      {},
      { uses: new Map([['grant-0', 2]]) },
    ],
    [
      'what was known in no environment is not known here',
      'operation',
      'unknown_operation',
      'db:select is known, and no script stands for it.',
      [READ],
      { use: 'script' },
      {},
    ],
    [
      'a read out of a delete-capable grant, without its key',
      'sender',
      'sender_mismatch',
      'A delete-capable grant is used with a DPoP proof by the key it names.',
      [{ ...DROP, permissions: [...DROP.permissions, ...READ.permissions] }],
      {},
      {},
    ],
    [
      'whatever is granted, and that is bound to a key that was not shown',
      'grant',
      'not_granted',
      'Nothing is granted there.',
      [{ ...READ, sender: KEY.registered }],
      { asks: [{ operations: null, resources: null }] },
      {},
    ],
    [
      'a delete on another resource, beside a read of it',
      'grant',
      'needs_signature',
      'db:drop on b is delete: it needs a grant that two humans have signed.',
      [READ, DROP],
      { asks: [{ operations: ['db:drop'], resources: ['b'] }], sender: KEY.registered },
      {},
    ],
    [
      'a delete without the key',
      'sender',
      'sender_mismatch',
      'A delete-capable grant is used with a DPoP proof by the key it names.',
      [DROP],
      dropA,
      {},
    ],
    [
      'a delete with another key',
      'sender',
      'sender_mismatch',
      'A delete-capable grant is used with a DPoP proof by the key it names.',
      [DROP],
      { ...dropA, sender: KEY.stranger },
      {},
    ],
    [
      'a read where DPoP is demanded',
      'sender',
      'sender_mismatch',
      'A DPoP proof is demanded here.',
      [{ ...READ, agent: 'etl' }],
      { agent: 'etl' },
      {},
    ],
    [
      'no proof of the environment',
      'environment',
      'environment_unproven',
      'The environment could not be proven.',
      [READ],
      {},
      { provenIds: () => null },
    ],
    [
      'an empty proof',
      'environment',
      'environment_unproven',
      'The environment could not be proven.',
      [READ],
      {},
      { provenIds: () => [] },
    ],
    [
      'another environment’s id',
      'environment',
      'environment_mismatch',
      'stage-1 is not mapped into production by main.',
      [READ],
      {},
      { provenIds: () => ['stage-1'] },
    ],
    [
      'its own and another’s',
      'environment',
      'environment_mismatch',
      'stage-1 is not mapped into production by main.',
      [READ],
      {},
      { provenIds: () => ['prod-1', 'stage-1'] },
    ],
    [
      'an id nobody mapped',
      'environment',
      'environment_mismatch',
      'prod-9 is not mapped into production by main.',
      [READ],
      {},
      { provenIds: () => ['prod-9'] },
    ],
  ])('%s', (_name, step, code, text, wishes, asked, facts) => {
    const found = verdict(wishes, asked, facts);
    expect(found).toMatchObject({ allowed: false, code });
    expect(found.steps.at(-1)).toEqual({ step, ok: false, text });
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

  test('of two that are suspended, the newer one says why', () => {
    const suspended: Wish = { ...DROP, pins: 'broken' };
    const asked = { ...dropA, sender: KEY.registered };
    expect(
      verdict([suspended, { ...DROP, signers: ['alice', 'gone'] }], asked).steps.at(-1)?.text,
    ).toMatch(/signatures no longer suffice/);
    expect(
      verdict([{ ...DROP, signers: ['alice', 'gone'] }, suspended], asked).steps.at(-1)?.text,
    ).toMatch(/credentials changed/);
  });

  test('what was asked goes into the access request, canonical where it can be read', () => {
    expect(verdict([], { asks: [{ operations: ['db:drop'], resources: ['A'] }] })).toMatchObject({
      asked: [{ operation: 'db:drop', resource: 'a' }],
    });
    for (const ask of [
      { operations: null, resources: ['a'] },
      { operations: ['db:drop'], resources: null },
    ]) {
      expect(verdict([], { connection: 'other', asks: [ask] })).toMatchObject({ asked: [] });
    }
    expect(verdict([], { connection: 'other', ...dropA })).toMatchObject({
      asked: [{ operation: 'db:drop', resource: 'a' }],
    });
  });
});
