import { describe, expect, test } from 'vitest';
import { coveredBy, type Question, type Verdict } from '../src/index.ts';
import {
  authority,
  DANGEROUS,
  DROP,
  dropA,
  HOUR,
  KEY,
  NOW,
  READ,
  RULES,
  verdict,
  type Wish,
} from './support/facts.ts';

const BOUND = { operations: { 'db:select': 'read' }, resources: ['b'] } as const;
const everything = { asks: [{ operations: null, resources: null }] };

function rightsOf(found: Verdict): string[] {
  if (!found.allowed) throw new Error(`denied: ${found.code}`);
  return found.rights.map((r) => `${r.operation} ${r.resource} ${r.effect} ${r.grant}`);
}

function stepsOf(found: Verdict): string[] {
  return found.steps.map(({ step, text }) => `${step}: ${text}`);
}

describe('the right under one grant', () => {
  const state = authority([
    {
      ...DANGEROUS,
      until: -1,
      permissions: [
        { operations: { 'db:update': 'delete' }, resources: ['a'] },
        { operations: { 'db:update': 'write' }, resources: ['b(x)'] },
      ],
    },
  ]);
  test.each([
    ['db:update', 'a(x)', 'delete'],
    ['db:update', 'b(x)', 'write'],
    ['db:update', 'b(y)', null],
    ['db:select', 'a', null],
  ])('%s on %s: %s, wherever that stands', (operation, resource, effect) => {
    const grant = state.grants.get('grant-0');
    if (grant === undefined) throw new Error('there is one');
    const right = { operation, resource };
    const expected = effect === null ? null : { ...right, grant: 'grant-0', effect };
    expect(coveredBy(state, RULES, grant, right)).toEqual(expected);
  });
});

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
    expect(stepsOf(found)).toEqual([
      'agent: Agent ci is registered and enabled.',
      'freeze: Nothing of it is frozen.',
      'connection: Connection main, environment production.',
      'operation: Every operation is in the recorded catalog.',
      'grant: Covered by grant grant-0.',
      'sender: No key binding is demanded.',
      'environment: prod-1 is production.',
      'guardrail: There are no guardrails.',
      'verdict: Allowed.',
    ]);
  });

  test('of several grants, each by name, and what the strictest of them obliges to', () => {
    const drops = { 'db:drop': 'delete', 'db:select': 'read' } as const;
    const found = verdict(
      [
        { ...READ, until: 3 * HOUR, ttl: 60 },
        { ...DANGEROUS, permissions: [{ operations: drops, resources: ['a', 'b'] }], maxUses: 2 },
        { ...READ, until: 1 },
      ],
      {
        asks: [
          { operations: ['db:select'], resources: ['a'] },
          { operations: ['db:drop'], resources: ['b'] },
        ],
        sender: KEY.registered,
      },
      { provenIds: () => ['prod-1', 'prod-1'] },
    );
    expect(stepsOf(found)).toEqual(
      expect.arrayContaining([
        'grant: Covered by grants grant-1, grant-0.',
        'sender: The caller has shown its key.',
        'environment: prod-1, prod-1 is production.',
      ]),
    );
    expect(found).toMatchObject({
      obligations: {
        deleteCapable: true,
        ttl: 60,
        until: NOW + HOUR,
        uses: [{ grant: 'grant-1', max: 2 }],
      },
    });
  });

  test.each([
    [2_048, 'allowed'],
    [2_049, 'ambiguous_request'],
  ])('of %d rights at once: %s', (count, expected) => {
    const resources = Array.from({ length: count }, (_, n) => `t${n}`);
    const rules = new Map([['db', { ...RULES, canonical: (_: string, name: string) => name }]]);
    const wish: Wish = { permissions: [{ operations: { 'db:select': 'read' }, resources }] };
    const found = verdict([wish], { asks: [{ operations: null, resources: null }] }, { rules });
    expect(found.allowed ? 'allowed' : found.code).toBe(expected);
    if (!found.allowed) {
      expect(stepsOf(found).at(-1)).toBe(
        'operation: That is 2049 rights at once, and 2048 is the most; name fewer.',
      );
    }
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
      'an unlimited grant before a limited one, whichever is newer',
      [READ, { ...READ, maxUses: 1, until: 9 * HOUR }],
      {},
      ['db:select a read grant-0'],
    ],
    [
      'of two limited grants the one that stands longest',
      [
        { ...READ, maxUses: 1, until: 9 * HOUR },
        { ...READ, maxUses: 1 },
      ],
      {},
      ['db:select a read grant-0'],
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
      'a grant bound to no key before one bound to the key that was shown',
      [READ, { ...READ, sender: KEY.registered, until: 9 * HOUR }],
      { sender: KEY.registered },
      ['db:select a read grant-0'],
    ],
    [
      'a grant bound to the key that was shown before one bound to another',
      [
        { ...READ, sender: KEY.registered },
        { ...READ, sender: KEY.proof, until: 9 * HOUR },
      ],
      { sender: KEY.registered },
      ['db:select a read grant-0'],
    ],
    [
      'whatever is granted leaves out what is bound to a key that was not shown',
      [READ, { ...READ, permissions: [BOUND], sender: KEY.registered }],
      everything,
      ['db:select a read grant-0'],
    ],
    [
      'and holds it where the key was shown',
      [READ, { ...READ, permissions: [BOUND], sender: KEY.registered }],
      { ...everything, sender: KEY.registered },
      ['db:select a read grant-0', 'db:select b read grant-1'],
    ],
    [
      'an operation by name, on whatever is granted of it, bound or not',
      [{ ...READ, permissions: [BOUND], sender: KEY.registered }],
      { asks: [{ operations: ['db:select'], resources: null }], sender: KEY.registered },
      ['db:select b read grant-0'],
    ],
    [
      'each right once, in the order of operations and resources, however often it is asked for',
      [
        {
          permissions: [
            {
              operations: { 'db:update': 'write', 'db:select': 'read' },
              resources: ['b(x)', 'a(x)'],
            },
          ],
        },
      ],
      {
        asks: [
          { operations: ['db:update', 'db:select'], resources: ['b(x)', 'A(x)'] },
          { operations: ['db:select'], resources: null },
        ],
      },
      [
        'db:select a(x) read grant-0',
        'db:select b(x) read grant-0',
        'db:update a(x) write grant-0',
        'db:update b(x) write grant-0',
      ],
    ],
    [
      'of resources without an operation, each by whatever is granted on it or on its whole',
      [
        {
          permissions: [
            { operations: { 'db:select': 'read' }, resources: ['a', 'b'] },
            { operations: { 'db:update': 'write' }, resources: ['a(x)'] },
          ],
        },
      ],
      { asks: [{ operations: null, resources: ['a(x)', 'b', 'c', 'no such'] }] },
      ['db:select a(x) read grant-0', 'db:select b read grant-0', 'db:update a(x) write grant-0'],
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
