import { DENIAL_CODES, type Effect, isDeleteCapable } from '@countersign/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Ask, decide, type Facts, type Question } from '../src/index.ts';
import { authority, CATALOG, factsOf, HOUR, KEY, NOW, RULES, type Wish } from './support/facts.ts';
import { badness, lawfulEffect, objection } from './support/oracle.ts';

const RUNS = 3000;
const OPERATIONS = CATALOG.operations.map(({ name }) => name);
const RESOURCES = ['a', 'b', 'a(x)', 'a(x,y)', 'b(y)'];
const mostly = <T>(usual: T, ...rare: readonly T[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(usual, ...rare) },
  );

const EMPTY = authority();
/** In the words of the catalog as it was, or milder than it is by now. */
function inWords(
  name: string,
  resources: readonly string[],
  environment: string,
  milder: boolean,
): Effect {
  const all = resources.map((r) => badness(EMPTY, name, r, environment, 'read'));
  const worst = (['read', 'write', 'reveal', 'execute', 'delete'] as const)[Math.max(...all)];
  return milder ? 'read' : (worst ?? 'escalate');
}

const PERMISSION = fc.record({
  names: fc.subarray(OPERATIONS, { minLength: 1, maxLength: 3 }),
  resources: fc.subarray(RESOURCES, { minLength: 1, maxLength: 3 }),
  milder: mostly(false, true),
});

const WISH: fc.Arbitrary<Wish> = fc
  .record({
    agent: mostly('ci', 'etl', 'old'),
    connection: mostly('main-id', 'second-id'),
    environment: mostly('production-id', 'staging-id'),
    permissions: fc.array(PERMISSION, { minLength: 1, maxLength: 3 }),
    signers: mostly(['alice', 'bob'], ['alice'], ['bob'], ['alice', 'gone'], ['bob', 'bob'], []),
    maxUses: mostly<number | null>(1, null, 3),
    sender: mostly<string | null>(KEY.registered, KEY.proof, null),
    pins: mostly<'kept' | 'none' | 'broken'>('kept', 'none', 'broken'),
    revoked: mostly(false, true),
    from: mostly(-HOUR, 0, 1, -30 * 24 * HOUR),
    until: mostly(HOUR, 0, 1, 24 * HOUR),
  })
  .map(({ permissions, ...wish }) => ({
    ...wish,
    permissions: permissions.map(({ names, resources, milder }) => ({
      operations: Object.fromEntries(
        names.map((name) => [name, inWords(name, resources, wish.environment, milder)]),
      ),
      resources,
    })),
  }));

const NAMED: fc.Arbitrary<Ask> = fc.record({
  operations: fc.array(
    fc.oneof(mostly('db:select', 'db:explode'), fc.constantFrom(...OPERATIONS)),
    {
      minLength: 1,
      maxLength: 2,
    },
  ),
  resources: fc.array(mostly('a(x)', 'a', 'b', 'A', '*', 'z'), { minLength: 1, maxLength: 2 }),
});
const ASK: fc.Arbitrary<Ask> = fc.record({
  operations: fc.oneof(
    fc.constant(null),
    fc.array(fc.constantFrom(...OPERATIONS), { maxLength: 2 }),
  ),
  resources: fc.oneof(
    fc.constant(null),
    fc.array(mostly('a(x)', 'a', 'b', 'A', '*'), { maxLength: 2 }),
  ),
});

function questionOf(asks: fc.Arbitrary<readonly Ask[]>): fc.Arbitrary<Question> {
  return fc.record({
    agent: mostly('ci', 'etl', 'old', 'nobody'),
    sender: mostly<string | null>(KEY.registered, KEY.proof, KEY.stranger, null),
    connection: mostly('main', 'second', 'other'),
    environment: mostly('production', 'staging', 'live'),
    asks,
    grants: mostly<readonly string[] | null>(null, ['grant-0'], ['grant-1', 'grant-2'], []),
    use: fc.constantFrom('either' as const, 'credential' as const),
  });
}

const PROOFS = mostly<readonly string[] | null | 'own'>(
  'own',
  null,
  [],
  ['stage-1'],
  ['prod-1', 'stage-1'],
);
const WORLD = fc.record({
  wishes: fc.array(WISH, { minLength: 1, maxLength: 4 }),
  uses: fc.array(mostly(0, 1, 3), { minLength: 4, maxLength: 4 }),
  proof: PROOFS,
  raised: mostly(false, true),
});

type World = typeof WORLD extends fc.Arbitrary<infer T> ? T : never;

