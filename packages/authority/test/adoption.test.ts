import type { Catalog, Effect } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import {
  decodeStatement,
  effectChanges,
  grantStanding,
  latestOperation,
  recordedEffect,
} from '../src/index.ts';
import {
  type Body,
  CATALOG,
  digestOfCatalog,
  grantBody,
  permission,
  withEffects,
} from './support/bodies.ts';
import { type Draft, payloadOf, type Team, team } from './support/deployment.ts';
import { sha256 } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

function adopt(
  t: Team,
  catalog: Catalog,
  effects: Record<string, Effect> = {},
  change: Body = {},
): Draft {
  const said = Object.entries(effects).map(([operation, effect]) => ({ operation, effect }));
  const body = {
    provider: 'db',
    digest: digestOfCatalog(catalog),
    effects: said,
    reason: 'reviewed',
  };
  return t.broker.draft('catalog.adopt', { ...body, ...change });
}

function effect(t: Team, operation: string, resource = 'orders', environmentClass = 'staging') {
  return recordedEffect(t.broker.state, { operation, resource, environmentClass });
}

const MILDER = withEffects('db:drop', [{ effect: 'write' }]);
const LESS = { ...CATALOG, operations: CATALOG.operations.slice(1) };
const WORSE = withEffects('db:select', [{ effect: 'delete' }]);

