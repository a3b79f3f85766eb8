import { describe, expect, test } from 'vitest';
import { freezesOn, grantStanding, haltOf, isFrozenKey } from '../src/index.ts';
import { type Body, enrollBody, grantBody, permission } from './support/bodies.ts';
import {
  DAY,
  Deployment,
  type Draft,
  dangerousGrant,
  type Person,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf, type TestKey } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

type Target = Parameters<typeof freezesOn>[1];

const EVERYTHING: Target = { kind: 'everything', id: null };
const person = ({ id }: Person): Target => ({ kind: 'human', id });
const key = ({ kid }: TestKey): Target => ({ kind: 'key', id: kid });

function freeze(t: { broker: Deployment }, target: Body | Target): Draft {
  return t.broker.draft('freeze', { target, reason: 'something is wrong' });
}

function unfreeze(t: { broker: Deployment }, id: string): Draft {
  return t.broker.draft('unfreeze', { freeze: id, reason: 'it was nothing' });
}

function stands(t: { broker: Deployment }, target: Target): number {
  return freezesOn(t.broker.state, target).length;
}

async function frozen(t: Team, target: Target, by: Person): Promise<string> {
  return await t.broker.done(freeze(t, target), by.key);
}

async function secondKeyOf(t: Team, who: Person, ...by: Person[]): Promise<TestKey> {
  const second = keyOf(`${who.name}'s second`);
  const roles = [...(t.broker.state.humans.get(who.id)?.roles ?? [])];
  const body = { ...enrollBody(who.name, second, who.id, roles), human: who.id };
  const draft = t.broker.draft('human.enroll', body);
  await t.broker.done(draft, second, ...by.map((each) => each.key));
  return second;
}

describe('a freeze', () => {
  test.each(['alice', 'bob', 'dave', 'erin'] as const)(
    'takes effect on the word of %s, whatever their role',
    async (name) => {
      const t = await team();
      await frozen(t, EVERYTHING, t[name]);
      expect(stands(t, EVERYTHING)).toBe(1);
    },
  );

  test('stops what it names and nothing else, and the widest is the reason', async () => {
    const t = await team();
    const use = { environment: t.staging, connection: t.connection, agent: t.agent };
    const elsewhere = { environment: t.production, connection: undefined, agent: t.bob.id };
    const targets: Target[] = [
      { kind: 'agent', id: t.agent },
      { kind: 'connection', id: t.connection },
      { kind: 'environment', id: t.staging },
    ];
    for (const target of targets) {
      expect(haltOf(t.broker.state, elsewhere)).toBeNull();
      await frozen(t, target, t.bob);
      expect(haltOf(t.broker.state, use)?.target).toEqual(target);
    }
    await frozen(t, EVERYTHING, t.bob);
    expect(haltOf(t.broker.state, use)?.target).toEqual(EVERYTHING);
    expect(haltOf(t.broker.state, elsewhere)?.target).toEqual(EVERYTHING);
  });

  test.each<[string, (t: Team) => Body | Target, string, RegExp]>([
    ['an unknown environment', (t) => ({ kind: 'environment', id: t.agent }), 'not_found', /env/],
    ['an unknown connection', (t) => ({ kind: 'connection', id: t.agent }), 'not_found', /conn/],
    ['an unknown agent', (t) => ({ kind: 'agent', id: t.alice.id }), 'not_found', /agent/],
    ['an unknown human', (t) => ({ kind: 'human', id: t.agent }), 'not_found', /human/],
    ['an unknown key', () => key(keyOf('nobody')), 'not_found', /key/],
    ["an agent's key", (t) => key(t.agentKey), 'not_found', /key/],
    ['everything, by an id', (t) => ({ kind: 'everything', id: t.agent }), 'invalid_request', /id/],
    [
      'an environment without an id',
      () => ({ kind: 'environment', id: null }),
      'invalid_request',
      /id/,
    ],
    ['a kind there is not', () => ({ kind: 'grant', id: null }), 'invalid_request', /kind/],
  ])('of %s is refused', async (_name, target, code, words) => {
    const t = await team();
    const draft = freeze(t, target(t));
    const outcome = await t.broker.propose(draft, t.bob.key).catch((error: unknown) => error);
    expectRefusal(Object(outcome), code, words);
  });

  test('of what is over for good is refused', async () => {
    const t = await team();
    const reason = 'over';
    const { broker, alice, bob, carol } = t;
    await broker.done(broker.draft('agent.disable', { agent: t.agent, reason }), alice.key);
    await broker.done(
      broker.draft('human.remove', { human: bob.id, reason }),
      alice.key,
      carol.key,
    );
    const gone = { connection: t.connection, reason };
    await broker.done(broker.draft('connection.remove', gone), alice.key);
    for (const target of [
      { kind: 'agent', id: t.agent },
      { kind: 'connection', id: t.connection },
      person(bob),
      key(bob.key),
    ]) {
      expect(await broker.propose(freeze(t, target), alice.key)).toMatchObject({ ok: false });
    }
    expectRefusal(
      await broker.propose(freeze(t, { kind: 'agent', id: t.agent }), alice.key),
      'conflict',
      /Agent ci is disabled, for good/,
    );
  });
});

