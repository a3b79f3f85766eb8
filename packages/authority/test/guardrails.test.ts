import { describe, expect, test } from 'vitest';
import {
  decodeStatement,
  presentGuardrail,
  requirementOf,
  standingGuardrails,
} from '../src/index.ts';
import type { Body } from './support/bodies.ts';
import {
  type Draft,
  HOUR,
  instant,
  MINUTE,
  type Person,
  payloadOf,
  type Team,
  team,
} from './support/deployment.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const POLICY = 'forbid (principal, action, resource);';
const OTHER = 'forbid (principal, action, resource) when { context.hour < 6 };';

function add(t: Team, change: Body = {}): Draft {
  const body = { guardrail: null, name: 'code-freeze', policy: POLICY, reason: 'holidays' };
  return t.broker.draft('guardrail.add', { ...body, ...change });
}

function remove(t: Team, guardrail: string): Draft {
  return t.broker.draft('guardrail.remove', { guardrail, reason: 'over' });
}

/** Erin's, an admin. */
async function added(): Promise<{ t: Team; id: string }> {
  const t = await team();
  return { t, id: await t.broker.done(add(t), t.erin.key) };
}

const ACTS: readonly [string, (t: Team, id: string) => Draft][] = [
  ['changed', (t, id) => add(t, { guardrail: id, policy: OTHER })],
  ['removed', remove],
];

test('one admin adds one', async () => {
  const { t, id } = await added();
  expectRefusal(await t.broker.propose(add(t, { name: 'x' }), t.bob.key), 'forbidden', /no role/);
  expect(standingGuardrails(t.broker.state)).toMatchObject([
    { id, name: 'code-freeze', policy: POLICY, author: t.erin.id, removedAt: null },
  ]);
});

describe.each(ACTS)('one that stands is %s', (_what, made) => {
  test('by its author alone for a quarter of an hour, to the millisecond', async () => {
    const { t, id } = await added();
    t.broker.now += 15 * MINUTE;
    expectComplete(await t.broker.propose(made(t, id), t.erin.key));
    expect(presentGuardrail(t.broker.state, id)?.policy).not.toBe(POLICY);
  });

  test('by two humans afterwards', async () => {
    const { t, id } = await added();
    t.broker.now += 15 * MINUTE + 1;
    const draft = made(t, id);
    expectPending(await t.broker.propose(draft, t.erin.key), /1 more distinct human: admin or/);
    expectRefusal(await t.broker.sign(draft, t.dave.key), 'forbidden', /no role/);
    expectComplete(await t.broker.sign(draft, t.bob.key));
  });

  test.each<[string, (t: Team) => Person]>([
    ['another admin', (t) => t.alice],
    ['an approver', (t) => t.bob],
  ])('never by %s alone', async (_name, who) => {
    const { t, id } = await added();
    expectPending(await t.broker.propose(made(t, id), who(t).key), /1 more distinct human/);
  });

  test('a change that waited past the quarter of an hour is no longer its author’s alone', async () => {
    const { t, id } = await added();
    const draft = made(t, id);
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    t.broker.now += HOUR;
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.alice.id, reason: 'left' }),
      t.bob.key,
      t.carol.key,
    );
    expectPending(await t.broker.sign(draft, t.erin.key), /1 more distinct human/);
  });

  test('not while its author is frozen', async () => {
    const { t, id } = await added();
    const target = { kind: 'human', id: t.erin.id };
    await t.broker.done(t.broker.draft('freeze', { target, reason: 'odd' }), t.bob.key);
    expectRefusal(await t.broker.propose(made(t, id), t.erin.key), 'forbidden', /erin is frozen/);
  });
});

test('whoever does not say when hears what is true for ever: it takes two', async () => {
  const { t, id } = await added();
  for (const [, made] of ACTS) {
    const { statement } = decodeStatement(payloadOf(made(t, id)));
    const { state, now } = t.broker;
    expect(requirementOf(state, statement)).toMatchObject({ distinct: 2, own: null });
    expect(requirementOf(state, statement, instant(now))).toMatchObject({ own: t.erin.id });
  }
});

test('changing it again and again gives its author no more time', async () => {
  const { t, id } = await added();
  for (const policy of [OTHER, POLICY, OTHER]) {
    t.broker.now += 5 * MINUTE;
    await t.broker.done(add(t, { guardrail: id, policy }), t.erin.key);
  }
  t.broker.now += 1;
  const last = add(t, { guardrail: id, policy: POLICY });
  expectPending(await t.broker.propose(last, t.erin.key), /1 more/);
});

test('what two have changed is not one’s to take back', async () => {
  const { t, id } = await added();
  await t.broker.done(add(t, { guardrail: id, policy: OTHER }), t.alice.key, t.bob.key);
  for (const who of [t.erin, t.alice]) {
    expectPending(await t.broker.propose(remove(t, id), who.key), /1 more distinct human/);
  }
});

test('one that was removed comes back to nobody, and its name stays taken', async () => {
  const { t, id } = await added();
  await t.broker.done(remove(t, id), t.erin.key);
  expect(standingGuardrails(t.broker.state)).toEqual([]);
  const change = add(t, { guardrail: id, policy: OTHER });
  expectRefusal(await t.broker.propose(change, t.erin.key), 'not_found', /no such guardrail/);
  expectRefusal(
    await t.broker.propose(remove(t, id), t.erin.key),
    'not_found',
    /no such guardrail/,
  );
  expectRefusal(await t.broker.propose(add(t), t.erin.key), 'conflict', /never reused/);
});

test.each<[string, Body, string, RegExp]>([
  ['a name in use', {}, 'conflict', /code-freeze is taken/],
  ['no policy', { name: 'x', policy: '' }, 'invalid_request', /policy/],
  ['too long a policy', { name: 'x', policy: 'x'.repeat(16_385) }, 'invalid_request', /policy/],
])('refused: %s', async (_name, change, code, words) => {
  const { t } = await added();
  expectRefusal(await t.broker.propose(add(t, change), t.erin.key), code, words);
});

test('refused: another name for one that stands', async () => {
  const { t, id } = await added();
  const draft = add(t, { guardrail: id, name: 'other' });
  expectRefusal(await t.broker.propose(draft, t.erin.key), 'invalid_request', /keeps its name/);
});
