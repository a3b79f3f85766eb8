import { describe, expect, test } from 'vitest';
import { decodeStatement, delayed, effectiveFrom, requirementOf } from '../src/index.ts';
import { isLooser } from '../src/rules.ts';
import {
  type Body,
  changeBody,
  connectionBody,
  environmentBody,
  permission,
} from './support/bodies.ts';
import {
  type Draft,
  dangerousGrant,
  HOUR,
  keys,
  type Person,
  payloadOf,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';
import {
  expectComplete,
  expectCoolingOff,
  expectPending,
  expectRefusal,
} from './support/refusal.ts';

const STRICT = {
  class: 'production',
  quorum: 3,
  groups: ['security'],
  cool_off: 3600,
  require_dpop: true,
};

/** Production asks for three approvers, one of security (carol), and an hour. */
async function strict(): Promise<Team> {
  const t = await team();
  await t.broker.done(
    t.broker.draft(
      'human.enroll',
      changeBody(t.carol, t.alice.id, ['approver'], ['legal', 'security']),
    ),
    t.alice.key,
    t.bob.key,
  );
  await t.broker.done(rule(t, {}), t.erin.key);
  return t;
}

function rule({ broker, production }: Team, change: Body): Draft {
  const body = { ...environmentBody('production', 'production'), environment: production };
  return broker.draft('environment.set', { ...body, ...STRICT, ...change });
}

const present = ({ broker, production }: Team) => broker.state.environments.get(production)?.rule;

const LOOSER: readonly [string, Body][] = [
  ['the class', { class: 'staging' }],
  ['the quorum', { quorum: 2 }],
  ['the groups', { groups: [] }],
  ['one group for another', { groups: ['legal'] }],
  ['the cool-off', { cool_off: 3599 }],
  ['the cool-off to nothing', { cool_off: 0 }],
  ['the demand for DPoP', { require_dpop: false }],
  ['the name', { name: 'live' }],
  ['one thing for the price of another', { quorum: 2, cool_off: 7200 }],
];

describe('a rule is loosened by its own quorum, after its own cool-off', () => {
  test.each(LOOSER)('%s', async (_name, change) => {
    const t = await strict();
    const draft = rule(t, change);
    expectPending(
      await t.broker.propose(draft, ...keys(t.alice, t.bob)),
      /1 more distinct human: approver; one of group security/,
    );
    expectCoolingOff(await t.broker.sign(draft, t.carol.key));
    expect(present(t)).toMatchObject(STRICT);
    t.broker.now += HOUR - 1;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /takes effect before/);
    t.broker.now += 1;
    expectComplete(await t.broker.takeEffect(draft.id));
    expect(present(t)).toMatchObject({ ...STRICT, ...change });
  });

  test('a group that the rule names is not replaced by more approvers', async () => {
    const t = await team();
    await t.broker.done(
      t.broker.draft('human.enroll', changeBody(t.carol, t.bob.id, ['approver'], ['security'])),
      ...keys(t.alice, t.bob),
    );
    await t.broker.done(rule(t, { quorum: 2, cool_off: 0 }), t.alice.key);
    const draft = rule(t, { quorum: 2, cool_off: 0, groups: [] });
    expectPending(
      await t.broker.propose(draft, ...keys(t.alice, t.bob)),
      /^one of group security$/,
    );
    expectComplete(await t.broker.sign(draft, t.carol.key));
  });

  test('without a cool-off it holds at once', async () => {
    const { broker, staging, alice, bob } = await team();
    const body = { ...environmentBody('staging', 'staging'), environment: staging };
    await broker.done(broker.draft('environment.set', { ...body, require_dpop: true }), alice.key);
    expectComplete(
      await broker.propose(broker.draft('environment.set', body), ...keys(alice, bob)),
    );
  });

  test.each<[string, (t: Team) => Person]>([
    ['an auditor', (t) => t.dave],
    ['one of its signers', (t) => t.bob],
    ['its author', (t) => t.alice],
  ])('%s vetoes it while it cools off', async (_name, who) => {
    const t = await strict();
    const draft = rule(t, { quorum: 2 });
    expectCoolingOff(await t.broker.propose(draft, ...keys(t.alice, t.bob, t.carol)));
    await t.broker.done(
      t.broker.draft('statement.reject', { statement: draft.id, reason: 'not now' }),
      who(t).key,
    );
    t.broker.now += HOUR;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /does not wait for a time/);
    expect(delayed(t.broker.state)).toEqual([]);
    expect(present(t)).toMatchObject(STRICT);
  });

  test('a frozen human vetoes it too', async () => {
    const t = await strict();
    const draft = rule(t, { quorum: 2 });
    expectCoolingOff(await t.broker.propose(draft, ...keys(t.alice, t.bob, t.carol)));
    const target = { kind: 'human', id: t.dave.id };
    await t.broker.done(t.broker.draft('freeze', { target, reason: 'odd' }), t.alice.key);
    const veto = t.broker.draft('statement.reject', { statement: draft.id, reason: 'no' });
    expectComplete(await t.broker.propose(veto, t.dave.key));
  });

  test('while it cools off it collects no signatures, and says from when it holds', async () => {
    const t = await strict();
    const draft = rule(t, { quorum: 2 });
    expectCoolingOff(await t.broker.propose(draft, ...keys(t.alice, t.bob, t.carol)));
    expectRefusal(await t.broker.sign(draft, t.erin.key), 'conflict', /is cooling_off/);
    const from = new Date(t.broker.now + HOUR).toISOString();
    expect(delayed(t.broker.state)).toEqual([{ statement: draft.id, from }]);
    const record = t.broker.state.statements.get(draft.id);
    expect(record && effectiveFrom(t.broker.state, record)).toBe(from);
  });
});