describe('lifting a freeze', () => {
  test('takes its author alone until another human has seconded it, then two', async () => {
    const t = await team();
    const first = await frozen(t, EVERYTHING, t.bob);
    expectPending(await t.broker.propose(unfreeze(t, first), t.carol.key), /1 more distinct/);
    expectComplete(await t.broker.propose(unfreeze(t, first), t.bob.key));
    expect(stands(t, EVERYTHING)).toBe(0);

    const draft = freeze(t, EVERYTHING);
    const second = await t.broker.done(draft, t.bob.key);
    expectComplete(await t.broker.sign(draft, t.dave.key));
    expect(t.broker.state.freezes.get(second)).toMatchObject({
      author: t.bob.id,
      secondedBy: t.dave.id,
    });
    const lift = unfreeze(t, second);
    expectPending(await t.broker.propose(lift, t.bob.key), /1 more distinct/);
    expect(stands(t, EVERYTHING)).toBe(1);
    expectComplete(await t.broker.sign(lift, t.carol.key));
    expect(stands(t, EVERYTHING)).toBe(0);
  });

  test('proposed with two signatures, a freeze is seconded from the start', async () => {
    const t = await team();
    const id = await t.broker.done(freeze(t, EVERYTHING), t.bob.key, t.carol.key);
    expectPending(await t.broker.propose(unfreeze(t, id), t.bob.key), /1 more distinct/);
  });

  test('is seconded once, by another, in its time, while it stands', async () => {
    const t = await team();
    const draft = freeze(t, EVERYTHING);
    await t.broker.done(draft, t.bob.key);
    expectRefusal(await t.broker.sign(draft, t.bob.key), 'conflict', /signed already/);
    expectRefusal(await t.broker.sign(draft), 'invalid_request', /no signature/);
    expectRefusal(await t.broker.sign(draft, keyOf('stranger')), 'forbidden', /may sign/);
    expectComplete(await t.broker.sign(draft, t.alice.key));
    expectRefusal(await t.broker.sign(draft, t.carol.key), 'conflict', /seconded this freeze/);

    const late = freeze(t, EVERYTHING);
    await t.broker.done(late, t.bob.key);
    t.broker.now += DAY + 1;
    expectRefusal(await t.broker.sign(late, t.alice.key), 'conflict', /time to sign/);

    const lifted = freeze(t, EVERYTHING);
    const id = await t.broker.done(lifted, t.bob.key);
    await t.broker.done(unfreeze(t, id), t.bob.key);
    expectRefusal(await t.broker.sign(lifted, t.alice.key), 'conflict', /lifted already/);
  });

  test('lifts that one only: the target stays frozen while another freeze on it stands', async () => {
    const t = await team();
    const first = await frozen(t, EVERYTHING, t.bob);
    const second = await frozen(t, EVERYTHING, t.carol);
    await t.broker.done(unfreeze(t, first), t.bob.key);
    expect(haltOf(t.broker.state, { environment: '', connection: '', agent: t.agent })?.id).toBe(
      second,
    );
    expectPending(await t.broker.propose(unfreeze(t, second), t.bob.key), /1 more/);
    await t.broker.done(unfreeze(t, second), t.carol.key);
    expect(haltOf(t.broker.state, { environment: '', connection: '', agent: t.agent })).toBeNull();
  });

  test('is refused twice, and for what is no freeze', async () => {
    const t = await team();
    const id = await frozen(t, EVERYTHING, t.bob);
    await t.broker.done(unfreeze(t, id), t.bob.key);
    expectRefusal(await t.broker.propose(unfreeze(t, id), t.bob.key), 'conflict', /lifted/);
    expectRefusal(await t.broker.propose(unfreeze(t, t.agent), t.bob.key), 'not_found', /freeze/);
  });

  test('a freeze of everything is no obstacle to it, to a veto, or to any statement', async () => {
    const t = await team();
    const id = await frozen(t, EVERYTHING, t.bob);
    const remove = t.broker.draft('human.remove', { human: t.dave.id, reason: 'left' });
    await t.broker.propose(remove, t.alice.key);
    const veto = t.broker.draft('statement.reject', { statement: remove.id, reason: 'no' });
    expectComplete(await t.broker.propose(veto, t.carol.key));
    expectComplete(await t.broker.propose(unfreeze(t, id), t.alice.key, t.carol.key));
  });
});

