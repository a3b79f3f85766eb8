import { describe, expect, test } from 'vitest';
import { escapesAccepted, grantStanding, presentConnection } from '../src/index.ts';
import { type Body, connectionBody, grantBody, permission } from './support/bodies.ts';
import { type Team, team } from './support/deployment.ts';
import { sha256 } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

function remove(t: Team, connection: string = t.connection) {
  return t.broker.draft('connection.remove', { connection, reason: 'moved away' });
}

describe('connection.remove', () => {
  test('takes one admin, and is final', async () => {
    const t = await team();
    expectRefusal(await t.broker.propose(remove(t), t.bob.key), 'forbidden', /no role/);
    expectComplete(await t.broker.propose(remove(t), t.erin.key));
    expect(presentConnection(t.broker.state, t.connection)).toBeUndefined();
    expectRefusal(await t.broker.propose(remove(t), t.erin.key), 'conflict', /removed already/);
    expectRefusal(await t.broker.propose(remove(t, t.agent), t.erin.key), 'not_found', /conn/);
  });

  test('its grants stand no more, and say why; no new one is given', async () => {
    const t = await team();
    const body = grantBody({ ...t, environment: t.staging }, [
      permission({ 'db:select': 'read' }, ['orders']),
    ]);
    const grant = await t.broker.done(t.broker.draft('grant.create', body), t.erin.key);
    await t.broker.done(remove(t), t.erin.key);
    expect(grantStanding(t.broker.state, grant, t.broker.now)).toMatchObject({
      status: 'revoked',
      reasons: ['its connection was removed'],
    });
    const again = await t.broker.propose(t.broker.draft('grant.create', body), t.erin.key);
    expectRefusal(again, 'not_found', /no such connection/);
  });

  test('its name stays taken; what it mapped is free at once', async () => {
    const t = await team();
    await t.broker.done(remove(t), t.erin.key);
    const add = async (name: string) => {
      const body = connectionBody(name, { [t.production]: ['prod-1'] });
      return await t.broker.propose(t.broker.draft('connection.set', body), t.erin.key);
    };
    expectRefusal(await add('main'), 'conflict', /main is taken/);
    expectComplete(await add('other'));
  });
});

describe('escape.accept', () => {
  const DIGESTS = { a: sha256('a'), b: sha256('b'), newer: sha256('newer') };

  function accept(t: Team, escapes: unknown, change: Body = {}) {
    const body = { connection: t.connection, escapes, reason: 'owner cannot drop it', ...change };
    return t.broker.draft('escape.accept', body);
  }

  test('takes two humans, admin or approver', async () => {
    const t = await team();
    const draft = accept(t, [{ object: 'public.f()', digest: DIGESTS.a }]);
    expectPending(await t.broker.propose(draft, t.erin.key), /1 more distinct human/);
    expect(escapesAccepted(t.broker.state, t.connection)).toEqual([]);
    expectRefusal(await t.broker.sign(draft, t.dave.key), 'forbidden', /no role/);
    expectComplete(await t.broker.sign(draft, t.carol.key));
    expect(escapesAccepted(t.broker.state, t.connection)).toEqual([
      { object: 'public.f()', digest: DIGESTS.a },
    ]);
  });

  test('is of that connection, by name and digest, and a newer one takes its place', async () => {
    const t = await team();
    const [first, second] = [t.alice.key, t.bob.key];
    const both = [
      { object: 'a', digest: DIGESTS.a },
      { object: 'b', digest: DIGESTS.b },
    ];
    await t.broker.done(accept(t, both), first, second);
    await t.broker.done(accept(t, [{ object: 'a', digest: DIGESTS.newer }]), first, second);
    expect(escapesAccepted(t.broker.state, t.connection)).toEqual([
      { object: 'a', digest: DIGESTS.newer },
      { object: 'b', digest: DIGESTS.b },
    ]);
    await t.broker.done(accept(t, [{ object: 'aa', digest: DIGESTS.b }]), first, second);
    expect(escapesAccepted(t.broker.state, t.connection).map(({ object }) => object)).toEqual([
      'a',
      'aa',
      'b',
    ]);
    expectRefusal(
      await t.broker.propose(accept(t, both, { connection: t.agent }), first, second),
      'not_found',
      /no such connection/,
    );
    expect(escapesAccepted(t.broker.state, t.agent)).toEqual([]);
    await t.broker.done(remove(t), t.erin.key);
    expect(escapesAccepted(t.broker.state, t.connection)).toEqual([]);
  });

  const one = { object: 'a', digest: DIGESTS.a };
  test.each<[string, unknown, Body]>([
    ['none', [], {}],
    ['one twice', [one, one], {}],
    ['not in order', [{ ...one, object: 'b' }, one], {}],
    ['no digest', [{ object: 'a' }], {}],
    ['a digest that is none', [{ object: 'a', digest: 'a' }], {}],
    ['no object', [{ object: '', digest: DIGESTS.a }], {}],
    ['an object too long', [{ object: 'a'.repeat(1025), digest: DIGESTS.a }], {}],
    ['an object that lies on a screen', [{ object: 'a\u202e', digest: DIGESTS.a }], {}],
    ['65 of them', [...Array(65).keys()].map((n) => ({ ...one, object: `o${100 + n}` })), {}],
    ['no such connection', [one], { connection: '01a1f82f-1e80-7000-8000-000000000fff' }],
  ])('%s: refused', async (_name, escapes, change) => {
    const t = await team();
    const outcome = await t.broker
      .propose(accept(t, escapes, change), t.alice.key, t.bob.key)
      .catch((error: unknown) => error);
    expect(outcome).toMatchObject({ ok: false });
  });
});