describe('looser is whatever demands less in one thing, whatever it demands more of in others', () => {
  const before = {
    environment: null,
    name: 'live',
    class: 'staging',
    quorum: 3,
    groups: ['a', 'b'],
    user_verified: 2,
    cool_off: 60,
    require_dpop: true,
  };
  const more = {
    class: 'production',
    quorum: 4,
    groups: ['a', 'b', 'c'],
    user_verified: 3,
    cool_off: 61,
  };
  const less: readonly Partial<typeof before>[] = [
    { class: 'test' },
    { quorum: 2 },
    { groups: ['a', 'c'] },
    { groups: [] },
    { user_verified: 1 },
    { cool_off: 59 },
    { require_dpop: false },
    { name: 'other' },
  ];

  test.each(less)('%j', (change) => {
    expect(isLooser(before, { ...before, ...change })).toBe(true);
    expect(isLooser(before, { ...before, ...more, ...change })).toBe(true);
  });

  test.each<[Partial<typeof before>]>([
    [{}],
    [more],
    ...Object.entries(more).map(([name, value]): [object] => [{ [name]: value }]),
  ])('not %j', (change) => {
    expect(isLooser(before, { ...before, ...change })).toBe(false);
  });

  test('nor what stays of class production, or begins to ask for DPoP', () => {
    const production = { ...before, class: 'production', require_dpop: false };
    expect(isLooser(production, { ...production, quorum: 4 })).toBe(false);
    expect(isLooser(production, { ...production, require_dpop: true })).toBe(false);
    expect(isLooser(production, { ...production, class: 'staging' })).toBe(true);
  });
});