function factsFrom(world: World, asked: Question, without = -1): Facts {
  const state = authority(world.wishes);
  if (world.raised) {
    const operations = CATALOG.operations.map((op) =>
      op.name === 'db:select' ? { ...op, effects: [{ effect: 'reveal' as const }] } : op,
    );
    state.catalogs.set('newer', { ...CATALOG, operations });
  }
  state.grants.delete(`grant-${without}`);
  return factsOf(state, {
    uses: new Map(world.uses.map((count, index) => [`grant-${index}`, count])),
    provenIds: ({ body }) => {
      if (world.proof !== 'own') return world.proof;
      return body.mapping[`${asked.environment}-id`] ?? null;
    },
  });
}

/** The product of what an ask names, in canonical spelling. */
function named(asks: readonly Ask[]): Set<string> {
  return new Set(
    asks.flatMap(({ operations, resources }) =>
      (operations ?? []).flatMap((operation) =>
        (resources ?? []).map((resource) => `${operation} ${resource.toLowerCase()}`),
      ),
    ),
  );
}

const met = { allowed: 0, dangerous: 0, denied: new Set<string>() };

describe('whatever is granted and whatever is asked', () => {
  test('an allowed right lies inside a grant that stands; a delete was asked for by name', () => {
    const property = fc.property(
      WORLD,
      questionOf(fc.array(ASK, { maxLength: 2 })),
      (world, asked) => {
        const facts = factsFrom(world, asked);
        const found = decide(facts, asked, NOW);
        expect(decide(facts, asked, NOW)).toEqual(found);
        expect(found.steps.slice(0, -1).every(({ ok }) => ok)).toBe(true);
        const last = found.steps.at(-1);
        if (!found.allowed) {
          met.denied.add(found.code);
          expect(DENIAL_CODES).toContain(found.code);
          expect(last?.ok).toBe(false);
          return;
        }
        met.allowed += 1;
        expect(last).toMatchObject({ step: 'verdict', ok: true });
        const { authority: state, uses } = facts;
        expect(found.rights.length).toBeGreaterThan(0);
        for (const right of found.rights) {
          expect([right, objection(state, asked, uses, right)]).toEqual([right, null]);
          expect(right.effect).toBe(lawfulEffect(state, right));
          expect(right.resource).not.toBe('*');
          expect(RULES.exchangeable(right.operation)).toBe(true);
          const recorded = badness(
            state,
            right.operation,
            right.resource,
            found.environment,
            'read',
          );
          if (recorded > 1) expect(isDeleteCapable(right.effect)).toBe(true);
          if (!isDeleteCapable(right.effect)) continue;
          met.dangerous += 1;
          expect(asked.asks.some((ask) => ask.operations?.includes(right.operation))).toBe(true);
          expect(asked.sender).toBe(state.grants.get(right.grant)?.body.sender);
          expect(found.obligations.deleteCapable).toBe(true);
        }
        const grants = [...new Set(found.rights.map((right) => right.grant))].map((id) =>
          state.grants.get(id),
        );
        expect(found.obligations.ttl).toBe(
          Math.min(...grants.map((grant) => grant?.body.ttl ?? 0)),
        );
        expect(found.obligations.until).toBe(Math.min(...grants.map((grant) => grant?.until ?? 0)));
        const limited = grants
          .filter((grant) => grant?.body.max_uses !== null)
          .map((grant) => grant?.id);
        expect(found.obligations.uses.map(({ grant }) => grant).sort()).toEqual(limited.sort());
      },
    );
    fc.assert(property, { numRuns: RUNS });
    expect(met.allowed).toBeGreaterThan(RUNS / 20);
    expect(met.dangerous).toBeGreaterThan(RUNS / 100);
    expect(met.denied.size).toBeGreaterThan(10);
  });

  test('what is named is covered to the last right, or denied', () => {
    const property = fc.property(
      WORLD,
      questionOf(fc.array(NAMED, { minLength: 1, maxLength: 2 })),
      (world, asked) => {
        const found = decide(factsFrom(world, asked), asked, NOW);
        if (!found.allowed) return;
        const rights = found.rights.map((right) => `${right.operation} ${right.resource}`);
        expect(new Set(rights)).toEqual(named(asked.asks));
      },
    );
    fc.assert(property, { numRuns: RUNS });
  });

  test('taking a grant away never turns a denial of what was named into an allowance', () => {
    // Only of what was named: "whatever is granted" asks for less once less is granted.
    const property = fc.property(
      WORLD,
      questionOf(fc.array(NAMED, { minLength: 1, maxLength: 2 })),
      fc.nat(3),
      (world, asked, without) => {
        if (decide(factsFrom(world, asked), asked, NOW).allowed) return;
        expect(decide(factsFrom(world, asked, without), asked, NOW).allowed).toBe(false);
      },
    );
    fc.assert(property, { numRuns: RUNS });
  });
});
