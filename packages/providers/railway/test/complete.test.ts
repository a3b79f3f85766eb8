/**
 * Every root field of Railway's schema has a class: a row of the catalog, or for a subscription the query that shows
 * the same. What Railway publishes, and what somebody else took the mutations for, are files that are not here:
 *
 *     RAILWAY_INTROSPECTION_FILE=railway.json RAILWAY_MUTATION_CLASSES_FILE=classes.json \
 *       node_modules/.bin/vitest run packages/providers/railway/test/complete.test.ts
 *
 * The second is an object from mutation to D1, D2 (deletes), CRED, ADMIN (lets in), EXEC (runs), ARG (by its
 * arguments), W (writes) or RO (nothing).
 */
import { readFileSync } from 'node:fs';
import type { Effect } from '@countersign/core';
import { buildClientSchema, type GraphQLObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { catalog, MUTATIONS, QUERIES } from '../src/catalog.ts';
import { knownSchema } from '../src/known-schema.ts';
import type { Row } from '../src/rows/row.ts';
import { SUBSCRIPTIONS } from '../src/rows/subscriptions.ts';
import { addedTo, driftBetween } from '../src/schema.ts';

const INTROSPECTION = process.env['RAILWAY_INTROSPECTION_FILE'];
const CLASSES = process.env['RAILWAY_MUTATION_CLASSES_FILE'];

const fieldsOf = (type: GraphQLObjectType | null | undefined): string[] =>
  Object.keys(type?.getFields() ?? {}).sort();

/** By how long a grant may stand and whom it needs: the later, the stricter. */
const STRICTNESS: Readonly<Record<Effect, number>> = {
  read: 0,
  write: 1,
  reveal: 2,
  execute: 2,
  delete: 3,
  escalate: 3,
};

const EFFECTS = new Map(
  catalog.operations.map(({ name, effects: [rule] }) => [name, rule?.effect ?? 'escalate']),
);

/** Where arguments decide, a field is as strict as the strictest of what they add. */
function worstOf(row: Row): number {
  if (row.content !== undefined) return STRICTNESS.delete;
  return Math.max(
    STRICTNESS[row.effect],
    ...(row.adds ?? []).map(
      ({ operation }) => STRICTNESS[EFFECTS.get(`railway:${operation}`) ?? 'escalate'],
    ),
  );
}

const PROPOSED: Readonly<Record<string, number>> = {
  RO: STRICTNESS.read,
  W: STRICTNESS.write,
  EXEC: STRICTNESS.execute,
  // Delete-capable, by whatever way.
  ARG: STRICTNESS.execute,
  ADMIN: STRICTNESS.delete,
  CRED: STRICTNESS.delete,
  D1: STRICTNESS.delete,
  D2: STRICTNESS.delete,
};

/** Why a mutation is held to less than was proposed. */
const LESS: Readonly<Record<string, string>> = {
  bucketUpdate: 'Its input has a name and nothing else, so it renames.',
};

describe('every root field', () => {
  const schema = knownSchema();

  test('of a query or a mutation has a row', () => {
    expect(Object.keys(MUTATIONS).sort()).toEqual(fieldsOf(schema.getMutationType()));
    expect(Object.keys(QUERIES).sort()).toEqual(fieldsOf(schema.getQueryType()));
  });

  test('of a subscription has the class of a query that shows the same', () => {
    expect(Object.keys(SUBSCRIPTIONS).sort()).toEqual(fieldsOf(schema.getSubscriptionType()));
    for (const query of Object.values(SUBSCRIPTIONS)) expect(QUERIES).toHaveProperty(query);
  });

  test('that is a query and a mutation is one operation, of one effect', () => {
    for (const [name, { effect }] of Object.entries(QUERIES)) {
      if (Object.hasOwn(MUTATIONS, name)) expect(MUTATIONS[name]?.effect, name).toBe(effect);
    }
  });

  test('that is forwarded is done somewhere, or shows what is in no environment', () => {
    const nowhere = Object.entries({ ...QUERIES, ...MUTATIONS })
      .filter(([, { never, at }]) => never === undefined && (at ?? []).length === 0)
      .filter(([, { effect }]) => effect !== 'read')
      .map(([name]) => name);
    // Told to Railway itself, or made where nothing was.
    expect(nowhere.sort()).toEqual(['cliAuthEventTrack', 'cliEventTrack', 'setupAgentEventTrack']);
  });

  test.skipIf(INTROSPECTION === undefined)(
    'that Railway publishes is known (RAILWAY_INTROSPECTION_FILE)',
    () => {
      const parsed = JSON.parse(readFileSync(INTROSPECTION ?? '', 'utf8'));
      const real = buildClientSchema(parsed.data ?? parsed);
      expect(fieldsOf(schema.getMutationType())).toEqual(fieldsOf(real.getMutationType()));
      expect(fieldsOf(schema.getQueryType())).toEqual(fieldsOf(real.getQueryType()));
      expect(fieldsOf(schema.getSubscriptionType())).toEqual(fieldsOf(real.getSubscriptionType()));
      expect([...driftBetween(schema, real)]).toEqual([]);
      expect([...addedTo(schema, real)]).toEqual([]);
    },
  );

  test.skipIf(CLASSES === undefined)(
    'is as strict as somebody else proposed, or it is written down why not (RAILWAY_MUTATION_CLASSES_FILE)',
    () => {
      const proposed: Readonly<Record<string, string>> = JSON.parse(
        readFileSync(CLASSES ?? '', 'utf8'),
      );
      const less = Object.entries(MUTATIONS)
        .filter(([name, row]) => worstOf(row) < (PROPOSED[proposed[name] ?? ''] ?? 4))
        .map(([name]) => name);
      expect(less.sort()).toEqual(Object.keys(LESS).sort());
    },
  );
});
