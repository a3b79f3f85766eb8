/** What is denied because no grant covers it, with what of the nearest one says why. */
import type { Catalog } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import {
  authority,
  CATALOG,
  DROP,
  dropA,
  type Given,
  KEY,
  knowing,
  READ,
  verdict,
  verdictOf,
  type Wish,
} from './support/facts.ts';

/** Its operations are known in production, and there alone. */
const ELSEWHERE: Catalog = {
  ...CATALOG,
  operations: CATALOG.operations.map((operation) => ({
    ...operation,
    effects: [{ effect: 'read', environment_class: 'production' }],
  })),
};

describe('denied, because no grant covers it', () => {
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

  test.each<[string, string, string, Given]>([
    ['nothing granted', 'not_granted', 'db:select is not granted there.', { wishes: [] }],
    ['nothing asked', 'not_granted', 'Nothing is granted there.', { asked: { asks: [] } }],
    [
      'an operation on no resource',
      'resource_not_granted',
      'db:select is not granted.',
      { asked: { asks: [{ operations: ['db:select'], resources: [] }] } },
    ],
    [
      'another resource',
      'resource_not_granted',
      'db:select on b is not granted.',
      { asked: { asks: [{ operations: ['db:select'], resources: ['a', 'b'] }] } },
    ],
    [
      'the whole where a part is granted',
      'resource_not_granted',
      'db:select on a is not granted.',
      { wishes: [{ permissions: [{ operations: { 'db:select': 'read' }, resources: ['a(x)'] }] }] },
    ],
    [
      'another operation',
      'not_granted',
      'db:update is not granted there.',
      { asked: { asks: [{ operations: ['db:update'], resources: ['a(x)'] }] } },
    ],
    [
      'one of two operations',
      'not_granted',
      'db:update is not granted there.',
      { asked: { asks: [{ operations: ['db:select', 'db:update'], resources: ['a(x)'] }] } },
    ],
    [
      'one of two operations, of whatever resource',
      'needs_signature',
      'db:drop is delete: it needs a grant that two humans have signed.',
      { asked: { asks: [{ operations: ['db:drop', 'db:select'], resources: null }] } },
    ],
    [
      'a delete nobody signed',
      'needs_signature',
      'db:drop on a is delete: it needs a grant that two humans have signed.',
      { asked: { ...dropA, sender: KEY.registered } },
    ],
    [
      'another agent’s grant',
      'not_granted',
      'db:select is not granted there.',
      { wishes: [{ ...READ, agent: 'etl' }] },
    ],
    [
      'another connection’s grant',
      'not_granted',
      'db:select is not granted there.',
      { wishes: [{ ...READ, connection: 'second-id' }] },
    ],
    [
      'another environment’s grant',
      'not_granted',
      'db:select is not granted there.',
      { wishes: [{ ...READ, environment: 'staging-id' }] },
    ],
    [
      'a grant the token does not name',
      'not_granted',
      'db:select is not granted there.',
      { wishes: [READ, READ], asked: { grants: ['grant-7'] } },
    ],
    [
      'revoked',
      'not_granted',
      'db:select is not granted there.',
      { wishes: [{ ...READ, revoked: true }] },
    ],
    [
      'expired',
      'grant_expired',
      'db:select on a: its validity is over.',
      { wishes: [{ ...READ, until: 0 }] },
    ],
    [
      'cooling off',
      'cooling_off',
      'db:select on a: its cool-off is not over.',
      { wishes: [{ ...READ, from: 1 }] },
    ],
    [
      'exhausted',
      'grant_exhausted',
      'db:select on a: all its uses are spent.',
      { wishes: [{ ...READ, maxUses: 2 }], facts: { uses: new Map([['grant-0', 2]]) } },
    ],
    [
      'used more than it may be',
      'grant_exhausted',
      'db:select on a: all its uses are spent.',
      { wishes: [{ ...READ, maxUses: 2 }], facts: { uses: new Map([['grant-0', 9]]) } },
    ],
    [
      'one signer left',
      'grant_suspended',
      'db:drop on a: its signatures no longer suffice: 1 more distinct human: approver.',
      {
        wishes: [{ ...DROP, signers: ['alice', 'gone'] }],
        asked: { ...dropA, sender: KEY.registered },
      },
    ],
    [
      'one signer twice',
      'grant_suspended',
      'db:drop on a: its signatures no longer suffice: 1 more distinct human: approver; an admin.',
      {
        wishes: [{ ...DROP, signers: ['bob', 'bob'] }],
        asked: { ...dropA, sender: KEY.registered },
      },
    ],
    [
      'pins broken',
      'grant_suspended',
      "db:drop on a: the agent's credentials changed since it was signed.",
      { wishes: [{ ...DROP, pins: 'broken' }], asked: { ...dropA, sender: KEY.registered } },
    ],
    [
      'a class raised since',
      'grant_suspended',
      "db:select on a: a grant with effect escalate says how many uses it has; it does not pin the agent's credentials and the connection; it does not name the key its tokens are bound to; its signatures no longer suffice: 1 more distinct human: approver.",
      { facts: { authority: { ...authority([READ]), catalogs: worse } } },
    ],
    [
      'what no catalog knows in that environment',
      'unknown_operation',
      'db:select on a is in no catalog.',
      {
        wishes: [],
        asked: { environment: 'staging' },
        facts: { authority: knowing([], ELSEWHERE) },
      },
    ],
    [
      'what was signed for by two, and no catalog knows there any more',
      'unknown_operation',
      'db:drop on a is in no catalog.',
      {
        wishes: [],
        asked: { ...dropA, environment: 'staging', sender: KEY.registered },
        facts: { authority: knowing([{ ...DROP, environment: 'staging-id' }], ELSEWHERE) },
      },
    ],
    [
      'whatever is granted of an operation by name, and its grant is over',
      'grant_expired',
      'db:drop: its validity is over.',
      {
        wishes: [{ ...DROP, until: 0 }],
        asked: { asks: [{ operations: ['db:drop'], resources: null }], sender: KEY.registered },
      },
    ],
    [
      'a grant that is over, of another resource',
      'not_granted',
      'db:select is not granted there.',
      {
        wishes: [{ ...READ, until: 0 }],
        asked: { asks: [{ operations: ['db:select'], resources: ['b'] }] },
      },
    ],
    [
      'a grant of many things, of another resource',
      'resource_not_granted',
      'db:select on c is not granted.',
      {
        wishes: [
          {
            permissions: [
              { operations: { 'db:update': 'write' }, resources: ['b(x)'] },
              { operations: { 'db:update': 'write', 'db:select': 'read' }, resources: ['a(x)'] },
            ],
          },
        ],
        asked: { asks: [{ operations: ['db:select'], resources: ['c'] }] },
      },
    ],
    [
      '“any resource”, that a careless provider let pass into a grant',
      'resource_not_granted',
      'db:select is not granted.',
      {
        wishes: [{ permissions: [{ operations: { 'db:select': 'read' }, resources: ['*'] }] }],
        asked: { asks: [{ operations: null, resources: null }] },
      },
    ],
    [
      'expired, and used up before',
      'grant_expired',
      'db:select on a: its validity is over.',
      { wishes: [{ ...READ, until: 0, maxUses: 2 }], facts: { uses: new Map([['grant-0', 2]]) } },
    ],
    [
      'whatever is granted, and that is bound to a key that was not shown',
      'not_granted',
      'Nothing is granted there.',
      {
        wishes: [{ ...READ, sender: KEY.registered }],
        asked: { asks: [{ operations: null, resources: null }] },
      },
    ],
    [
      'a delete on another resource, beside a read of it',
      'needs_signature',
      'db:drop on b is delete: it needs a grant that two humans have signed.',
      {
        wishes: [READ, DROP],
        asked: { asks: [{ operations: ['db:drop'], resources: ['b'] }], sender: KEY.registered },
      },
    ],
  ])('%s', (_name, code, text, given) => {
    const found = verdictOf(given);
    expect(found).toMatchObject({ allowed: false, code });
    expect(found.steps.at(-1)).toEqual({ step: 'grant', ok: false, text });
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
});
