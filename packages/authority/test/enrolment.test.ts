import { describe, expect, test } from 'vitest';
import { type Body, enrollBody } from './support/bodies.ts';
import { Deployment, type Person, payloadOf, type Team, team } from './support/deployment.ts';
import { canonicalText, headerOf, keyOf, signed } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

describe('human.enroll', () => {
  test('one admin enrols while no second human ever was; the joiner is marked', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const draft = broker.draft(
      'human.enroll',
      enrollBody('bob', keyOf('bob'), alice.id, ['approver']),
    );
    expectPending(await broker.propose(draft, keyOf('bob')), /1 × admin; the sponsor alice/);
    expectComplete(await broker.sign(draft, alice.key));
    expect(broker.state.humans.get(draft.id)).toMatchObject({ vouchedByOne: true });
  });

  test('afterwards it takes two humans, even once the second is gone again', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const bob = await broker.enrol('bob', ['admin', 'approver'], [alice]);
    await broker.done(
      broker.draft('human.remove', { human: bob.id, reason: 'left' }),
      alice.key,
      bob.key,
    );
    const carol = keyOf('carol');
    const draft = broker.draft('human.enroll', enrollBody('carol', carol, alice.id, ['approver']));
    expectPending(await broker.propose(draft, carol, alice.key), /1 more distinct human/);
    expectRefusal(await broker.sign(draft, bob.key), 'forbidden', /no key that may sign/);
  });

  test('two humans vouch: the joiner is not marked', async () => {
    const { broker, carol } = await team();
    expect(broker.state.humans.get(carol.id)).toMatchObject({ vouchedByOne: false });
  });

  test.each<[string, (t: Team) => readonly Person[], RegExp]>([
    ['one admin alone', (t) => [t.alice], /1 more distinct human: admin or approver/],
    ['two humans without the sponsor', (t) => [t.bob, t.carol], /the sponsor alice/],
    ['an approver and an auditor', (t) => [t.alice, t.dave], /no role/],
  ])('%s do not suffice', async (_name, by, missing) => {
    const t = await team();
    const zoe = keyOf('zoe');
    const draft = t.broker.draft('human.enroll', enrollBody('zoe', zoe, t.alice.id, ['approver']));
    const outcome = await t.broker.propose(draft, zoe, ...by(t).map((person) => person.key));
    if (outcome.ok) expectPending(outcome, missing);
    else expectRefusal(outcome, 'forbidden', missing);
  });

  test('an auditor may vouch, and counts for nothing else', async () => {
    const { broker, alice, bob, dave } = await team();
    const zoe = keyOf('zoe');
    const draft = broker.draft('human.enroll', enrollBody('zoe', zoe, dave.id, ['auditor']));
    expectPending(await broker.propose(draft, zoe, dave.key, alice.key), /1 more distinct human/);
    expectComplete(await broker.sign(draft, bob.key));
  });

  const zoe = keyOf('zoe');
  test.each<[string, (t: Team) => Body, string, RegExp]>([
    ['a passkey', () => ({ key_type: 'user-verified' }), 'invalid_request', /key is not available/],
    ['a relying party', () => ({ rp: { id: 'x', origin: 'x' } }), 'invalid_request', /available/],
    [
      'a subject',
      () => ({ subject: 'zoe@example' }),
      'invalid_request',
      /subject is not available/,
    ],
    ['no role', () => ({ roles: [] }), 'invalid_request', /roles/],
    ['an unknown role', () => ({ roles: ['owner'] }), 'invalid_request', /roles/],
    ['a role twice', () => ({ roles: ['admin', 'admin'] }), 'invalid_request', /roles/],
    [
      'another fingerprint',
      () => ({ fingerprint: keyOf('eve').kid }),
      'invalid_request',
      /thumbprint/,
    ],
    ['a name in use', () => ({ name: 'bob' }), 'conflict', /bob is taken/],
    ['no such sponsor', (t) => ({ sponsor: t.agent }), 'not_found', /sponsor is not an enrolled/],
    ['no such human', (t) => ({ human: t.agent }), 'not_found', /no such enrolled human/],
    ['another name for bob', (t) => ({ human: t.bob.id }), 'invalid_request', /keeps their name/],
    [
      'another key for bob, and another role, without bob',
      (t) => ({ human: t.bob.id, name: 'bob', roles: ['admin', 'approver'] }),
      'forbidden',
      /bob is theirs alone to add/,
    ],
    [
      'a recovery code that is the key',
      () => ({ recovery: zoe.kid }),
      'invalid_request',
      /code stands for a key of its own/,
    ],
  ])('refused: %s', async (_name, change, code, words) => {
    const t = await team();
    const body = { ...enrollBody('zoe', zoe, t.alice.id, ['approver']), ...change(t) };
    const draft = t.broker.draft('human.enroll', body);
    expectRefusal(await t.broker.propose(draft, zoe, t.alice.key, t.bob.key), code, words);
  });

  test('refused: the new key itself did not sign', async () => {
    const { broker, alice, bob } = await team();
    const draft = broker.draft('human.enroll', enrollBody('zoe', zoe, alice.id, ['approver']));
    expectRefusal(await broker.propose(draft, alice.key, bob.key), 'forbidden', /possessed/);
  });

  test('refused: another key signs under the name of the new one', async () => {
    const { broker, alice, bob } = await team();
    const draft = broker.draft('human.enroll', enrollBody('zoe', zoe, alice.id, ['approver']));
    const payload = payloadOf(draft);
    const forged = signed(payload, keyOf('eve'), canonicalText(headerOf(zoe)));
    const signatures = [forged, signed(payload, alice.key), signed(payload, bob.key)];
    const outcome = await broker.feed('statement.proposed', {
      envelope: { payload, signatures, assertions: [] },
    });
    expectRefusal(outcome, 'forbidden', /signature of the new key does not verify/);
  });

  test('refused: the key of another human, enrolled, revoked or removed', async () => {
    const { broker, alice, bob, carol } = await team();
    const second = (key = bob.key) =>
      broker.draft('human.enroll', enrollBody('zoe', key, alice.id, ['approver']));
    const enrolled = await broker.propose(second(), bob.key, alice.key, carol.key);
    expectRefusal(enrolled, 'conflict', /is, or was, enrolled/);
    await broker.done(
      broker.draft('human.remove', { human: bob.id, reason: 'left' }),
      alice.key,
      carol.key,
    );
    const removed = await broker.propose(second(), bob.key, alice.key, carol.key);
    expectRefusal(removed, 'conflict', /is, or was, enrolled/);
  });

  test('refused: the key of an agent, which can never sign', async () => {
    const { broker, alice, bob, agentKey } = await team();
    const draft = broker.draft('human.enroll', enrollBody('zoe', agentKey, alice.id, ['approver']));
    const outcome = await broker.propose(draft, agentKey, alice.key, bob.key);
    expectRefusal(outcome, 'conflict', /belongs to an agent/);
  });

  test('refused: the name of a human who was removed', async () => {
    const { broker, alice, bob, carol } = await team();
    await broker.done(
      broker.draft('human.remove', { human: bob.id, reason: 'left' }),
      alice.key,
      carol.key,
    );
    const draft = broker.draft('human.enroll', enrollBody('bob', zoe, alice.id, ['approver']));
    const outcome = await broker.propose(draft, zoe, alice.key, carol.key);
    expectRefusal(outcome, 'conflict', /never reused/);
  });

  test('two proposals for one key or name: only the first to complete takes effect', async () => {
    const { broker, alice, bob } = await team();
    const first = broker.draft('human.enroll', enrollBody('zoe', zoe, alice.id, ['approver']));
    const second = broker.draft('human.enroll', enrollBody('zoe2', zoe, alice.id, ['approver']));
    expectPending(await broker.propose(first, zoe, alice.key), /1 more/);
    expectPending(await broker.propose(second, zoe, alice.key), /1 more/);
    expectComplete(await broker.sign(second, bob.key));
    const outcome = await broker.sign(first, bob.key);
    expectRefusal(outcome, 'conflict', /no longer take effect.*enrolled already/);
  });

  test('a sponsor removed meanwhile cannot complete it', async () => {
    const { broker, alice, bob, carol, erin } = await team();
    const draft = broker.draft('human.enroll', enrollBody('zoe', zoe, carol.id, ['approver']));
    expectPending(await broker.propose(draft, zoe, carol.key), /1 more/);
    await broker.done(
      broker.draft('human.remove', { human: carol.id, reason: 'left' }),
      alice.key,
      bob.key,
    );
    expectPending(await broker.sign(draft, alice.key), /1 more.*the sponsor carol/);
    expectPending(await broker.sign(draft, bob.key), /^the sponsor carol$/);
    expectPending(await broker.sign(draft, erin.key), /^the sponsor carol$/);
  });
});

describe('another key for oneself', () => {
  const newKey = keyOf('alice, second device');
  const body = (alice: Person) => ({
    ...enrollBody('alice', newKey, alice.id, ['admin', 'approver']),
    human: alice.id,
  });

  test('takes oneself alone while no second human ever was', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    await broker.done(broker.draft('human.enroll', body(alice)), newKey, alice.key);
    expect(broker.state.keys.get(newKey.kid)).toMatchObject({ human: alice.id });
    expect(broker.state.humans.size).toBe(1);
  });

  test('takes a second human afterwards, and the two keys count as one human', async () => {
    const { broker, alice, bob, carol } = await team();
    const draft = broker.draft('human.enroll', body(alice));
    expectPending(await broker.propose(draft, newKey, alice.key), /1 more distinct human/);
    expectComplete(await broker.sign(draft, bob.key));
    const removal = broker.draft('human.remove', { human: carol.id, reason: 'left' });
    const outcome = await broker.propose(removal, alice.key, newKey);
    expectRefusal(outcome, 'conflict', /second signature by the same human does not count/);
  });
});