describe('a frozen human', () => {
  test('signs nothing: no proposal, no signature, no freeze, no second, no enrolment', async () => {
    const t = await team();
    const waiting = t.broker.draft('human.remove', { human: t.dave.id, reason: 'left' });
    await t.broker.propose(waiting, t.alice.key);
    const other = freeze(t, EVERYTHING);
    await t.broker.done(other, t.alice.key);
    await frozen(t, person(t.bob), t.alice);
    const { bob, broker } = t;
    const read = grantBody({ ...t, environment: t.staging }, [
      permission({ 'db:select': 'read' }, ['orders']),
    ]);
    const proposals = [
      freeze(t, person(t.alice)),
      broker.draft('human.remove', { human: bob.id, reason: 'I go' }),
      broker.draft('key.revoke', { key: bob.key.kid, reason: 'lost' }),
      broker.draft('grant.create', read),
    ];
    for (const draft of proposals) {
      expectRefusal(await broker.propose(draft, bob.key), 'forbidden', /bob is frozen/);
      expectRefusal(await broker.propose(draft, t.alice.key, bob.key), 'forbidden', /frozen/);
    }
    expectRefusal(await broker.sign(waiting, bob.key), 'forbidden', /bob is frozen/);
    expectRefusal(await broker.sign(other, bob.key), 'forbidden', /bob is frozen/);
  });

  test('keeps the veto, but not of their own removal or revocation', async () => {
    const t = await team();
    await frozen(t, person(t.bob), t.alice);
    const propose = async (kind: string, body: Body, by: Person): Promise<Draft> => {
      const draft = t.broker.draft(kind, body);
      await t.broker.propose(draft, by.key);
      return t.broker.draft('statement.reject', { statement: draft.id, reason: 'no' });
    };
    const reason = 'left';
    const another = await propose('human.remove', { human: t.dave.id, reason }, t.alice);
    expectComplete(await t.broker.propose(another, t.bob.key));
    const own = await propose('human.remove', { human: t.bob.id, reason }, t.alice);
    expectRefusal(await t.broker.propose(own, t.bob.key), 'forbidden', /own removal or revocation/);
    const key = await propose('key.revoke', { key: t.bob.key.kid, reason }, t.alice);
    expectRefusal(await t.broker.propose(key, t.bob.key), 'forbidden', /own removal or revocation/);
  });

  test('counts where a freeze is lifted, their own too, with one other', async () => {
    const t = await team();
    const id = await frozen(t, person(t.bob), t.alice);
    const lift = unfreeze(t, id);
    expectPending(await t.broker.propose(lift, t.bob.key), /1 more distinct human/);
    expectComplete(await t.broker.sign(lift, t.carol.key));
    expect(isFrozenKey(t.broker.state, t.bob.key.kid)).toBe(false);
  });

  test('an author whom somebody else froze lifts nothing alone, and one who froze themself does', async () => {
    const t = await team();
    const own = await frozen(t, { kind: 'environment', id: t.staging }, t.bob);
    await frozen(t, key(t.bob.key), t.alice);
    expectPending(await t.broker.propose(unfreeze(t, own), t.bob.key), /1 more distinct human/);
    const self = await frozen(t, person(t.carol), t.carol);
    expectRefusal(
      await t.broker.propose(freeze(t, EVERYTHING), t.carol.key),
      'forbidden',
      /frozen/,
    );
    expectComplete(await t.broker.propose(unfreeze(t, self), t.carol.key));
  });

  test('is whoever the key belongs to; a frozen key leaves the others of its human alone', async () => {
    const t = await team();
    const second = await secondKeyOf(t, t.bob, t.bob, t.alice);
    await frozen(t, key(t.bob.key), t.alice);
    expectRefusal(await t.broker.propose(freeze(t, EVERYTHING), t.bob.key), 'forbidden', /frozen/);
    expectComplete(await t.broker.propose(freeze(t, EVERYTHING), second));
    await frozen(t, person(t.bob), t.alice);
    expectRefusal(await t.broker.propose(freeze(t, EVERYTHING), second), 'forbidden', /frozen/);
  });
});