describe('user-verified keys', () => {
  /** As if some had passkeys, which this version does not enrol: alice, carol whose is revoked, and dave, an auditor. */
  async function verified(): Promise<Team> {
    const t = await team();
    for (const { key } of [t.alice, t.carol, t.dave]) {
      const present = t.broker.state.keys.get(key.kid);
      if (present === undefined) throw new Error('there is one');
      t.broker.state.keys.set(key.kid, { ...present, type: 'user-verified' });
    }
    const spare = keyOf('carol, second device');
    const body = { ...changeBody(t.carol, t.carol.id, ['approver']), key: spare.jwk };
    const enrol = t.broker.draft('human.enroll', { ...body, fingerprint: spare.kid });
    await t.broker.done(enrol, spare, ...keys(t.carol, t.alice));
    await t.broker.done(
      t.broker.draft('key.revoke', { key: t.carol.key.kid, reason: 'lost' }),
      ...keys(t.alice, t.bob),
    );
    return t;
  }

  test.each<[number, number, RegExp | null]>([
    [2, 1, null],
    [2, 2, /wants 2 of 2 to sign with user-verified keys, and 1 could/],
  ])(
    'of a quorum of %d, %d: only approvers’, that are not revoked',
    async (quorum, count, words) => {
      const t = await verified();
      const outcome = await t.broker.propose(
        rule(t, { quorum, groups: [], cool_off: 0, user_verified: count }),
        t.alice.key,
      );
      if (words === null) expectComplete(outcome);
      else expectRefusal(outcome, 'conflict', words);
    },
  );

  test('are asked for where a delete is granted, and where an id is moved', async () => {
    const t = await verified();
    await t.broker.done(
      rule(t, { quorum: 2, groups: [], cool_off: 0, user_verified: 1 }),
      t.alice.key,
    );
    const needed = (kind: string, body: Body) => {
      const { statement } = decodeStatement(payloadOf(t.broker.draft(kind, body)));
      return requirementOf(t.broker.state, statement);
    };
    const drop = dangerousGrant(t, t.production, [permission({ 'db:drop': 'delete' }, ['a'])]);
    const quorum = {
      distinct: 2,
      among: ['approver'],
      admin: true,
      groups: [],
      userVerified: 1,
      sponsor: null,
      own: null,
    };
    expect(needed('grant.create', drop)).toEqual(quorum);
    expect(needed('grant.create', { ...drop, environment: t.staging })).toMatchObject({
      userVerified: 0,
    });
    const moved = connectionBody('main', { [t.staging]: ['prod-1', 'stage-1'] });
    expect(needed('connection.set', { ...moved, connection: t.connection })).toEqual(quorum);
  });

  test('an unknown environment asks as the strictest that asks for nothing of its own', async () => {
    const t = await team();
    const drop = dangerousGrant(t, t.staging, [permission({ 'db:drop': 'delete' }, ['a'])]);
    const draft = t.broker.draft('grant.create', { ...drop, environment: t.agent });
    const { statement } = decodeStatement(payloadOf(draft));
    expect(requirementOf(t.broker.state, statement)).toEqual({
      distinct: 2,
      among: ['approver'],
      admin: true,
      groups: [],
      userVerified: 0,
      sponsor: null,
      own: null,
    });
  });
});

describe('one admin makes a rule stricter, at once', () => {
  test.each<[string, Body]>([
    ['a longer cool-off', { cool_off: 604_800 }],
    ['another group beside', { groups: ['legal', 'security'] }],
    ['the same again', {}],
  ])('%s', async (_name, change) => {
    const t = await strict();
    expectComplete(await t.broker.propose(rule(t, change), t.erin.key));
    expect(present(t)).toMatchObject({ ...STRICT, ...change });
  });

  test.each<[string, Body, RegExp]>([
    ['four approvers of three', { quorum: 4 }, /wants 4 approvers and only 3 can sign/],
    ['a group nobody is in', { groups: ['nobody', 'security'] }, /group nobody, and there is none/],
    ['keys that nobody has', { user_verified: 1 }, /user-verified keys, and 0 could/],
  ])('not to what the enrolled humans could not meet: %s', async (_name, change, words) => {
    const t = await strict();
    expectRefusal(await t.broker.propose(rule(t, change), t.erin.key), 'conflict', words);
  });

  test('a group whose only member is no approver meets nothing', async () => {
    const t = await team();
    await t.broker.done(
      t.broker.draft('human.enroll', changeBody(t.dave, t.alice.id, ['auditor'], ['security'])),
      ...keys(t.alice, t.bob),
    );
    expectRefusal(
      await t.broker.propose(rule(t, { quorum: 2 }), t.alice.key),
      'conflict',
      /an approver of group security, and there is none/,
    );
  });
});
