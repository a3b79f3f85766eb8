import { describe, expect, test } from 'vitest';
import type { Question, Verdict } from '../src/index.ts';
import {
  DANGEROUS,
  DROP,
  dropA,
  HOUR,
  KEY,
  NOW,
  READ,
  verdict,
  type Wish,
} from './support/facts.ts';

const everything = { asks: [{ operations: null, resources: null }] };

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
      'freeze true',
      'connection true',
      'operation true',
      'grant true',
      'sender true',
      'environment true',
      'guardrail true',
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
      { ...everything, sender: KEY.registered },
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
    const milderElsewhere = { operations: { 'db:update': 'write' }, resources: ['b(x)'] } as const;
    const both = { ...whole, permissions: [milderElsewhere, ...whole.permissions] };
    expect(verdict([both], asked)).toMatchObject({ allowed: false, code: 'sender_mismatch' });
  });
});
