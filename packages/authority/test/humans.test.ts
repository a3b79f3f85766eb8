import { describe, expect, test } from 'vitest';
import { judge } from '../src/index.ts';
import { type Body, CATALOG, enrollBody, genesisBody } from './support/bodies.ts';
import { Deployment, instant, payloadOf, type Team, team } from './support/deployment.ts';
import { canonicalText, headerOf, keyOf, sha256, signed } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

describe('genesis', () => {
  const [anna, ledger, other] = [keyOf('anna'), keyOf('ledger'), keyOf('other')];

  test('makes the first human an admin and approver', async () => {
    const broker = new Deployment();
    const { id } = await broker.begin('anna');
    expect(broker.state.humans.get(id)).toMatchObject({
      name: 'anna',
      roles: ['admin', 'approver'],
      vouchedByOne: false,
    });
  });

  test.each<[string, Body, readonly (typeof anna)[], string, RegExp]>([
    ['a user-verified key', { key_type: 'user-verified' }, [anna], 'invalid_request', /available/],
    ['a relying party', { rp: { id: 'x', origin: 'x' } }, [anna], 'invalid_request', /available/],
    ['an identity provider', { identity_provider: 'x' }, [anna], 'invalid_request', /available/],
    ['another key signs', {}, [other], 'forbidden', /key genesis names/],
    ['nobody signs', {}, [], 'invalid_request', /signed once/],
    ['two sign', {}, [anna, other], 'invalid_request', /signed once/],
  ])('refused: %s', async (_name, change, by, code, words) => {
    const broker = new Deployment();
    const draft = broker.draft('genesis', { ...genesisBody('anna', anna, ledger), ...change });
    expectRefusal(await broker.propose(draft, ...by), code, words);
  });

  test('refused: signed by the key it names, under the name of another', async () => {
    const broker = new Deployment();
    const payload = payloadOf(broker.draft('genesis', genesisBody('anna', anna, ledger)));
    const signatures = [signed(payload, anna, canonicalText(headerOf(other)))];
    const outcome = await broker.feed('statement.proposed', {
      envelope: { payload, signatures, assertions: [] },
    });
    expectRefusal(outcome, 'forbidden', /key genesis names/);
  });

  test('is complete by the one signature, which is counted', async () => {
    const broker = new Deployment();
    const payload = payloadOf(broker.draft('genesis', genesisBody('anna', anna, ledger)));
    const body = { envelope: { payload, signatures: [signed(payload, anna)], assertions: [] } };
    const time = instant(broker.now);
    const entry = { index: 0, time, type: 'statement.proposed', body } as const;
    const judgement = await judge(broker.state, entry);
    if (!judgement.ok || judgement.statement === null) throw new Error('genesis is refused');
    const { statement, progress } = judgement;
    expect(progress).toEqual({ met: true, have: 1, need: 1, counted: [statement], missing: [] });
    judgement.apply();
    expect(broker.state.statements.get(statement)?.signatures).toEqual([
      { kid: anna.kid, human: statement, at: time, entry: 0 },
    ]);
  });

  test('nothing comes before it', async () => {
    const broker = new Deployment();
    const draft = broker.draft(
      'human.enroll',
      enrollBody('eve', other, broker.newId(), ['admin']),
      {
        broker: sha256('anything'),
      },
    );
    expectRefusal(await broker.propose(draft, other), 'invalid_request', /another deployment/);
    const catalog = { provider: 'db', operations: [] };
    expectRefusal(await broker.record(catalog), 'invalid_request', /operations/);
    expectRefusal(await broker.record(CATALOG), 'conflict', /Nothing is recorded before genesis/);
  });
});

describe('human.remove', () => {
  test('two humans, or oneself while two approvers are left; keys go with the human', async () => {
    const { broker, alice, bob, carol } = await team();
    const draft = broker.draft('human.remove', { human: carol.id, reason: 'left' });
    expectPending(await broker.propose(draft, bob.key), /1 more distinct human/);
    expectComplete(await broker.sign(draft, alice.key));
    expect(broker.state.keys.get(carol.key.kid)?.revokedAt).not.toBeNull();
    const own = broker.draft('human.remove', { human: bob.id, reason: 'leaving' });
    expectPending(await broker.propose(own, bob.key), /1 more distinct human/);
  });

  test('oneself alone when two approvers are left', async () => {
    const { broker, carol } = await team();
    const draft = broker.draft('human.remove', { human: carol.id, reason: 'leaving' });
    expectComplete(await broker.propose(draft, carol.key));
  });

  test.each<[string, (t: Team) => string, string, RegExp]>([
    ['no such human', (t) => t.agent, 'not_found', /no such enrolled human/],
    ['the last admin', (t) => t.alice.id, 'conflict', /Nobody would be left who is an admin/],
  ])('refused: %s', async (_name, human, code, words) => {
    const t = await team();
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.erin.id, reason: 'left' }),
      t.alice.key,
      t.bob.key,
    );
    const draft = t.broker.draft('human.remove', { human: human(t), reason: 'left' });
    expectRefusal(await t.broker.propose(draft, t.alice.key, t.bob.key), code, words);
  });

  test('refused: an auditor alone', async () => {
    const { broker, carol, dave } = await team();
    const draft = broker.draft('human.remove', { human: carol.id, reason: 'left' });
    expectRefusal(await broker.propose(draft, dave.key), 'forbidden', /no role/);
  });
});

