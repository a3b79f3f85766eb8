import { describe, expect, test } from 'vitest';
import { escapesAccepted, grantStanding } from '../src/index.ts';
import {
  type Body,
  changeBody,
  connectionBody,
  environmentBody,
  grantBody,
  permission,
} from './support/bodies.ts';
import {
  type Draft,
  dangerousGrant,
  keys,
  type Person,
  type Team,
  team,
} from './support/deployment.ts';
import { sha256 } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const ANEW = { credential: sha256('another salt and credential') };

/** Production asks for three approvers, one of security: carol. */
async function strict(): Promise<Team> {
  const t = await team();
  await t.broker.done(
    t.broker.draft('human.enroll', changeBody(t.carol, t.alice.id, ['approver'], ['security'])),
    ...keys(t.alice, t.bob),
  );
  const body = { ...environmentBody('production', 'production'), environment: t.production };
  await t.broker.done(
    t.broker.draft('environment.set', { ...body, quorum: 3, groups: ['security'] }),
    t.alice.key,
  );
  return t;
}

const STAYS = (t: Team) => ({ [t.production]: ['prod-1'], [t.staging]: ['stage-1'] });

function change(t: Team, mapping: Record<string, string[]>, body: Body = {}): Draft {
  const set = { ...connectionBody('main', mapping), connection: t.connection, ...body };
  return t.broker.draft('connection.set', set);
}

const QUORUM = /1 more distinct human: approver; one of group security/;

describe('moving an id between environments takes the stricter one’s quorum', () => {
  test.each<[string, (t: Team) => Record<string, string[]>]>([
    ['out of production', (t) => ({ [t.staging]: ['prod-1', 'stage-1'] })],
    ['into production', (t) => ({ [t.production]: ['prod-1', 'stage-1'] })],
    ['one for the other', (t) => ({ [t.production]: ['stage-1'], [t.staging]: ['prod-1'] })],
  ])('%s', async (_name, mapping) => {
    const t = await strict();
    const draft = change(t, mapping(t));
    expectPending(await t.broker.propose(draft, ...keys(t.alice, t.bob)), QUORUM);
    expectRefusal(await t.broker.sign(draft, t.dave.key), 'forbidden', /no role/);
    expectComplete(await t.broker.sign(draft, t.carol.key));
    expect(t.broker.state.connections.get(t.connection)?.body.mapping).toEqual(mapping(t));
  });

  test.each<[string, (t: Team) => Promise<Draft>]>([
    [
      'taken out first by one admin',
      async (t) => {
        await t.broker.done(change(t, { [t.staging]: ['stage-1'] }), t.erin.key);
        return change(t, { [t.staging]: ['prod-1', 'stage-1'] });
      },
    ],
    [
      'through another connection',
      async (t) => {
        await t.broker.done(change(t, { [t.staging]: ['stage-1'] }), t.erin.key);
        return t.broker.draft(
          'connection.set',
          connectionBody('second', { [t.staging]: ['prod-1'] }),
        );
      },
    ],
    [
      'once its connection is gone',
      async (t) => {
        const body = { connection: t.connection, reason: 'moved' };
        await t.broker.done(t.broker.draft('connection.remove', body), t.erin.key);
        return t.broker.draft(
          'connection.set',
          connectionBody('second', { [t.staging]: ['prod-1'] }),
        );
      },
    ],
    [
      'by way of a third, laxer production',
      async (t) => {
        const lax = t.broker.draft('environment.set', environmentBody('lax', 'production'));
        const id = await t.broker.done(lax, t.erin.key);
        return change(t, { [id]: ['prod-1'], [t.staging]: ['stage-1'] });
      },
    ],
  ])('also %s', async (_name, made) => {
    const t = await strict();
    const draft = await made(t);
    expectPending(await t.broker.propose(draft, ...keys(t.alice, t.bob)), QUORUM);
    expectComplete(await t.broker.sign(draft, t.carol.key));
  });

  test('back to where it was before is one admin’s, where that is production', async () => {
    const t = await strict();
    await t.broker.done(change(t, { [t.staging]: ['stage-1'] }), t.erin.key);
    expectComplete(await t.broker.propose(change(t, STAYS(t)), t.erin.key));
  });

  test('a new id into staging takes two; taking one out takes one admin', async () => {
    const t = await strict();
    const more = change(t, { ...STAYS(t), [t.staging]: ['stage-1', 'stage-2'] });
    expectPending(await t.broker.propose(more, t.erin.key), /1 more distinct human: admin or/);
    expectComplete(await t.broker.sign(more, t.bob.key));
    expectComplete(await t.broker.propose(change(t, STAYS(t)), t.erin.key));
    expect(t.broker.state.mapped.has('stage-2')).toBe(false);
  });
});

