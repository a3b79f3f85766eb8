import { describe, expect, test } from 'vitest';
import { grantStanding } from '../src/index.ts';
import {
  type Body,
  changeBody,
  enrollBody,
  environmentBody,
  permission,
} from './support/bodies.ts';
import {
  type Draft,
  dangerousGrant,
  HOUR,
  keys,
  type Person,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const zoe = keyOf('zoe');

function change(t: Team, who: Person, roles: string[], groups: string[] = []): Draft {
  return t.broker.draft('human.enroll', changeBody(who, t.alice.id, roles, groups));
}

function rule({ broker, staging }: Team, groups: string[], more: Body = {}): Draft {
  const body = { ...environmentBody('staging', 'staging'), environment: staging };
  return broker.draft('environment.set', { ...body, groups, ...more });
}

/** Carol is security, and staging asks for it. */
async function guarded(): Promise<Team> {
  const t = await team();
  await t.broker.done(change(t, t.carol, ['approver'], ['security']), ...keys(t.alice, t.bob));
  await t.broker.done(rule(t, ['security']), t.alice.key);
  return t;
}

function drop(t: Team): Draft {
  const drops = [permission({ 'db:drop': 'delete' }, ['orders'])];
  return t.broker.draft('grant.create', dangerousGrant(t, t.staging, drops));
}

const standing = (t: Team, id: string) => grantStanding(t.broker.state, id, t.broker.now);

describe('roles and groups of an enrolled human', () => {
  test('take two humans, and are so from then on', async () => {
    const t = await team();
    const draft = change(t, t.bob, ['admin', 'approver'], ['platform']);
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more distinct human/);
    expectComplete(await t.broker.sign(draft, t.carol.key));
    expect(t.broker.state.humans.get(t.bob.id)).toMatchObject({
      roles: ['admin', 'approver'],
      groups: ['platform'],
      name: 'bob',
    });
    expect(
      [...t.broker.state.keys.values()].filter(({ human }) => human === t.bob.id),
    ).toHaveLength(1);
  });

  test.each<[string, (t: Team) => Body, string, RegExp]>([
    ['what they are already', () => ({}), 'conflict', /has this key, these roles/],
    ['another name', () => ({ name: 'robert' }), 'invalid_request', /keeps their name/],
    ['nobody known', (t) => ({ human: t.agent }), 'not_found', /no such enrolled human/],
    [
      'a key of somebody else',
      (t) => ({ key: t.carol.key.jwk, fingerprint: t.carol.key.kid }),
      'forbidden',
      /theirs alone/,
    ],
    [
      'another recovery code',
      () => ({ recovery: zoe.kid }),
      'forbidden',
      /recovery code of bob is theirs alone/,
    ],
    ['no role', () => ({ roles: [] }), 'invalid_request', /roles/],
  ])('refused: %s', async (_name, other, code, words) => {
    const t = await team();
    const body = { ...changeBody(t.bob, t.alice.id, ['approver']), ...other(t) };
    const draft = t.broker.draft('human.enroll', body);
    expectRefusal(await t.broker.propose(draft, ...keys(t.alice, t.carol)), code, words);
  });

  test('one’s own recovery code is made anew, with nothing else', async () => {
    const t = await team();
    const body = { ...changeBody(t.bob, t.bob.id, ['approver']), recovery: zoe.kid };
    const draft = t.broker.draft('human.enroll', body);
    await t.broker.done(draft, ...keys(t.bob, t.alice));
    expect(t.broker.state.humans.get(t.bob.id)?.recovery).toBe(zoe.kid);
  });

  test('a key that was revoked comes back by no change', async () => {
    const t = await team();
    const more = { ...changeBody(t.bob, t.bob.id, ['approver']), key: zoe.jwk };
    const second = t.broker.draft('human.enroll', { ...more, fingerprint: zoe.kid });
    await t.broker.done(second, zoe, ...keys(t.bob, t.alice));
    await t.broker.done(
      t.broker.draft('key.revoke', { key: zoe.kid, reason: 'lost' }),
      ...keys(t.bob, t.alice),
    );
    const body = { ...more, fingerprint: zoe.kid, roles: ['approver', 'auditor'] };
    const outcome = await t.broker.propose(
      t.broker.draft('human.enroll', body),
      ...keys(t.bob, t.alice),
    );
    expectRefusal(outcome, 'conflict', /is, or was, enrolled already/);
  });

  test('the last admin stays one, with another key too', async () => {
    const t = await team();
    await t.broker.done(change(t, t.erin, ['auditor']), ...keys(t.alice, t.bob));
    const body = { ...changeBody(t.alice, t.alice.id, ['approver']), key: zoe.jwk };
    const draft = t.broker.draft('human.enroll', { ...body, fingerprint: zoe.kid });
    expectRefusal(
      await t.broker.propose(draft, zoe, ...keys(t.alice, t.bob)),
      'conflict',
      /Nobody would be left who is an admin/,
    );
  });

  test('the last admin stays one', async () => {
    const t = await team();
    await t.broker.done(change(t, t.erin, ['auditor']), ...keys(t.alice, t.bob));
    expectRefusal(
      await t.broker.propose(change(t, t.alice, ['approver']), ...keys(t.bob, t.carol, t.alice)),
      'conflict',
      /Nobody would be left who is an admin/,
    );
  });
});