describe('key.revoke', () => {
  test('one’s own alone while two approvers are left', async () => {
    const { broker, carol } = await team();
    const draft = broker.draft('key.revoke', { key: carol.key.kid, reason: 'lost' });
    expectComplete(await broker.propose(draft, carol.key));
    expect(broker.state.keys.get(carol.key.kid)?.revokedAt).not.toBeNull();
  });

  test('one’s own with another human when fewer than two approvers would be left', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const bob = await broker.enrol('bob', ['approver'], [alice]);
    const draft = broker.draft('key.revoke', { key: bob.key.kid, reason: 'lost' });
    expectPending(await broker.propose(draft, bob.key), /1 more distinct human/);
    expectComplete(await broker.sign(draft, alice.key));
  });

  test('one’s own alone, with two approvers and another key left', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const bob = await broker.enrol('bob', ['approver'], [alice]);
    const spare = keyOf('bob, second device');
    const body = { ...enrollBody('bob', spare, bob.id, ['approver']), human: bob.id };
    await broker.done(broker.draft('human.enroll', body), spare, bob.key, alice.key);
    const revoke = (key: string) => broker.draft('key.revoke', { key, reason: 'lost' });
    expectPending(await broker.propose(revoke(spare.kid), alice.key), /1 more distinct human/);
    expectComplete(await broker.propose(revoke(spare.kid), bob.key));
    expectPending(await broker.propose(revoke(bob.key.kid), bob.key), /1 more distinct human/);
  });

  test('another’s takes two humans', async () => {
    const { broker, alice, bob, carol } = await team();
    const draft = broker.draft('key.revoke', { key: carol.key.kid, reason: 'stolen' });
    expectPending(await broker.propose(draft, alice.key), /1 more distinct human/);
    expectComplete(await broker.sign(draft, bob.key));
  });

  test('refused: unknown, twice, and the last key of the last admin', async () => {
    const { broker, alice, bob, carol, erin } = await team();
    const revoke = (key: string) => broker.draft('key.revoke', { key, reason: 'lost' });
    const unknown = await broker.propose(revoke(keyOf('eve').kid), alice.key, bob.key);
    expectRefusal(unknown, 'not_found', /no such key/);
    await broker.done(revoke(carol.key.kid), alice.key, bob.key);
    const twice = await broker.propose(revoke(carol.key.kid), alice.key, bob.key);
    expectRefusal(twice, 'conflict', /revoked already/);
    await broker.done(revoke(erin.key.kid), alice.key, bob.key);
    const last = await broker.propose(revoke(alice.key.kid), alice.key, bob.key);
    expectRefusal(last, 'conflict', /last key of the last admin/);
  });

  test('of the last admin, all but the last', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const second = keyOf('alice, second device');
    const body = {
      ...enrollBody('alice', second, alice.id, ['admin', 'approver']),
      human: alice.id,
      recovery: null,
    };
    await broker.done(broker.draft('human.enroll', body), second, alice.key);
    const bob = await broker.enrol('bob', ['approver'], [alice]);
    const revoke = (key: string) => broker.draft('key.revoke', { key, reason: 'lost' });
    await broker.done(revoke(second.kid), alice.key, bob.key);
    const last = await broker.propose(revoke(alice.key.kid), alice.key, bob.key);
    expectRefusal(last, 'conflict', /last key of the last admin/);
    expectComplete(await broker.propose(revoke(bob.key.kid), alice.key, bob.key));
  });

  test('a revoked key signs nothing', async () => {
    const { broker, alice, bob, carol } = await team();
    await broker.done(
      broker.draft('key.revoke', { key: carol.key.kid, reason: 'lost' }),
      carol.key,
    );
    const draft = broker.draft('human.remove', { human: bob.id, reason: 'x' });
    const outcome = await broker.propose(draft, alice.key, carol.key);
    expectRefusal(outcome, 'forbidden', /no key that may sign/);
  });
});
