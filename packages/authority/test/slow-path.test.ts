import { describe, expect, test } from 'vitest';
import { delayed } from '../src/index.ts';
import { changeBody, enrollBody } from './support/bodies.ts';
import { DAY, Deployment, type Draft, type Person, type Team, team } from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const zoe = keyOf('zoe');

function enrolment(t: Team, sponsor: Person = t.erin, change: object = {}): Draft {
  const body = { ...enrollBody('zoe', zoe, sponsor.id, ['approver']), ...change };
  return t.broker.draft('human.enroll', body);
}

function removal(t: Team): Draft {
  return t.broker.draft('human.remove', { human: t.bob.id, reason: 'cannot be reached' });
}

describe('the slow path: one admin, thirty days, and nobody who vetoes', () => {
  test('enrols a human, who is marked as vouched for by one', async () => {
    const t = await team();
    const draft = enrolment(t);
    expectPending(await t.broker.propose(draft, zoe, t.erin.key), /1 more distinct human/);
    const from = new Date(t.broker.now + 30 * DAY).toISOString();
    expect(delayed(t.broker.state)).toEqual([{ statement: draft.id, from }]);
    t.broker.now += 30 * DAY - 1;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /takes effect before/);
    t.broker.now += 1;
    expectComplete(await t.broker.takeEffect(draft.id));
    expect(t.broker.state.humans.get(draft.id)).toMatchObject({ name: 'zoe', vouchedByOne: true });
  });

  test('removes one', async () => {
    const t = await team();
    const draft = removal(t);
    await t.broker.propose(draft, t.erin.key);
    t.broker.now += 30 * DAY;
    expectComplete(await t.broker.takeEffect(draft.id));
    expect(t.broker.state.keys.get(t.bob.key.kid)?.revokedAt).not.toBeNull();
  });

  test('changes one who is enrolled, and marks them, too', async () => {
    const t = await team();
    expect(t.broker.state.humans.get(t.carol.id)?.vouchedByOne).toBe(false);
    const body = changeBody(t.carol, t.erin.id, ['admin', 'approver']);
    const draft = t.broker.draft('human.enroll', body);
    await t.broker.propose(draft, t.erin.key);
    t.broker.now += 30 * DAY;
    expectComplete(await t.broker.takeEffect(draft.id));
    expect(t.broker.state.humans.get(t.carol.id)).toMatchObject({
      roles: ['admin', 'approver'],
      vouchedByOne: true,
    });
  });

  test('what the first human changes of themself, alone as yet, marks nobody', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const body = changeBody(alice, alice.id, ['admin', 'approver'], ['security']);
    await broker.done(broker.draft('human.enroll', body), alice.key);
    expect(broker.state.humans.get(alice.id)).toMatchObject({
      groups: ['security'],
      vouchedByOne: false,
    });
  });

  test.each<[string, (t: Team) => Draft, (t: Team) => readonly Person[], RegExp]>([
    ['approvers are no admin', (t) => enrolment(t, t.bob), (t) => [t.bob], /1 × admin/],
    ['the sponsor has to sign', (t) => enrolment(t, t.bob), (t) => [t.erin], /the sponsor bob/],
    ['an approver removes nobody', removal, (t) => [t.carol], /1 × admin/],
  ])('%s', async (_name, made, by, missing) => {
    const t = await team();
    const draft = made(t);
    const joiner = draft.kind === 'human.enroll' ? [zoe] : [];
    await t.broker.propose(draft, ...joiner, ...by(t).map(({ key }) => key));
    expect(delayed(t.broker.state)).toEqual([]);
    t.broker.now += 30 * DAY;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', missing);
  });

  test.each<[string, (t: Team) => Person]>([
    ['an auditor', (t) => t.dave],
    ['its author', (t) => t.erin],
  ])('%s vetoes it, though it collects signatures no more', async (_name, who) => {
    const t = await team();
    const draft = enrolment(t);
    await t.broker.propose(draft, zoe, t.erin.key);
    t.broker.now += 29 * DAY;
    expectRefusal(await t.broker.sign(draft, t.alice.key), 'conflict', /time to sign.*is over/);
    await t.broker.done(
      t.broker.draft('statement.reject', { statement: draft.id, reason: 'who is zoe?' }),
      who(t).key,
    );
    t.broker.now += DAY;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /does not wait/);
  });

  test('nobody vetoes their own removal', async () => {
    const t = await team();
    const draft = removal(t);
    await t.broker.propose(draft, t.erin.key);
    const veto = t.broker.draft('statement.reject', { statement: draft.id, reason: 'I stay' });
    expectRefusal(await t.broker.propose(veto, t.bob.key), 'forbidden', /their own removal/);
    expectComplete(await t.broker.propose(veto, t.dave.key));
  });

  test('it is for humans alone: no rule, no key, no grant comes by waiting', async () => {
    const t = await team();
    const drafts = [
      t.broker.draft('key.revoke', { key: t.bob.key.kid, reason: 'stolen' }),
      t.broker.draft('escape.accept', {
        connection: t.connection,
        escapes: [{ object: 'f()', digest: zoe.kid }],
        reason: 'needed',
      }),
    ];
    for (const draft of drafts) expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    t.broker.now += 400 * DAY;
    for (const draft of drafts) {
      expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /does not wait for a time/);
    }
  });
});