describe('catalog.adopt', () => {
  test.each<[string, Catalog, Record<string, Effect>]>([
    ['the one that counts', CATALOG, {}],
    ['one with a worse effect', WORSE, {}],
    ['one that knows less', LESS, {}],
    ['a raised operation', CATALOG, { 'db:select': 'reveal' }],
    [
      'operations raised to the worst',
      CATALOG,
      { 'db:select': 'escalate', 'db:update': 'escalate' },
    ],
  ])('one admin adopts what lowers nothing: %s', async (_name, catalog, effects) => {
    const t = await team();
    await t.broker.record(catalog);
    const draft = adopt(t, catalog, effects);
    expectRefusal(await t.broker.propose(draft, t.bob.key), 'forbidden', /no role/);
    expectComplete(await t.broker.propose(draft, t.erin.key));
    for (const [name, said] of Object.entries(effects)) expect(effect(t, name)).toBe(said);
  });

  test.each<[string, Catalog, Record<string, Effect>]>([
    ['a newer catalog that says less', MILDER, {}],
    ['an operation lowered by hand', CATALOG, { 'db:drop': 'write' }],
    ['one raised here and lowered there', CATALOG, { 'db:update': 'reveal' }],
    ['one lowered beside one raised', CATALOG, { 'db:drop': 'write', 'db:select': 'delete' }],
    ['what was unknown outside production', CATALOG, { 'db:vacuum': 'write' }],
    ['what was unknown there, and is worse in production', CATALOG, { 'db:vacuum': 'escalate' }],
  ])('two adopt what lowers anything: %s', async (_name, catalog, effects) => {
    const t = await team();
    await t.broker.record(catalog);
    const draft = adopt(t, catalog, effects);
    const outcome = await t.broker.propose(draft, t.erin.key);
    expectPending(outcome, /1 more distinct human: admin or approver/);
    expectComplete(await t.broker.sign(draft, t.bob.key));
  });

  test('what a server records counts from then on: once it does, adopting it lowers nothing', async () => {
    const t = await team();
    const zap = {
      name: 'db:zap',
      summary: 'New',
      effects: [{ effect: 'delete' as const }],
      exchangeable: true,
    };
    const newer = { provider: 'db', operations: [...CATALOG.operations, zap] };
    await t.broker.record(newer);
    expect(effect(t, 'db:zap')).toBe('delete');
    expectComplete(await t.broker.propose(adopt(t, newer), t.erin.key));
    expect(effect(t, 'db:zap')).toBe('delete');
  });

  test('what was adopted is the word for every case of an operation', async () => {
    const t = await team();
    await t.broker.done(adopt(t, CATALOG, { 'db:update': 'write' }), t.alice.key, t.bob.key);
    expect(effect(t, 'db:update', 'orders', 'production')).toBe('write');
    expect(effect(t, 'db:update', 'orders(status)', 'staging')).toBe('write');
  });

  test('a superseded catalog counts no more, also when an old replica records it again', async () => {
    const t = await team();
    await t.broker.record(MILDER);
    expect(effect(t, 'db:drop')).toBe('delete');
    await t.broker.done(adopt(t, MILDER), t.alice.key, t.bob.key);
    expect(effect(t, 'db:drop')).toBe('write');
    await t.broker.record(CATALOG);
    expect(effect(t, 'db:drop')).toBe('write');
    expect(latestOperation(t.broker.state, 'db:drop')?.effects).toEqual([{ effect: 'write' }]);
  });

  test('a newer one, recorded after it, counts at its worst', async () => {
    const t = await team();
    await t.broker.record(MILDER);
    await t.broker.done(adopt(t, MILDER), t.alice.key, t.bob.key);
    await t.broker.record(withEffects('db:drop', [{ effect: 'escalate' }]));
    expect(effect(t, 'db:drop')).toBe('escalate');
    await t.broker.record(withEffects('db:select', [{ effect: 'reveal' }]));
    expect(effect(t, 'db:select')).toBe('reveal');
    expect(effect(t, 'db:drop')).toBe('escalate');
  });

  test('adopted anew, the humans’ own words on operations are those of the last time', async () => {
    const t = await team();
    await t.broker.done(adopt(t, CATALOG, { 'db:select': 'delete' }), t.alice.key);
    const draft = adopt(t, CATALOG);
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    expectComplete(await t.broker.sign(draft, t.bob.key));
    expect(effect(t, 'db:select')).toBe('read');
  });

  test('is the latest from then on, and what it changes is told by operation, in order', async () => {
    const t = await team();
    await t.broker.record(MILDER);
    const { statement } = decodeStatement(
      payloadOf(adopt(t, CATALOG, { 'db:dump': 'delete', 'db:vacuum': 'escalate' })),
    );
    if (statement.kind !== 'catalog.adopt') throw new Error('it is an adoption');
    expect(effectChanges(t.broker.state, statement.body)).toEqual([
      { operation: 'db:dump', before: 'reveal', after: 'delete', lowered: false },
      { operation: 'db:vacuum', before: null, after: 'escalate', lowered: true },
    ]);
    expect(latestOperation(t.broker.state, 'db:drop')?.effects).toEqual([{ effect: 'write' }]);
    await t.broker.done(adopt(t, CATALOG), t.alice.key);
    expect(latestOperation(t.broker.state, 'db:drop')?.effects).toEqual([{ effect: 'delete' }]);
  });

  test('what another provider’s server records does not overtake one that waits', async () => {
    const t = await team();
    const draft = adopt(t, CATALOG, { 'db:drop': 'write' });
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    const get = {
      name: 'web:get',
      summary: 'Get',
      effects: [{ effect: 'read' as const }],
      exchangeable: true,
    };
    await t.broker.record({ provider: 'web', operations: [get] });
    expectComplete(await t.broker.sign(draft, t.bob.key));
    const read = { operation: 'web:get', resource: 'x', environmentClass: 'staging' };
    expect(recordedEffect(t.broker.state, read)).toBe('read');
  });

  test('a raise suspends what one admin granted; a lowering gives nothing by itself', async () => {
    const t = await team();
    const reads = [permission({ 'db:select': 'read' }, ['orders'])];
    const body = grantBody({ ...t, environment: t.staging }, reads);
    const grant = await t.broker.done(t.broker.draft('grant.create', body), t.erin.key);
    await t.broker.done(adopt(t, CATALOG, { 'db:select': 'delete' }), t.erin.key);
    expect(grantStanding(t.broker.state, grant, t.broker.now)).toMatchObject({
      status: 'suspended',
      deleteCapable: true,
    });
  });

  test.each<[string, (t: Team) => Draft, string, RegExp]>([
    ['a catalog nobody recorded', (t) => adopt(t, MILDER), 'not_found', /No server has recorded/],
    [
      'of another provider',
      (t) => adopt(t, CATALOG, {}, { provider: 'railway' }),
      'not_found',
      /of railway/,
    ],
    [
      'no such digest',
      (t) => adopt(t, CATALOG, {}, { digest: sha256('x') }),
      'not_found',
      /recorded/,
    ],
    [
      'an operation it does not have',
      (t) => adopt(t, CATALOG, { 'db:zap': 'read' }),
      'invalid_request',
      /db:zap is not in this catalog/,
    ],
    [
      'one operation twice',
      (t) =>
        adopt(t, CATALOG, {}, { effects: Array(2).fill({ operation: 'db:drop', effect: 'read' }) }),
      'invalid_request',
      /ascending order/,
    ],
    [
      'an effect that is none',
      (t) => adopt(t, CATALOG, {}, { effects: [{ operation: 'db:drop', effect: 'none' }] }),
      'invalid_request',
      /effect/,
    ],
  ])('refused: %s', async (_name, made, code, words) => {
    const t = await team();
    expectRefusal(await t.broker.propose(made(t), t.alice.key, t.bob.key), code, words);
  });
});
