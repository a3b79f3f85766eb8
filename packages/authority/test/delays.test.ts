import { describe, expect, test } from 'vitest';
import { delayed, emptyState, fold } from '../src/index.ts';
import { changeBody, codeOf, enrollBody, environmentBody, recoverBody } from './support/bodies.ts';
import { DAY, type Draft, HOUR, keys, type Person, type Team, team } from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';
import {
  expectComplete,
  expectCoolingOff,
  expectPending,
  expectRefusal,
} from './support/refusal.ts';
import { snapshot } from './support/snapshot.ts';

const [zoe, fresh] = [keyOf('zoe'), keyOf('bob, new laptop')];

interface Waiting {
  readonly draft: Draft;
  /** Milliseconds until it is due. */
  readonly due: number;
  /** Whose signature it cannot do without. */
  readonly signer: (t: Team) => Person;
}

/** The rule of staging, stricter by an hour, on its way back to what it was. */
async function loosened({ broker, staging, alice, bob }: Team): Promise<Draft> {
  const body = { ...environmentBody('staging', 'staging'), environment: staging };
  await broker.done(broker.draft('environment.set', { ...body, cool_off: 3600 }), alice.key);
  const draft = broker.draft('environment.set', body);
  expectCoolingOff(await broker.propose(draft, ...keys(alice, bob)));
  return draft;
}

const KINDS: readonly [string, (t: Team) => Promise<Waiting>][] = [
  [
    'a rule that is loosened',
    async (t) => ({ draft: await loosened(t), due: HOUR, signer: ({ alice }) => alice }),
  ],
  [
    'a recovery',
    async ({ broker, bob, erin }) => {
      const draft = broker.draft('recover', recoverBody(bob.id, fresh, codeOf('bob'), codeOf('x')));
      expectCoolingOff(await broker.propose(draft, fresh, codeOf('bob'), erin.key));
      return { draft, due: 72 * HOUR, signer: (t) => t.erin };
    },
  ],
  [
    'an enrolment on the slow path',
    async ({ broker, erin }) => {
      const draft = broker.draft('human.enroll', enrollBody('zoe', zoe, erin.id, ['approver']));
      expectPending(await broker.propose(draft, zoe, erin.key), /1 more/);
      return { draft, due: 30 * DAY, signer: (t) => t.erin };
    },
  ],
  [
    'a removal on the slow path',
    async ({ broker, erin, dave }) => {
      const draft = broker.draft('human.remove', { human: dave.id, reason: 'left' });
      expectPending(await broker.propose(draft, erin.key), /1 more/);
      return { draft, due: 30 * DAY, signer: (t) => t.erin };
    },
  ],
];

describe.each(KINDS)('the end of a delay: %s', (_kind, made) => {
  test('not a millisecond early, and once', async () => {
    const t = await team();
    const { draft, due } = await made(t);
    t.broker.now += due - 1;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /takes effect before/);
    t.broker.now += 1;
    expectComplete(await t.broker.takeEffect(draft.id));
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /does not wait for a time/);
  });

  test('late is as good: nobody need be there at the hour', async () => {
    const t = await team();
    const { draft, due } = await made(t);
    t.broker.now += due + 100 * DAY;
    expectComplete(await t.broker.takeEffect(draft.id));
  });

  test('not once a signer is frozen, and again once that freeze is lifted', async () => {
    const t = await team();
    const { draft, due, signer } = await made(t);
    const target = { kind: 'human', id: signer(t).id };
    const freeze = await t.broker.done(
      t.broker.draft('freeze', { target, reason: 'odd' }),
      t.carol.key,
    );
    t.broker.now += due;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /no longer suffice.*frozen/);
    await t.broker.done(t.broker.draft('unfreeze', { freeze, reason: 'all well' }), t.carol.key);
    expectComplete(await t.broker.takeEffect(draft.id));
  });

  test('not once the key of a signer is revoked', async () => {
    const t = await team();
    const { draft, due, signer } = await made(t);
    const revoke = t.broker.draft('key.revoke', { key: signer(t).key.kid, reason: 'stolen' });
    await t.broker.done(revoke, ...keys(t.bob, t.carol));
    t.broker.now += due;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /no longer suffice/);
  });

  test('not once it is rejected', async () => {
    const t = await team();
    const { draft, due } = await made(t);
    const body = { statement: draft.id, reason: 'no' };
    await t.broker.done(t.broker.draft('statement.reject', body), t.carol.key);
    t.broker.now += due;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /does not wait/);
  });

  test('who folds the ledger again comes to the same', async () => {
    const t = await team();
    const { draft, due } = await made(t);
    t.broker.now += due;
    expectComplete(await t.broker.takeEffect(draft.id));
    const again = emptyState();
    for (const entry of t.broker.ledger) expect(await fold(again, entry)).toBeNull();
    expect(snapshot(again)).toBe(snapshot(t.broker.state));
  });
});

describe('statement.effective', () => {
  test.each<[string, (t: Team) => Promise<string>, string, RegExp]>([
    ['nothing known', async (t) => t.broker.newId(), 'not_found', /no such statement/],
    ['what is complete', async (t) => t.agent, 'conflict', /does not wait for a time/],
    [
      'what waits for signatures',
      async (t) => {
        const draft = t.broker.draft('key.revoke', { key: t.bob.key.kid, reason: 'lost' });
        await t.broker.propose(draft, t.alice.key);
        return draft.id;
      },
      'conflict',
      /does not wait for a time/,
    ],
  ])('refused: %s', async (_name, made, code, words) => {
    const t = await team();
    const id = await made(t);
    t.broker.now += 365 * DAY;
    expectRefusal(await t.broker.takeEffect(id), code, words);
  });

  test.each([{}, { statement: 'x' }, { statement: null }, null])('refused: %j', async (body) => {
    const t = await team();
    expect(await t.broker.feed('statement.effective', body)).toMatchObject({
      ok: false,
      code: 'invalid_request',
    });
  });

  test('of several that wait, each has its own hour, the soonest first', async () => {
    const t = await team();
    const first = t.broker.draft('human.enroll', enrollBody('zoe', zoe, t.erin.id, ['approver']));
    await t.broker.propose(first, zoe, t.erin.key);
    t.broker.now += DAY;
    const second = t.broker.draft('human.enroll', changeBody(t.bob, t.erin.id, ['auditor']));
    await t.broker.propose(second, t.erin.key);
    const third = t.broker.draft('human.remove', { human: t.dave.id, reason: 'left' });
    await t.broker.propose(third, t.erin.key);
    const at = (days: number) => new Date(t.broker.now + days * DAY).toISOString();
    expect(delayed(t.broker.state)).toEqual([
      { statement: first.id, from: at(29) },
      { statement: second.id, from: at(30) },
      { statement: third.id, from: at(30) },
    ]);
    const staging = (await loosened(t)).id;
    expect(delayed(t.broker.state).map(({ statement }) => statement)).toEqual([
      staging,
      first.id,
      second.id,
      third.id,
    ]);
    t.broker.now += 29 * DAY;
    expectRefusal(await t.broker.takeEffect(second.id), 'conflict', /takes effect before/);
    expectComplete(await t.broker.takeEffect(first.id));
  });
});