describe('another endpoint, account or configuration', () => {
  const CHANGES: readonly [string, Body][] = [
    ['endpoint', { endpoint: 'evil.example:5432' }],
    ['account', { account: 'postgres' }],
    ['configuration', { config: { tls: 'off' } }],
    ['certificate authority', { config: { tls: 'verify-full', ca: 'PEM' } }],
  ];

  test.each(CHANGES)('the credential is entered anew for another %s', async (_name, body) => {
    const t = await team();
    const before = change(t, STAYS(t), body);
    expectRefusal(await t.broker.propose(before, t.erin.key), 'invalid_request', /entered anew/);
    const draft = change(t, STAYS(t), { ...body, ...ANEW });
    expectRefusal(await t.broker.propose(draft, t.bob.key), 'forbidden', /no role/);
    expectComplete(await t.broker.propose(draft, t.erin.key));
    expect(t.broker.state.connections.get(t.connection)).toMatchObject({ setBy: draft.id });
  });

  test.each(CHANGES)('for another %s accepted escapes are accepted no more', async (_n, body) => {
    const t = await team();
    const escapes = [{ object: 'f()', digest: sha256('f') }];
    const accept = t.broker.draft('escape.accept', {
      connection: t.connection,
      escapes,
      reason: 'x',
    });
    await t.broker.done(accept, ...keys(t.alice, t.bob));
    await t.broker.done(change(t, STAYS(t), ANEW), t.erin.key);
    expect(escapesAccepted(t.broker.state, t.connection)).toEqual(escapes);
    const other = change(t, STAYS(t), { ...body, credential: sha256('a third') });
    await t.broker.done(other, t.erin.key);
    expect(escapesAccepted(t.broker.state, t.connection)).toEqual([]);
  });

  test('a rotated credential changes neither pins nor escapes', async () => {
    const t = await team();
    const grant = await t.broker.done(
      t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP)),
      ...keys(t.alice, t.bob),
    );
    const draft = change(t, STAYS(t), ANEW);
    await t.broker.done(draft, t.erin.key);
    expect(t.broker.state.connections.get(t.connection)?.setBy).toBe(draft.id);
    expect(grantStanding(t.broker.state, grant, t.broker.now)?.status).toBe('active');
  });

  test.each<[string, (t: Team) => Draft, (t: Team) => Person[], string]>([
    [
      'suspended once its endpoint is another',
      (t) => change(t, STAYS(t), { endpoint: 'new.example:5432', ...ANEW }),
      (t) => [t.erin],
      'suspended',
    ],
    [
      'suspended once its environment holds more',
      (t) => change(t, { ...STAYS(t), [t.staging]: ['stage-1', 'stage-2'] }),
      (t) => [t.erin, t.bob],
      'suspended',
    ],
    [
      'active whatever another environment holds',
      (t) => change(t, { [t.staging]: ['stage-1'] }),
      (t) => [t.erin],
      'active',
    ],
  ])('a pinned grant is %s; one to read stands', async (_name, made, by, status) => {
    const t = await team();
    const { broker, alice, bob } = t;
    const dangerous = broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    const grant = await broker.done(dangerous, ...keys(alice, bob));
    const read = [permission({ 'db:select': 'read' }, ['orders'])];
    const reads = broker.draft('grant.create', grantBody({ ...t, environment: t.staging }, read));
    const harmless = await broker.done(reads, alice.key);
    await broker.done(made(t), ...keys(...by(t)));
    expect(grantStanding(broker.state, grant, broker.now)?.status).toBe(status);
    expect(grantStanding(broker.state, harmless, broker.now)?.status).toBe('active');
  });

  test('a pinned grant stays suspended though the mapping is as it was again; one signed anew stands', async () => {
    const t = await team();
    const { broker, alice, bob, erin } = t;
    const dangerous = dangerousGrant(t, t.staging, DROP);
    const first = broker.draft('grant.create', dangerous);
    const grant = await broker.done(first, ...keys(alice, bob));
    const more = change(t, { ...STAYS(t), [t.staging]: ['stage-1', 'stage-2'] });
    await broker.done(more, ...keys(erin, bob));
    await broker.done(change(t, STAYS(t)), erin.key);
    const standing = (id: string) => grantStanding(broker.state, id, broker.now)?.status;
    expect(standing(grant)).toBe('suspended');
    const anew = broker.draft('grant.create', dangerous);
    expect(standing(await broker.done(anew, ...keys(alice, bob)))).toBe('active');
  });

  test.each<[string, Body, RegExp]>([
    ['name', { name: 'other' }, /keeps its name/],
    ['provider', { provider: 'railway' }, /keeps its name and its provider/],
  ])('a connection keeps its %s', async (_name, body, words) => {
    const t = await team();
    const draft = change(t, STAYS(t), { ...body, ...ANEW });
    expectRefusal(await t.broker.propose(draft, t.alice.key), 'invalid_request', words);
  });

  test('one that was removed is changed by nobody', async () => {
    const t = await team();
    const body = { connection: t.connection, reason: 'moved' };
    await t.broker.done(t.broker.draft('connection.remove', body), t.erin.key);
    const draft = change(t, STAYS(t));
    expectRefusal(await t.broker.propose(draft, t.alice.key), 'not_found', /no such connection/);
  });
});