describe('entering a group that a rule names', () => {
  test.each<[string, (t: Team) => [Draft, Person[]]]>([
    ['with the roles one has', (t) => [change(t, t.bob, ['approver'], ['security']), []]],
    ['as an admin too', (t) => [change(t, t.erin, ['admin', 'approver'], ['security']), []]],
    [
      'as a new human',
      (t) => {
        const body = { ...enrollBody('zoe', zoe, t.alice.id, ['approver']), groups: ['security'] };
        return [t.broker.draft('human.enroll', body), [{ id: '', name: 'zoe', key: zoe }]];
      },
    ],
  ])('takes that rule’s own quorum: %s', async (_name, made) => {
    const t = await guarded();
    const [draft, joiner] = made(t);
    const outcome = await t.broker.propose(draft, ...keys(...joiner, t.alice, t.bob));
    expectPending(outcome, /^one of group security$/);
    expectComplete(await t.broker.sign(draft, t.carol.key));
  });

  test('of two rules, what both ask for', async () => {
    const t = await guarded();
    const production = {
      ...environmentBody('production', 'production'),
      environment: t.production,
    };
    await t.broker.done(
      t.broker.draft('environment.set', { ...production, quorum: 3, groups: ['security'] }),
      t.alice.key,
    );
    const draft = change(t, t.bob, ['approver'], ['security']);
    const outcome = await t.broker.propose(draft, ...keys(t.alice, t.carol));
    expectPending(outcome, /^1 more distinct human: approver$/);
    expectRefusal(await t.broker.sign(draft, t.dave.key), 'forbidden', /no role/);
    expectComplete(await t.broker.sign(draft, t.bob.key));
  });

  test('of two groups, one of each, and an admin', async () => {
    const t = await guarded();
    await t.broker.done(change(t, t.bob, ['approver'], ['legal']), ...keys(t.alice, t.carol));
    const production = {
      ...environmentBody('production', 'production'),
      environment: t.production,
    };
    await t.broker.done(
      t.broker.draft('environment.set', { ...production, groups: ['legal'] }),
      t.alice.key,
    );
    const body = changeBody(t.erin, t.bob.id, ['approver'], ['legal', 'security']);
    const draft = t.broker.draft('human.enroll', body);
    const outcome = await t.broker.propose(draft, t.bob.key);
    expectPending(outcome, /^1 more distinct human: approver; an admin; one of group security$/);
    expectPending(await t.broker.sign(draft, t.carol.key), /^an admin$/);
    expectComplete(await t.broker.sign(draft, t.erin.key));
  });

  test('a rule that names it while the statement waits is asked, too', async () => {
    const t = await team();
    await t.broker.done(change(t, t.carol, ['approver'], ['security']), ...keys(t.alice, t.bob));
    const draft = change(t, t.bob, ['approver'], ['security']);
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more distinct human/);
    await t.broker.done(rule(t, ['security']), t.alice.key);
    expectPending(await t.broker.sign(draft, t.bob.key), /^one of group security$/);
  });

  test('leaving one takes two humans, and no more', async () => {
    const t = await guarded();
    expectComplete(
      await t.broker.propose(change(t, t.carol, ['approver']), ...keys(t.alice, t.bob)),
    );
  });

  test('another group takes two humans', async () => {
    const t = await guarded();
    const draft = change(t, t.bob, ['approver'], ['platform']);
    expectComplete(await t.broker.propose(draft, ...keys(t.alice, t.bob)));
  });
});

