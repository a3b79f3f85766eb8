import { describe, expect, test } from 'vitest';
import { decide, type Facts, type Question, type Verdict } from '../src/index.ts';
import {
  authority,
  CATALOG,
  DANGEROUS,
  factsOf,
  HOUR,
  KEY,
  NOW,
  question,
  type Wish,
} from './support/facts.ts';

const READ: Wish = { permissions: [{ operations: { 'db:select': 'read' }, resources: ['a'] }] };
const DROP: Wish = {
  ...DANGEROUS,
  permissions: [{ operations: { 'db:drop': 'delete' }, resources: ['a'] }],
};
const dropA = { asks: [{ operations: ['db:drop'], resources: ['a'] }] };
const everything = { asks: [{ operations: null, resources: null }] };

function verdict(
  wishes: readonly Wish[],
  asked: Partial<Question> = {},
  facts: Partial<Facts> = {},
) {
  return decide(factsOf(authority(wishes), facts), question(asked), NOW);
}

function rightsOf(found: Verdict): string[] {
  if (!found.allowed) throw new Error(`denied: ${found.code}`);
  return found.rights.map((r) => `${r.operation} ${r.resource} ${r.effect} ${r.grant}`);
}

describe('allowed', () => {
  test('with the steps in domain order, the rights, and what they oblige to', () => {
    const found = verdict([{ ...READ, maxUses: 3 }]);
    expect(found).toMatchObject({
      allowed: true,
      environment: 'production-id',
      rights: [{ operation: 'db:select', resource: 'a', grant: 'grant-0', effect: 'read' }],
      obligations: {
        deleteCapable: false,
        ttl: 900,
        until: NOW + HOUR,
        uses: [{ grant: 'grant-0', max: 3 }],
      },
    });
    expect(found.steps.map(({ step, ok }) => `${step} ${ok}`)).toEqual([
      'agent true',
      'connection true',
      'operation true',
      'grant true',
      'sender true',
      'environment true',
      'verdict true',
    ]);
  });

  test.each<[string, readonly Wish[], Partial<Question>, readonly string[]]>([
    [
      'another spelling',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['A'] }] },
      ['db:select a read grant-0'],
    ],
    [
      'part of what is granted',
      [READ],
      { asks: [{ operations: ['db:select'], resources: ['a(x)'] }] },
      ['db:select a(x) read grant-0'],
    ],
    [
      'a delete, by name, with the key',
      [DROP],
      { ...dropA, sender: KEY.registered },
      ['db:drop a delete grant-0'],
    ],
    [
      'whatever is granted leaves out what is delete-capable',
      [READ, DROP],
      everything,
      ['db:select a read grant-0'],
    ],
    [
      'whatever is granted leaves out what no credential is made for',
      [
        {
          permissions: [
            { operations: { 'db:select': 'read', 'db:vacuum': 'write' }, resources: ['a'] },
          ],
        },
      ],
      everything,
      ['db:select a read grant-0'],
    ],
    [
      'whatever is granted on a resource',
      [{ permissions: [{ operations: { 'db:select': 'read' }, resources: ['a', 'b'] }] }],
      { asks: [{ operations: null, resources: ['b'] }] },
      ['db:select b read grant-0'],
    ],
    [
      'an unlimited grant before a limited one, then the one that stands longest',
      [{ ...READ, maxUses: 1, until: 9 * HOUR }, READ, { ...READ, until: 2 * HOUR }],
      {},
      ['db:select a read grant-2'],
    ],
    [
      'the milder of two grants, so that no delete is used up unasked',
      [
        {
          ...DROP,
          until: 9 * HOUR,
          permissions: [{ operations: { 'db:update': 'delete' }, resources: ['a'] }],
        },
        {
          maxUses: 1,
          permissions: [{ operations: { 'db:update': 'write' }, resources: ['a(x)'] }],
        },
      ],
      everything,
      ['db:update a(x) write grant-1'],
    ],
    [
      'the permission that covers it, not the first that names the operation',
      [
        {
          ...DANGEROUS,
          permissions: [
            { operations: { 'db:update': 'delete' }, resources: ['b'] },
            { operations: { 'db:update': 'write' }, resources: ['a(x)'] },
          ],
        },
      ],
      everything,
      ['db:update a(x) write grant-0'],
    ],
    [
      'of two grants bound to keys, the one bound to the key that was shown',
      [DROP, { ...DROP, sender: KEY.proof, until: 2 * HOUR }],
      { ...dropA, sender: KEY.registered },
      ['db:drop a delete grant-0'],
    ],
    [
      'only the grants that the token names',
      [READ, READ],
      { grants: ['grant-0'] },
      ['db:select a read grant-0'],
    ],
  ])('%s', (_name, wishes, asked, rights) => {
    expect(rightsOf(verdict(wishes, asked))).toEqual(rights);
  });

  test('part of a table whose whole was signed as a delete is judged as that', () => {
    const whole = {
      ...DROP,
      permissions: [{ operations: { 'db:update': 'delete' }, resources: ['a'] }],
    } as const;
    const asked = { asks: [{ operations: ['db:update'], resources: ['a(x)'] }] };
    expect(rightsOf(verdict([whole], { ...asked, sender: KEY.registered }))).toEqual([
      'db:update a(x) delete grant-0',
    ]);
    expect(verdict([whole], asked)).toMatchObject({ allowed: false, code: 'sender_mismatch' });
  });
});

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