describe('a frozen signer of a delete-capable grant', () => {
  const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];

  test.each<[string, (t: Team) => Target]>([
    ['the human', ({ bob }) => person(bob)],
    ['the key', ({ bob }) => key(bob.key)],
  ])('%s: suspended while frozen, back without interruption', async (_name, target) => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    const grant = await t.broker.done(draft, t.alice.key, t.bob.key);
    const standing = () => grantStanding(t.broker.state, grant, t.broker.now);
    const id = await frozen(t, target(t), t.carol);
    expect(standing()).toMatchObject({
      status: 'suspended',
      reasons: [expect.stringMatching(/1 more distinct human: approver; frozen: bob/)],
    });
    await t.broker.done(unfreeze(t, id), t.carol.key);
    expect(standing()).toMatchObject({ status: 'active', reasons: [] });
  });

  test('one who is not needed: it stands', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    await t.broker.propose(draft, t.alice.key);
    await t.broker.sign(draft, t.bob.key);
    await frozen(t, person(t.carol), t.alice);
    expect(grantStanding(t.broker.state, draft.id, t.broker.now)?.status).toBe('active');
  });

  test('what is not delete-capable is judged once, so it stands', async () => {
    const t = await team();
    const read = [permission({ 'db:select': 'read' }, ['orders'])];
    const body = grantBody({ ...t, environment: t.staging }, read);
    const grant = await t.broker.done(t.broker.draft('grant.create', body), t.erin.key);
    await frozen(t, person(t.erin), t.alice);
    expect(grantStanding(t.broker.state, grant, t.broker.now)?.status).toBe('active');
  });

  test('frozen before it was complete: not counted, and on unfreeze a signer completes it afresh', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    await t.broker.propose(draft, t.alice.key);
    const id = await frozen(t, person(t.alice), t.carol);
    expectPending(await t.broker.sign(draft, t.bob.key), /1 more.*an admin; frozen: alice/);
    await t.broker.done(unfreeze(t, id), t.carol.key);
    expect(grantStanding(t.broker.state, draft.id, t.broker.now)?.status).toBe('waiting');
    expectComplete(await t.broker.sign(draft, t.bob.key));
    expect(grantStanding(t.broker.state, draft.id, t.broker.now)?.status).toBe('active');
  });
});

