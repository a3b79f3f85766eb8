/** What an installation would change, by operation: at once where it is worse, once adopted where it is milder. */
import { catalogDigest, emptyState, stateWithCatalog } from '@countersign/authority';
import type { Catalog, EffectRule } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { planCatalog } from '../src/upgrade-plan.ts';

function catalogOf(operations: Readonly<Record<string, readonly EffectRule[]>>): Catalog {
  return {
    provider: 'db',
    operations: Object.entries(operations).map(([name, effects]) => ({
      ...{ name: `db:${name}`, summary: '', effects, exchangeable: true },
    })),
  };
}

const WRITE: readonly EffectRule[] = [{ effect: 'write' }];
const DELETE: readonly EffectRule[] = [{ effect: 'delete' }];
const PRODUCTION: readonly EffectRule[] = [
  { effect: 'write' },
  { effect: 'delete', environment_class: 'production', whole_resource: true },
];
const RECORDED = catalogOf({ drop: DELETE, insert: WRITE, update: PRODUCTION });
const state = stateWithCatalog(emptyState(), RECORDED);

describe('a catalog', () => {
  test('that is recorded already changes nothing', () => {
    expect(planCatalog(state, RECORDED)).toEqual({
      provider: 'db',
      digest: catalogDigest(RECORDED),
      recorded: true,
      operations: [],
    });
  });

  test.each([
    [
      'an operation more',
      { drop: DELETE, insert: WRITE, update: PRODUCTION, copy: DELETE },
      { operation: 'db:copy', change: 'new', before: null, after: 'delete' },
    ],
    [
      'one that is worse now',
      { drop: DELETE, insert: DELETE, update: PRODUCTION },
      { operation: 'db:insert', change: 'raised', before: 'write', after: 'delete' },
    ],
    [
      'one that is worse in one case',
      { drop: DELETE, insert: WRITE, update: DELETE },
      { operation: 'db:update', change: 'raised', before: 'write', after: 'delete' },
    ],
    [
      'one that is milder, which counts once it is adopted',
      { drop: WRITE, insert: WRITE, update: PRODUCTION },
      { operation: 'db:drop', change: 'lowered', before: 'delete', after: 'write' },
    ],
    [
      'one that is milder in one case',
      { drop: DELETE, insert: WRITE, update: WRITE },
      { operation: 'db:update', change: 'lowered', before: 'delete', after: 'write' },
    ],
    [
      'one it knows no more',
      { insert: WRITE, update: PRODUCTION },
      { operation: 'db:drop', change: 'gone', before: 'delete', after: null },
    ],
  ] as const)('with %s', (_, operations, change) => {
    const plan = planCatalog(state, catalogOf(operations));
    expect([plan.recorded, plan.operations]).toEqual([false, [change]]);
  });

  test('of a provider that nobody knew is new in all', () => {
    const plan = planCatalog(emptyState(), RECORDED);
    expect(plan.operations.map(({ change }) => change)).toEqual(['new', 'new', 'new']);
  });
});
