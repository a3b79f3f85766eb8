import { describe, expect, test } from 'vitest';
import { type Body, CATALOG, grantBody, permission } from './support/bodies.ts';
import {
  dangerousGrant,
  HOUR,
  instant,
  type Person,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf, sha256 } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const READ = [permission({ 'db:select': 'read' }, ['orders'])];
const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];

describe('a grant of nothing delete-capable', () => {
  test('takes one admin', async () => {
    const t = await team();
    const draft = () =>
      t.broker.draft('grant.create', grantBody({ ...t, environment: t.production }, READ));
    expectRefusal(await t.broker.propose(draft(), t.bob.key), 'forbidden', /no role/);
    expectRefusal(await t.broker.propose(draft(), t.dave.key), 'forbidden', /no role/);
    const grant = draft();
    expectComplete(await t.broker.propose(grant, t.erin.key));
    expect(t.broker.state.grantsOfAgent.get(t.agent)).toEqual([grant.id]);
    expect(t.broker.state.grants.get(grant.id)).toMatchObject({
      from: t.broker.now,
      until: t.broker.now + HOUR,
    });
  });

  test.each<[string, Body]>([
    ['pins', { pins: { agent_credentials: [sha256('a')], connection: sha256('c') } }],
    ['a sender', { sender: sha256('key') }],
  ])('has no %s', async (_name, change) => {
    const t = await team();
    const body = { ...grantBody({ ...t, environment: t.production }, READ), ...change };
    const outcome = await t.broker.propose(t.broker.draft('grant.create', body), t.alice.key);
    expectRefusal(outcome, 'invalid_request', /Only a delete-capable grant/);
  });
});

describe('a delete-capable grant', () => {
  test.each<[string, string, (t: Team) => readonly Person[], RegExp]>([
    ['one admin and approver', 'staging', (t) => [t.alice], /1 more distinct human: approver$/],
    ['two approvers without an admin', 'staging', (t) => [t.bob, t.carol], /^an admin$/],
    ['an approver and an admin who is no approver', 'staging', (t) => [t.bob, t.erin], /1 more/],
    ['an admin who is no approver', 'staging', (t) => [t.erin], /2 × approver/],
  ])('does not stand by %s', async (_name, _where, people, missing) => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    const outcome = await t.broker.propose(draft, ...people(t).map((person) => person.key));
    expectPending(outcome, missing);
    expect(t.broker.state.grants.size).toBe(0);
  });

  test.each<[string, (t: Team) => readonly Person[]]>([
    ['an admin and approver, and an approver', (t) => [t.alice, t.bob]],
    ['two approvers and an admin', (t) => [t.bob, t.carol, t.erin]],
  ])('stands by %s, one after the other', async (_name, people) => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    const [first, ...others] = people(t);
    if (first === undefined) throw new Error('nobody signs');
    expectPending(await t.broker.propose(draft, first.key), /./);
    const last = others.pop();
    for (const person of others) expectPending(await t.broker.sign(draft, person.key), /./);
    t.broker.now += HOUR;
    if (last !== undefined) expectComplete(await t.broker.sign(draft, last.key));
    expect(t.broker.state.grants.get(draft.id)?.from).toBe(t.broker.now);
  });

  test('an auditor’s signature is refused, not merely ignored', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectRefusal(await t.broker.propose(draft, t.alice.key, t.dave.key), 'forbidden', /no role/);
  });

  test('the rule of the environment may demand more than two', async () => {
    const t = await team();
    const rule = t.broker.state.environments.get(t.staging)?.rule;
    await t.broker.done(
      t.broker.draft('environment.set', { ...rule, environment: t.staging, quorum: 3 }),
      t.alice.key,
    );
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.alice.key, t.bob.key), /1 more/);
    expectComplete(await t.broker.sign(draft, t.carol.key));
  });

  test('a rule made stricter while it waits counts at once', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    const rule = t.broker.state.environments.get(t.staging)?.rule;
    await t.broker.done(
      t.broker.draft('environment.set', { ...rule, environment: t.staging, quorum: 3 }),
      t.alice.key,
    );
    expectPending(await t.broker.sign(draft, t.bob.key), /1 more/);
  });

  test('a signer removed while it waits no longer counts', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.bob.key), /1 more.*an admin/);
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' }),
      t.alice.key,
      t.carol.key,
    );
    expectPending(await t.broker.sign(draft, t.alice.key), /1 more distinct human/);
    expectComplete(await t.broker.sign(draft, t.carol.key));
  });

  test('one human with two keys is one human', async () => {
    const t = await team();
    const second = keyOf('alice, second device');
    await t.broker.done(
      t.broker.draft('human.enroll', {
        human: t.alice.id,
        name: 'alice',
        key: second.jwk,
        key_type: 'passphrase',
        fingerprint: second.kid,
        roles: ['admin', 'approver'],
        groups: [],
        sponsor: t.alice.id,
        recovery: null,
        rp: null,
        subject: null,
      }),
      second,
      t.alice.key,
      t.bob.key,
    );
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    const both = await t.broker.propose(draft, t.alice.key, second);
    expectRefusal(both, 'conflict', /alice has signed already/);
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    expectRefusal(await t.broker.sign(draft, second), 'conflict', /alice has signed already/);
    expectRefusal(await t.broker.sign(draft, t.alice.key), 'conflict', /alice has signed already/);
  });
});

describe('grant.revoke', () => {
  test('any human alone, an auditor too, and once', async () => {
    const t = await team();
    const grant = await t.broker.done(
      t.broker.draft('grant.create', grantBody({ ...t, environment: t.production }, READ)),
      t.alice.key,
    );
    const revoke = () => t.broker.draft('grant.revoke', { grant, reason: 'no longer' });
    expectRefusal(await t.broker.propose(revoke(), t.agentKey), 'forbidden', /no key/);
    expectComplete(await t.broker.propose(revoke(), t.dave.key));
    expect(t.broker.state.grants.get(grant)?.revokedAt).toBe(instant(t.broker.now));
    expectRefusal(await t.broker.propose(revoke(), t.alice.key), 'conflict', /revoked already/);
  });

  test('a waiting grant is rejected instead', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    const revoke = t.broker.draft('grant.revoke', { grant: draft.id, reason: 'no' });
    expectRefusal(await t.broker.propose(revoke, t.bob.key), 'not_found', /rejected instead/);
  });
});

describe('catalog.recorded', () => {
  test.each<[string, unknown, RegExp]>([
    ['another digest', { digest: sha256('x'), catalog: CATALOG }, /not the digest/],
    ['no catalog', { digest: sha256('x') }, /catalog/],
  ])('refused: %s', async (_name, body, words) => {
    const { broker } = await team();
    expectRefusal(await broker.feed('catalog.recorded', body), 'invalid_request', words);
  });

  test.each([
    ['one operation twice, the milder first', { effect: 'read' } as const, 'db:drop'],
    ['another provider’s operation', { effect: 'read' } as const, 'railway:volumeDelete'],
  ])('refused: %s', async (_name, effect, name) => {
    const { broker } = await team();
    const drop = { name, summary: 'x', effects: [effect], exchangeable: true };
    const outcome = await broker.record({ ...CATALOG, operations: [drop, ...CATALOG.operations] });
    expectRefusal(outcome, 'invalid_request', /its own provider, each once/);
  });
});
