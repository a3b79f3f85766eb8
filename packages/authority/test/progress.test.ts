/** Signatures held against what a statement needs, in states that only a newer version could reach, too. */
import { describe, expect, test } from 'vitest';
import { couldCount, progressOf, requirementOf } from '../src/index.ts';
import type { Requirement } from '../src/requirement.ts';
import { type Person, type Team, team } from './support/deployment.ts';

const ANY: Requirement = {
  distinct: 1,
  among: [],
  admin: false,
  groups: [],
  userVerified: 0,
  sponsor: null,
  own: null,
};

function signature({ id, key }: Person, entry = 100) {
  return { kid: key.kid, human: id, at: '2026-11-20T09:00:00.000Z', entry };
}

function progress(t: Team, requirement: Partial<Requirement>, ...by: readonly Person[]) {
  const signatures = by.map((person) => signature(person));
  return progressOf(t.broker.state, { ...ANY, ...requirement }, signatures);
}

/** As if the human signed with a passkey, which this version does not enrol. */
function verified(t: Team, { key }: Person): void {
  const present = t.broker.state.keys.get(key.kid);
  if (present === undefined) throw new Error('there is one');
  t.broker.state.keys.set(key.kid, { ...present, type: 'user-verified' });
}

describe('of a quorum', () => {
  test('so many have signed with user-verified keys', async () => {
    const t = await team();
    const two = { distinct: 2, among: ['approver'], userVerified: 2 } as const;
    expect(progress(t, two, t.alice, t.bob)).toMatchObject({
      met: false,
      missing: ['2 with a user-verified key'],
    });
    verified(t, t.alice);
    expect(progress(t, two, t.alice, t.bob).missing).toEqual(['1 with a user-verified key']);
    verified(t, t.bob);
    expect(progress(t, two, t.alice, t.bob)).toMatchObject({ met: true, missing: [] });
    // Who does not count for the quorum does not count for its keys.
    verified(t, t.dave);
    expect(progress(t, { ...two, userVerified: 3 }, t.alice, t.bob, t.dave).met).toBe(false);
  });

  test.each([Number.NaN, '2', undefined])('%s user-verified keys are never met', async (count) => {
    const t = await team();
    const requirement = Object.assign({ ...ANY }, { userVerified: count });
    const met = progressOf(t.broker.state, requirement, [signature(t.alice)]).met;
    expect(met).toBe(false);
  });

  test('each is missing by name, what there is is counted', async () => {
    const t = await team();
    const quorum = {
      distinct: 3,
      among: ['approver'],
      admin: true,
      groups: ['security'],
      sponsor: t.carol.id,
    } as const;
    expect(progress(t, quorum, t.bob, t.dave)).toEqual({
      met: false,
      have: 1,
      need: 3,
      counted: [t.bob.id],
      missing: [
        '2 more distinct human: approver',
        'an admin',
        'one of group security',
        'the sponsor carol',
      ],
    });
    expect(progress(t, { sponsor: t.agent }, t.bob).missing).toEqual(['the sponsor (unknown)']);
    expect(progress(t, { distinct: 2, among: ['admin'], admin: true }).missing).toEqual([
      '2 × admin',
    ]);
  });
});

test('who is frozen is named where they are missed, and nowhere else', async () => {
  const t = await team();
  for (const person of [t.bob, t.dave]) {
    const target = { kind: 'human', id: person.id };
    await t.broker.done(t.broker.draft('freeze', { target, reason: 'odd' }), t.alice.key);
  }
  const two = { distinct: 2 } as const;
  expect(progress(t, two, t.bob, t.dave, t.carol).missing).toEqual([
    '1 more distinct human: human',
    'frozen: bob, dave',
  ]);
  expect(progress(t, two, t.bob, t.alice, t.carol)).toMatchObject({ met: true, missing: [] });
  const counting = { distinct: 3, frozenCount: true } as const;
  expect(progress(t, counting, t.bob, t.alice).missing).toEqual(['1 more distinct human: human']);
  expect(progress(t, counting, t.bob, t.alice, t.dave).met).toBe(true);
});

describe('a signature counts', () => {
  test('from the entry after the one that gave its human the role, and not from that one', async () => {
    const t = await team();
    const since = t.broker.state.humans.get(t.bob.id)?.since['role/approver'] ?? -1;
    const counts = (entry: number) =>
      progressOf(t.broker.state, { ...ANY, among: ['approver'] }, [signature(t.bob, entry)]).met;
    expect([since - 1, since, since + 1].map(counts)).toEqual([false, false, true]);
  });

  test('for nothing, where it is not known since when its human has the role', async () => {
    const t = await team();
    const bob = t.broker.state.humans.get(t.bob.id);
    if (bob === undefined) throw new Error('there is one');
    t.broker.state.humans.set(bob.id, { ...bob, since: {} });
    expect(progress(t, { among: ['approver'] }, t.bob).met).toBe(false);
  });

  test('for the human who made it, whoever has the key since', async () => {
    const t = await team();
    const moved = { ...signature(t.bob), human: t.carol.id };
    expect(progressOf(t.broker.state, ANY, [moved])).toMatchObject({ met: false, have: 0 });
  });

  test('not for a human who may not sign it, and alone for the one whose own it is', async () => {
    const t = await team();
    expect(progress(t, { not: t.bob.id }, t.bob).met).toBe(false);
    expect(progress(t, { not: t.bob.id }, t.carol).met).toBe(true);
    expect(progress(t, { distinct: 2, own: t.bob.id }, t.dave, t.bob)).toEqual({
      met: true,
      have: 1,
      need: 1,
      counted: [t.bob.id],
      missing: [],
    });
    expect(progress(t, { distinct: 2, own: t.bob.id }, t.dave).met).toBe(false);
  });
});

test('whose signature could count at all', async () => {
  const t = await team();
  const could = (requirement: Partial<Requirement>, person: Person) => {
    const human = t.broker.state.humans.get(person.id);
    return human !== undefined && couldCount({ ...ANY, ...requirement }, human);
  };
  const quorum = { among: ['approver'], admin: true } as const;
  expect(could({}, t.dave)).toBe(true);
  expect(could({ not: t.dave.id }, t.dave)).toBe(false);
  expect(could(quorum, t.bob)).toBe(true);
  expect(could(quorum, t.erin)).toBe(true);
  expect(could({ ...quorum, admin: false }, t.erin)).toBe(false);
  expect(could(quorum, t.dave)).toBe(false);
  expect(couldCount({ ...ANY, ...quorum }, { id: 'x', roles: ['auditor', 'approver'] })).toBe(true);
  expect(could({ ...quorum, own: t.dave.id }, t.dave)).toBe(true);
  expect(could({ ...quorum, sponsor: t.dave.id }, t.dave)).toBe(true);
  expect(could({ ...quorum, own: t.dave.id, not: t.dave.id }, t.dave)).toBe(false);
});

test.each(['restore.accept', 'prune'] as const)(
  '%s takes two humans, admin or approver',
  async (kind) => {
    const t = await team();
    const common = { v: 1, id: t.agent, broker: null, issued_at: '', sign_by: '' } as const;
    const tree = { size: 1, root: '' };
    const requirement =
      kind === 'prune'
        ? requirementOf(t.broker.state, { ...common, kind, body: { before: '', reason: '' } })
        : requirementOf(t.broker.state, {
            ...common,
            kind,
            body: { mirror: tree, restored: tree, reason: '' },
          });
    expect(requirement).toMatchObject({ distinct: 2, among: ['admin', 'approver'] });
  },
);
