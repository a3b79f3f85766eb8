import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DENIAL_CODES,
  EFFECTS,
  type EffectRule,
  effectOf,
  fromInstant,
  INPUT_CODES,
  isDeleteCapable,
  isInstant,
  isOperation,
  isUuidV7,
  Secret,
  statusOf,
  toInstant,
  uuidv7,
  worse,
} from '../src/index.ts';

describe('Secret', () => {
  const secret = new Secret('root password', 'hunter2-hunter2');
  test.each([
    ['a template', () => `${secret}`],
    ['concatenation', () => String('') + secret],
    ['JSON', () => JSON.stringify({ secret, deep: [{ secret }] })],
    ['inspect', () => inspect({ secret }, { depth: 9, showHidden: true })],
    ['its keys', () => JSON.stringify(Object.entries(secret))],
    ['a copy', () => JSON.stringify({ ...secret })],
    ['an error', () => inspect(new Error('x', { cause: secret }))],
  ])('does not print in %s', (_, render) => {
    expect(render()).not.toContain('hunter2');
  });

  test('opens in one named place', () => {
    expect(secret.reveal()).toBe('hunter2-hunter2');
    expect(secret.label).toBe('root password');
  });
});

describe('effects', () => {
  test('read and write alone need no second human', () => {
    expect(EFFECTS.filter((effect) => !isDeleteCapable(effect))).toEqual(['read', 'write']);
  });

  test('the worse of two is commutative, associative and idempotent', () => {
    const effect = fc.constantFrom(...EFFECTS);
    fc.assert(
      fc.property(effect, effect, effect, (a, b, c) => {
        expect(worse(a, b)).toBe(worse(b, a));
        expect(worse(a, worse(b, c))).toBe(worse(worse(a, b), c));
        expect(worse(a, a)).toBe(a);
      }),
    );
  });

  const UPDATE: EffectRule[] = [
    { effect: 'write' },
    { effect: 'delete', environment_class: 'production', whole_resource: true },
  ];
  test.each([
    ['a table in staging', 'public.t', 'staging', 'write'],
    ['columns in staging', 'public.t(a)', 'staging', 'write'],
    ['columns in production', 'public.t(a)', 'production', 'write'],
    ['a table in production', 'public.t', 'production', 'delete'],
    ['a table in a class nobody knows', 'public.t', null, 'delete'],
    ['a quoted name that ends in a parenthesis', 'public."t(a)"', 'production', 'delete'],
  ] as const)('updating %s', (_, resource, environmentClass, expected) => {
    expect(effectOf(UPDATE, { resource, environmentClass })).toBe(expected);
  });

  test('an operation without a rule for the case is unknown', () => {
    const rules: EffectRule[] = [{ effect: 'read', environment_class: 'production' }];
    expect(effectOf(rules, { resource: 'x', environmentClass: 'staging' })).toBeNull();
    expect(effectOf([], { resource: 'x', environmentClass: null })).toBeNull();
  });
});

describe('codes', () => {
  test('every code has a status that refuses', () => {
    for (const code of [...DENIAL_CODES, ...INPUT_CODES]) {
      expect(statusOf(code)).toBeGreaterThanOrEqual(400);
    }
  });

  test('no code stands in both lists', () => {
    expect(new Set([...DENIAL_CODES, ...INPUT_CODES]).size).toBe(
      DENIAL_CODES.length + INPUT_CODES.length,
    );
  });
});

describe('ids and instants', () => {
  test('a uuidv7 has its version and variant, and sorts by time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 48 - 2 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (ms, bytes) => {
          const id = uuidv7({ now: () => ms }, { bytes: () => bytes });
          expect(isUuidV7(id)).toBe(true);
          expect(id < uuidv7({ now: () => ms + 1 }, { bytes: () => bytes })).toBe(true);
        },
      ),
    );
  });

  test('an instant has one form', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
        expect(isInstant(toInstant(ms))).toBe(true);
        expect(fromInstant(toInstant(ms))).toBe(ms);
      }),
    );
  });

  test.each([
    '2026-11-20',
    '2026-11-20T12:00:00Z',
    '2026-11-20T12:00:00.000+00:00',
    '2026-02-30T12:00:00.000Z',
    '2026-11-20T24:00:00.000Z',
    '+002026-11-20T12:00:00.000Z',
  ])('%s is none', (text) => {
    expect(isInstant(text)).toBe(false);
  });

  test.each(['select', 'postgres:', ':select', 'Postgres:select', 'a b:c', 'postgres:sel ect'])(
    '%s is no operation',
    (text) => {
      expect(isOperation(text)).toBe(false);
    },
  );
});
