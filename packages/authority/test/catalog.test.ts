import { describe, expect, test } from 'vitest';
import { catalogDigest, draftedEffect, latestOperation, recordedEffect } from '../src/index.ts';
import { CATALOG, digestOfCatalog, grantBody, permission, withEffects } from './support/bodies.ts';
import { team } from './support/deployment.ts';
import { expectRefusal } from './support/refusal.ts';

test('the digest is that of the canonical document', () => {
  expect(catalogDigest(CATALOG)).toBe(digestOfCatalog(CATALOG));
});

describe('the recorded effect', () => {
  test.each([
    ['db:select', 'orders', 'staging', 'read'],
    ['db:update', 'orders', 'staging', 'write'],
    ['db:update', 'orders', 'production', 'delete'],
    ['db:update', 'orders(status)', 'production', 'write'],
    ['db:update', 'orders', null, 'delete'],
    ['db:vacuum', 'orders', 'production', 'write'],
    ['db:vacuum', 'orders', 'staging', null],
    ['db:explode', 'orders', 'production', null],
    ['select', 'orders', 'production', null],
  ])('%s on %s in %s is %s', async (operation, resource, environmentClass, effect) => {
    const { broker } = await team();
    expect(recordedEffect(broker.state, { operation, resource, environmentClass })).toBe(effect);
  });

  test('one catalog that knows the operation, and no effect for the case, makes it unknown', async () => {
    const t = await team();
    const select = { operation: 'db:select', resource: 'orders', environmentClass: 'staging' };
    await t.broker.record(
      withEffects('db:select', [{ effect: 'read', environment_class: 'production' }]),
    );
    expect(recordedEffect(t.broker.state, select)).toBeNull();
    const read = [permission({ 'db:select': 'read' }, ['orders'])];
    const body = grantBody({ ...t, environment: t.staging }, read);
    const outcome = await t.broker.propose(t.broker.draft('grant.create', body), t.alice.key);
    expectRefusal(outcome, 'invalid_request', /db:select is unknown for orders/);
  });

  test('a catalog that does not know the operation says nothing of it', async () => {
    const { broker } = await team();
    const { provider, operations } = CATALOG;
    await broker.record({ provider, operations: operations.slice(0, 1) });
    const drop = { operation: 'db:drop', resource: 'orders', environmentClass: 'staging' };
    expect(recordedEffect(broker.state, drop)).toBe('delete');
    expect(latestOperation(broker.state, 'db:drop')).toBeUndefined();
    expect(latestOperation(broker.state, 'db:dump')).toEqual(operations[0]);
    expect(latestOperation(broker.state, 'railway:volumeDelete')).toBeUndefined();
  });
});

test.each([
  ['the worst over the resources', ['orders(status)', 'orders'], 'delete'],
  ['of parts alone', ['orders(status)', 'users(name)'], 'write'],
])('the effect a draft shows: %s', async (_name, resources, effect) => {
  const { broker, production } = await team();
  expect(draftedEffect(broker.state, production, 'db:update', resources)).toBe(effect);
  expect(draftedEffect(broker.state, production, 'db:explode', resources)).toBeNull();
});
