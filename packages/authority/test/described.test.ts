/** Catalogs of APIs that humans described: nothing counts that was not signed, and what was signed is what runs. */
import type { Catalog, Effect } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import {
  decodeStatement,
  describe as describeStatement,
  grantStanding,
  recordedEffect,
} from '../src/index.ts';
import {
  type Body,
  CATALOG,
  connectionBody,
  digestOfCatalog,
  grantBody,
  permission,
  pinsFor,
} from './support/bodies.ts';
import { type Draft, payloadOf, type Team, team } from './support/deployment.ts';
import { canonicalText } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

/** `effects`: of `GET /a`, of `POST /a`. */
function described(base: string, get: Effect = 'read', post: Effect = 'delete'): Catalog {
  const operation = (name: string, request: string, effect: Effect) => ({
    ...{ name, summary: request, effects: [{ effect }], exchangeable: false, request },
  });
  return {
    provider: 'tasks',
    operations: [
      operation('tasks:get', 'GET /a', get),
      operation('tasks:make', 'POST /a', post),
      operation('tasks:zap', 'DELETE /a', 'delete'),
    ],
    description: { base, credential: { header: 'authorization' } },
  };
}

const PLAIN = described('https://a.example');
const MILD = described('https://a.example', 'read', 'write');
const MOVED = described('https://b.example');

function adopt(t: Team, catalog: Catalog, effects: Record<string, Effect> = {}): Draft {
  return t.broker.draft('catalog.adopt', {
    provider: catalog.provider,
    digest: digestOfCatalog(catalog),
    effects: Object.entries(effects).map(([operation, effect]) => ({ operation, effect })),
    reason: 'reviewed',
  });
}

const effect = (t: Team, operation: string) =>
  recordedEffect(t.broker.state, { operation, resource: 'a', environmentClass: 'staging' });

function connection(t: Team): Draft {
  return t.broker.draft('connection.set', {
    ...connectionBody('api', { [t.staging]: ['project/1'] }),
    provider: 'tasks',
  });
}

function deletion(t: Team, on: string, catalog: Catalog): Body {
  const where = { agent: t.agent, connection: on, environment: t.staging };
  return {
    ...grantBody({ ...t, ...where }, [permission({ 'tasks:zap': 'delete' }, ['a'], catalog)]),
    ...{ valid_for: 3600, max_uses: 1, sender: t.broker.state.agents.get(t.agent)?.credentials[0] },
    pins: pinsFor(t.broker.state, t.agent, on, t.staging),
  };
}

describe('a description that a server keeps', () => {
  test('counts for nothing before it is adopted', async () => {
    const t = await team();
    expectComplete(await t.broker.record(PLAIN));
    expect(effect(t, 'tasks:get')).toBeNull();
    expectRefusal(
      await t.broker.propose(connection(t), t.alice.key),
      'invalid_request',
      /no provider/,
    );
  });

  test('is adopted by one admin where nothing is below what it counts as by itself', async () => {
    const t = await team();
    await t.broker.record(PLAIN);
    expectComplete(await t.broker.propose(adopt(t, PLAIN), t.alice.key));
    expect(effect(t, 'tasks:get')).toBe('read');
    expect(effect(t, 'tasks:make')).toBe('delete');
  });

  test.each<[string, Catalog, Record<string, Effect>]>([
    ['by its own words', MILD, {}],
    ['by this deployment’s', PLAIN, { 'tasks:make': 'execute' }],
  ])('takes two where something is below, %s', async (_name, catalog, effects) => {
    const t = await team();
    await t.broker.record(catalog);
    const draft = adopt(t, catalog, effects);
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more distinct human/);
    expect(effect(t, 'tasks:get')).toBeNull();
    expectComplete(await t.broker.sign(draft, t.bob.key));
  });

  test('replaces another one with two signatures, however strict it is', async () => {
    const t = await team();
    await t.broker.record(PLAIN);
    await t.broker.done(adopt(t, PLAIN), t.alice.key);
    await t.broker.record(MOVED);
    expect(effect(t, 'tasks:get')).toBe('read');
    const draft = adopt(t, MOVED);
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more distinct human/);
    // What anybody lets a server keep meanwhile holds up nobody.
    await t.broker.record(MILD);
    expectComplete(await t.broker.sign(draft, t.bob.key));
  });

  test('is raised by one, and lowered again by two', async () => {
    const t = await team();
    await t.broker.record(PLAIN);
    await t.broker.done(adopt(t, PLAIN), t.alice.key);
    expectComplete(await t.broker.propose(adopt(t, PLAIN, { 'tasks:get': 'reveal' }), t.alice.key));
    expect(effect(t, 'tasks:get')).toBe('reveal');
    expectPending(await t.broker.propose(adopt(t, PLAIN), t.alice.key), /1 more/);
  });

  test('has no name that is built in', async () => {
    const t = await team();
    const taken = {
      ...PLAIN,
      provider: 'db',
      operations: PLAIN.operations.map((each) => ({
        ...each,
        name: each.name.replace('tasks', 'db'),
      })),
    };
    expectRefusal(await t.broker.record(taken), 'conflict', /built in/);
    expect(effect(t, 'db:drop')).toBe('delete');
    expect(CATALOG.operations.some(({ name }) => name === 'db:get')).toBe(false);
  });

  test('is shown with where its credential goes, and how much of it does what', async () => {
    const t = await team();
    await t.broker.record(MILD);
    const { statement } = decodeStatement(payloadOf(adopt(t, MILD)));
    const { facts } = describeStatement(t.broker.state, statement);
    expect(facts).toContainEqual({
      label: 'described',
      value: 'by humans, for requests to https://a.example',
    });
    expect(facts).toContainEqual({ label: 'operations', value: '1 read, 1 write, 1 delete' });
  });
});