describe('nobody is locked out', () => {
  test('one who froze all others does not veto that they lift it; anybody else may', async () => {
    const t = await team();
    const [first] = [
      await frozen(t, person(t.alice), t.bob),
      await frozen(t, person(t.carol), t.bob),
    ];
    const veto = async (by: Person) => {
      const lift = unfreeze(t, first);
      await t.broker.propose(lift, t.alice.key);
      const draft = t.broker.draft('statement.reject', { statement: lift.id, reason: 'no' });
      return { lift, outcome: await t.broker.propose(draft, by.key) };
    };
    expectComplete((await veto(t.dave)).outcome);
    const { lift, outcome } = await veto(t.bob);
    expectRefusal(outcome, 'forbidden', /nor that a freeze of theirs is lifted/);
    expectComplete(await t.broker.sign(lift, t.carol.key));
    expectComplete(await t.broker.propose(freeze(t, person(t.bob)), t.alice.key));
  });

  async function two() {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const bob = await broker.enrol('bob', ['admin', 'approver'], [alice]);
    return { broker, alice, bob };
  }

  test('two who would freeze each other: the first does, and both together lift it', async () => {
    const t = await two();
    const id = await t.broker.done(freeze(t, person(t.bob)), t.alice.key);
    expectRefusal(
      await t.broker.propose(freeze(t, person(t.alice)), t.bob.key),
      'forbidden',
      /frozen/,
    );
    const lift = unfreeze(t, id);
    expectPending(await t.broker.propose(lift, t.bob.key), /1 more/);
    expectComplete(await t.broker.sign(lift, t.alice.key));
  });

  test('each frozen by the other, by key and by person: together they lift both', async () => {
    const t = await two();
    const second = keyOf("bob's second");
    const body = {
      ...enrollBody('bob', second, t.bob.id, ['admin', 'approver']),
      human: t.bob.id,
    };
    const enrol = t.broker.draft('human.enroll', body);
    await t.broker.done(enrol, second, t.bob.key, t.alice.key);
    const first = await t.broker.done(freeze(t, key(t.bob.key)), t.alice.key);
    const other = await t.broker.done(freeze(t, person(t.alice)), second);
    expectPending(await t.broker.propose(unfreeze(t, first), t.alice.key), /1 more/);
    for (const id of [first, other]) {
      expectComplete(await t.broker.propose(unfreeze(t, id), t.alice.key, t.bob.key));
    }
    expectComplete(await t.broker.propose(freeze(t, EVERYTHING), t.alice.key));
  });

  test('an only human who froze everything, or themself, lifts it', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    for (const target of [EVERYTHING, person(alice), key(alice.key)]) {
      const id = await broker.done(freeze({ broker }, target), alice.key);
      expectComplete(await broker.propose(unfreeze({ broker }, id), alice.key));
    }
  });

  test('of three, one leaves, whatever freezes stand', async () => {
    const t = await team();
    const draft = freeze(t, EVERYTHING);
    await t.broker.done(draft, t.bob.key);
    expect(await t.broker.sign(draft, t.alice.key)).toMatchObject({ ok: true, missing: '' });
    const remove = t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' });
    expectComplete(await t.broker.propose(remove, t.alice.key, t.carol.key));
  });

  test('of two, one leaves while the other could lift alone what stands, and not while it takes two', async () => {
    const t = await two();
    const remove = () => t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' });
    const both = await t.broker.done(freeze(t, EVERYTHING), t.alice.key, t.bob.key);
    const own = await t.broker.done(freeze(t, EVERYTHING), t.alice.key);
    expectRefusal(
      await t.broker.propose(remove(), t.alice.key, t.bob.key),
      'conflict',
      new RegExp(`lift the freeze ${both}`),
    );
    await t.broker.done(unfreeze(t, both), t.alice.key, t.bob.key);
    expectComplete(await t.broker.propose(remove(), t.alice.key, t.bob.key));
    expectComplete(await t.broker.propose(unfreeze(t, own), t.alice.key));
  });

  test('who has no key left is not there to lift anything', async () => {
    const t = await two();
    const carol = await t.broker.enrol('carol', ['approver'], [t.alice, t.bob]);
    const revoke = t.broker.draft('key.revoke', { key: carol.key.kid, reason: 'lost' });
    await t.broker.done(revoke, t.alice.key, t.bob.key);
    await t.broker.done(freeze(t, EVERYTHING), t.bob.key);
    const remove = t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' });
    const outcome = await t.broker.propose(remove, t.alice.key, t.bob.key);
    expectRefusal(outcome, 'conflict', /Nobody would be left to lift/);
  });

  test('a freeze of a key that is revoked since puts nobody in doubt', async () => {
    const t = await team();
    const second = await secondKeyOf(t, t.bob, t.bob, t.alice);
    const own = await t.broker.done(freeze(t, EVERYTHING), t.bob.key);
    await frozen(t, key(t.bob.key), t.alice);
    expectPending(await t.broker.propose(unfreeze(t, own), second), /1 more/);
    const revoke = t.broker.draft('key.revoke', { key: t.bob.key.kid, reason: 'lost' });
    await t.broker.done(revoke, t.alice.key, t.carol.key);
    expectComplete(await t.broker.propose(unfreeze(t, own), second));
  });

  test('nobody leaves behind a freeze that the last one could not lift', async () => {
    const t = await two();
    const id = await t.broker.done(freeze(t, EVERYTHING), t.bob.key);
    const remove = () => t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' });
    const revoke = () => t.broker.draft('key.revoke', { key: t.bob.key.kid, reason: 'lost' });
    for (const leave of [remove(), revoke()]) {
      const outcome = await t.broker.propose(leave, t.alice.key, t.bob.key);
      expectRefusal(outcome, 'conflict', /Nobody would be left to lift/);
    }
    await t.broker.done(unfreeze(t, id), t.bob.key);
    expectComplete(await t.broker.propose(remove(), t.alice.key, t.bob.key));
  });
});