describe('a signature counts for what its human was when they made it', () => {
  test.each<[string, string[], string[], (t: Team) => Person, RegExp]>([
    [
      'an approver later',
      ['admin', 'approver'],
      [],
      (t) => t.erin,
      /1 more distinct human: approver/,
    ],
    ['of the group later', ['approver'], ['security'], (t) => t.bob, /one of group security/],
  ])('%s', async (_name, roles, groups, who, missing) => {
    const t = await guarded();
    if (groups.length === 0) await t.broker.done(rule(t, []), ...keys(t.alice, t.bob, t.carol));
    const draft = drop(t);
    await t.broker.propose(draft, who(t).key);
    t.broker.now += 1;
    await t.broker.done(change(t, who(t), roles, groups), ...keys(t.alice, t.bob, t.carol));
    expectPending(await t.broker.sign(draft, t.alice.key), missing);
    expectComplete(await t.broker.sign(draft, t.carol.key));
  });

  test.each<[string, string[], string[], RegExp]>([
    [
      'the role',
      ['auditor'],
      ['security'],
      /1 more distinct human: approver; one of group security/,
    ],
    ['the group', ['approver'], [], /one of group security/],
  ])('who leaves and comes back has signed nothing: %s', async (_name, roles, groups, missing) => {
    const t = await guarded();
    const grant = await t.broker.done(drop(t), ...keys(t.alice, t.carol));
    expect(standing(t, grant)?.status).toBe('active');
    t.broker.now += 1;
    await t.broker.done(change(t, t.carol, roles, groups), ...keys(t.alice, t.bob));
    expect(standing(t, grant)).toMatchObject({
      status: 'suspended',
      reasons: [expect.stringMatching(missing)],
    });
    // Nobody is left in the group, so its rule is loosened by nobody: the slow path brings carol back.
    const back = change(t, t.carol, ['approver'], ['security']);
    t.broker.now += 1;
    const outcome = await t.broker.propose(back, ...keys(t.alice, t.bob));
    if (outcome.ok && outcome.status === 'pending') {
      t.broker.now += 30 * 24 * HOUR;
      expectComplete(await t.broker.takeEffect(back.id));
    } else expectComplete(outcome);
    const { humans } = t.broker.state;
    expect(humans.get(t.carol.id)).toMatchObject({ roles: ['approver'], groups: ['security'] });
    const known = t.broker.state.grants.get(grant);
    expect(standingThen(t, grant, known?.from ?? 0)).toMatch(missing);
  });

  test('what is held without a break keeps counting through another change', async () => {
    const t = await guarded();
    const grant = await t.broker.done(drop(t), ...keys(t.alice, t.carol));
    t.broker.now += 1;
    const more = change(t, t.carol, ['approver', 'auditor'], ['platform', 'security']);
    await t.broker.done(more, ...keys(t.alice, t.bob));
    expect(standing(t, grant)?.status).toBe('active');
  });
});

/** Why it would not stand at a time inside its validity, whatever the clock says now. */
function standingThen(t: Team, grant: string, at: number): string {
  return grantStanding(t.broker.state, grant, at)?.reasons.join() ?? '';
}