describe('a catalog that is larger than an entry', () => {
  const text = Buffer.from(canonicalText(PLAIN));
  const cut = [text.subarray(0, 100), text.subarray(100, 150), text.subarray(150)];
  const parts = cut.map((bytes, at) => ({
    ...{ digest: digestOfCatalog(PLAIN), part: at + 1, parts: 3 },
    bytes: bytes.toString('base64url'),
  }));
  const [first, second, third] = parts;
  const feed = async (t: Team, body: Body | undefined) =>
    await t.broker.feed('catalog.part', body ?? {});

  test('is recorded with the last of its parts, and a first one begins it anew', async () => {
    const t = await team();
    for (const part of [first, second, first, second]) expectComplete(await feed(t, part));
    expect(t.broker.state.catalogs.has(digestOfCatalog(PLAIN))).toBe(false);
    expectComplete(await feed(t, third));
    expect(t.broker.state.catalogs.get(digestOfCatalog(PLAIN))).toEqual(PLAIN);
    expect(t.broker.state.catalogParts.size).toBe(0);
    expectComplete(await t.broker.propose(adopt(t, PLAIN), t.alice.key));
  });

  test.each<[string, (Body | undefined)[], RegExp]>([
    ['a second part without a first', [second], /one after the other/],
    ['a part twice', [first, second, second], /one after the other/],
    ['parts left out', [first, third], /one after the other/],
    ['another number of parts', [first, { ...second, parts: 4 }], /one after the other/],
    ['a part too many', [{ ...first, part: 4 }], /one after the other/],
    [
      'parts of another catalog',
      [first, { ...second, digest: digestOfCatalog(MILD) }],
      /one after/,
    ],
    ['bytes that are none of it', [first, second, { ...third, bytes: 'e30' }], /not UTF-8 JSON/],
    ['a part of one', [{ ...first, parts: 1 }], /parts/],
  ])('is refused with %s', async (_name, bodies, words) => {
    const t = await team();
    for (const body of bodies.slice(0, -1)) expectComplete(await feed(t, body));
    expectRefusal(await feed(t, bodies.at(-1)), 'invalid_request', words);
    expect(t.broker.state.catalogs.size).toBe(1);
  });
});

describe('a grant to delete', () => {
  test('is suspended when the API is described anew: its operations may mean something else', async () => {
    const t = await team();
    await t.broker.record(PLAIN);
    await t.broker.done(adopt(t, PLAIN), t.alice.key);
    const on = await t.broker.done(connection(t), t.alice.key, t.bob.key);
    const grant = await t.broker.done(
      t.broker.draft('grant.create', deletion(t, on, PLAIN)),
      ...[t.alice.key, t.bob.key],
    );
    const standing = () => grantStanding(t.broker.state, grant, t.broker.now);
    expect(standing()).toMatchObject({ status: 'active' });
    await t.broker.record(MOVED);
    expect(standing()).toMatchObject({ status: 'active' });
    await t.broker.done(adopt(t, MOVED), t.alice.key, t.bob.key);
    expect(standing()).toMatchObject({
      status: 'suspended',
      reasons: ['tasks was described anew since it was signed'],
    });
  });

  test('names the description that is adopted, and no other', async () => {
    const t = await team();
    await t.broker.record(PLAIN);
    await t.broker.done(adopt(t, PLAIN), t.alice.key);
    const on = await t.broker.done(connection(t), t.alice.key, t.bob.key);
    await t.broker.record(MOVED);
    const draft = t.broker.draft('grant.create', deletion(t, on, MOVED));
    expectRefusal(
      await t.broker.propose(draft, t.alice.key, t.bob.key),
      'invalid_request',
      /not adopted/,
    );
  });
});
