import { describe, expect, test } from 'vitest';
import { fold, grantStanding, judge } from '../src/index.ts';
import { type Body, CATALOG, environmentBody, permission } from './support/bodies.ts';
import { DAY, dangerousGrant, HOUR, instant, payloadOf, team } from './support/deployment.ts';
import { sha256, signed } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const MINUTE = 60_000;

describe('times', () => {
  test.each<[string, number, number, string, RegExp]>([
    ['sign_by at issued_at', 0, 0, 'invalid_request', /sign_by is after issued_at/],
    ['sign_by before issued_at', 0, -1, 'invalid_request', /sign_by is after issued_at/],
    ['more than seven days', 0, 7 * DAY + 1, 'invalid_request', /seven days at most/],
    ['issued in the future', 5 * MINUTE + 1, HOUR, 'invalid_request', /in the future/],
    ['too late', -2 * HOUR, HOUR, 'conflict', /time to sign this statement is over/],
    [
      'issued long ago, to be signed for ever',
      -30 * DAY,
      37 * DAY,
      'invalid_request',
      /seven days/,
    ],
  ])('refused: %s', async (_name, issued, life, code, words) => {
    const { broker, alice } = await team();
    const draft = broker.draft('environment.set', environmentBody('test', 'test'), {
      issued_at: instant(broker.now + issued),
      sign_by: instant(broker.now + issued + life),
    });
    expectRefusal(await broker.propose(draft, alice.key), code, words);
  });

  test.each<[string, number, number]>([
    ['seven days', 0, 7 * DAY],
    ['a clock five minutes ahead', 5 * MINUTE, HOUR],
    ['the last millisecond', -HOUR, HOUR],
  ])('accepted: %s', async (_name, issued, life) => {
    const { broker, alice } = await team();
    const draft = broker.draft('environment.set', environmentBody('test', 'test'), {
      issued_at: instant(broker.now + issued),
      sign_by: instant(broker.now + issued + life),
    });
    expectComplete(await broker.propose(draft, alice.key));
  });

  test('past sign_by it collects no more signatures', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    t.broker.now += DAY + 1;
    expectRefusal(await t.broker.sign(draft, t.bob.key), 'conflict', /time to sign.*is over/);
    expect(grantStanding(t.broker.state, draft.id, t.broker.now)?.status).toBe('lapsed');
    t.broker.now -= 1;
    expectComplete(await t.broker.sign(draft, t.bob.key));
  });

  test('an entry is after the one before it, in index and time', async () => {
    const { broker, alice } = await team();
    const payload = payloadOf(broker.draft('environment.set', environmentBody('test', 'test')));
    const entry = {
      index: broker.state.size,
      time: instant(broker.now),
      type: 'statement.proposed',
      body: { envelope: { payload, signatures: [signed(payload, alice.key)], assertions: [] } },
    } as const;
    const earlier = await fold(broker.state, { ...entry, index: entry.index - 1 });
    expect(earlier).toMatchObject({
      code: 'conflict',
      message: 'The entry is not after the last.',
    });
    const older = await fold(broker.state, { ...entry, time: instant(broker.now - 1) });
    expect(older).toMatchObject({ code: 'conflict', message: expect.stringMatching(/is older/) });
    // Decisions stand between authority entries, so indices have gaps.
    expect(await fold(broker.state, { ...entry, index: entry.index + 7 })).toBeNull();
    expect(broker.state.size).toBe(entry.index + 8);
  });
});

test('an error of the program is thrown, and not taken for a refusal', async () => {
  const { broker, alice } = await team();
  const payload = payloadOf(broker.draft('environment.set', environmentBody('x', 'x')));
  const body = { envelope: { payload, signatures: [signed(payload, alice.key)], assertions: [] } };
  const { size, time } = broker.state;
  const broken = Object.assign({ ...broker.state }, { statements: undefined });
  const entry = { index: size, time, type: 'statement.proposed', body } as const;
  await expect(judge(broken, entry)).rejects.toThrow(TypeError);
});

test('every kind of entry moves the state to its place and time', async () => {
  const t = await team();
  const { broker } = t;
  const freeze = broker.draft('freeze', { target: { kind: 'everything', id: null }, reason: 'x' });
  const remove = broker.draft('human.remove', { human: t.dave.id, reason: 'x' });
  for (const step of [
    () => broker.propose(freeze, t.bob.key),
    () => broker.sign(freeze, t.alice.key),
    () => broker.record({ ...CATALOG, operations: CATALOG.operations.slice(0, 1) }),
    () => broker.propose(remove, t.erin.key),
    () => broker.sign(remove, t.bob.key),
  ]) {
    const { size } = broker.state;
    broker.now += MINUTE;
    expect(await step()).toMatchObject({ ok: true });
    expect([broker.state.size, broker.state.time]).toEqual([size + 1, instant(broker.now)]);
  }
});

describe('played twice', () => {
  test('a statement, an hour later, by anyone', async () => {
    const { broker, alice, erin } = await team();
    const draft = broker.draft('environment.set', environmentBody('test', 'test'));
    expectComplete(await broker.propose(draft, alice.key));
    broker.now += HOUR;
    expectRefusal(await broker.propose(draft, alice.key), 'conflict', /id exists already/);
    expectRefusal(await broker.propose(draft, erin.key), 'conflict', /id exists already/);
    const other = { ...draft, body: environmentBody('other', 'test') };
    expectRefusal(await broker.propose(other, erin.key), 'conflict', /id exists already/);
    expectRefusal(await broker.sign(draft, erin.key), 'conflict', /complete; it collects no/);
  });

  test('a grant, after it was rejected or revoked', async () => {
    const t = await team();
    const { broker, alice, bob, dave } = t;
    const rejected = broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await broker.propose(rejected, alice.key), /1 more/);
    await broker.done(
      broker.draft('statement.reject', { statement: rejected.id, reason: 'no' }),
      dave.key,
    );
    expectRefusal(await broker.sign(rejected, bob.key), 'conflict', /rejected; it collects no/);
    const again = await broker.propose(rejected, alice.key, bob.key);
    expectRefusal(again, 'conflict', /id exists already/);
    expect(broker.state.grants.size).toBe(0);
    expect(grantStanding(broker.state, rejected.id, broker.now)?.status).toBe('rejected');

    const revoked = broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    await broker.done(revoked, alice.key, bob.key);
    await broker.done(broker.draft('grant.revoke', { grant: revoked.id, reason: 'x' }), bob.key);
    const replayed = await broker.propose(revoked, alice.key, bob.key);
    expectRefusal(replayed, 'conflict', /id exists already/);
    expect(grantStanding(broker.state, revoked.id, broker.now)?.status).toBe('revoked');
  });
});

describe('a signature says one thing, at one deployment', () => {
  test('moved to another statement', async () => {
    const t = await team();
    const harmless = payloadOf(t.broker.draft('environment.set', environmentBody('x', 'x')));
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    const moved = {
      statement: draft.id,
      signatures: [signed(harmless, t.bob.key)],
      assertions: [],
    };
    const outcome = await t.broker.feed('statement.signed', moved);
    expectRefusal(outcome, 'forbidden', /signature by bob does not verify/);
  });

  test.each<[string, Body]>([
    ['of more uses', { max_uses: 1000 }],
    ['with another reason', { reason: 'another reason' }],
  ])('kept for an altered statement %s', async (_name, change) => {
    const t = await team();
    const body = dangerousGrant(t, t.staging, DROP);
    const draft = t.broker.draft('grant.create', body);
    const signatures = [t.alice, t.bob].map((human) => signed(payloadOf(draft), human.key));
    const payload = payloadOf({ ...draft, body: { ...body, ...change } });
    const outcome = await t.broker.feed('statement.proposed', {
      envelope: { payload, signatures, assertions: [] },
    });
    expectRefusal(outcome, 'forbidden', /signature by alice does not verify/);
  });

  test('moved to another deployment', async () => {
    const t = await team();
    const draft = t.broker.draft('environment.set', environmentBody('x', 'x'), {
      broker: sha256('another genesis'),
    });
    const outcome = await t.broker.propose(draft, t.alice.key);
    expectRefusal(outcome, 'invalid_request', /another deployment/);
  });

  test('one bad signature among good ones refuses them all', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    const payload = payloadOf(draft);
    const bad = {
      ...signed(payload, t.carol.key),
      signature: signed('e30', t.carol.key).signature,
    };
    const outcome = await t.broker.feed('statement.proposed', {
      envelope: {
        payload,
        signatures: [signed(payload, t.alice.key), signed(payload, t.bob.key), bad],
        assertions: [],
      },
    });
    expectRefusal(outcome, 'forbidden', /signature by carol does not verify/);
  });
});

describe('statement.signed', () => {
  test.each<[string, Body, string, RegExp]>([
    [
      'no such statement',
      { statement: '01a1f82f-1e80-7000-8000-00000000ffff' },
      'not_found',
      /no such/,
    ],
    ['no signature', { signatures: [] }, 'invalid_request', /no signature in it/],
    ['an unknown member', { force: true }, 'invalid_request', /Unrecognized key/],
    [
      'a passkey assertion',
      {
        assertions: [
          { kid: sha256('x'), authenticator_data: 'AA', client_data: 'AA', signature: 'AA' },
        ],
      },
      'invalid_request',
      /assertions are not available/,
    ],
  ])('refused: %s', async (_name, change, code, words) => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    const body = {
      statement: draft.id,
      signatures: [signed(payloadOf(draft), t.bob.key)],
      assertions: [],
    };
    expectRefusal(await t.broker.feed('statement.signed', { ...body, ...change }), code, words);
  });
});

describe('statement.reject', () => {
  test('any human vetoes what waits, with their words; nothing else can be rejected', async () => {
    const t = await team();
    const { broker, dave } = t;
    const draft = broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await broker.propose(draft, t.alice.key), /1 more/);
    const reject = (statement: string) =>
      broker.draft('statement.reject', { statement, reason: 'too wide' });
    expectRefusal(await broker.propose(reject(draft.id), t.agentKey), 'forbidden', /no key/);
    expectComplete(await broker.propose(reject(draft.id), dave.key));
    expect(broker.state.statements.get(draft.id)).toMatchObject({
      status: 'rejected',
      rejection: { human: dave.id, reason: 'too wide' },
    });
    expectRefusal(await broker.propose(reject(draft.id), dave.key), 'conflict', /rejected already/);
    expectRefusal(await broker.propose(reject(t.agent), dave.key), 'conflict', /complete already/);
    expectRefusal(await broker.propose(reject(broker.newId()), dave.key), 'not_found', /no such/);
  });

  test('nobody vetoes their own removal, nor the revocation of their own key', async () => {
    const { broker, alice, bob, carol } = await team();
    const removal = broker.draft('human.remove', { human: carol.id, reason: 'x' });
    expectPending(await broker.propose(removal, alice.key), /1 more/);
    const revocation = broker.draft('key.revoke', { key: carol.key.kid, reason: 'x' });
    expectPending(await broker.propose(revocation, alice.key), /1 more/);
    for (const statement of [removal.id, revocation.id]) {
      const veto = () => broker.draft('statement.reject', { statement, reason: 'no' });
      expectRefusal(await broker.propose(veto(), carol.key), 'forbidden', /their own removal/);
      const hidden = await broker.propose(veto(), bob.key, carol.key);
      expectRefusal(hidden, 'forbidden', /their own removal/);
      expectComplete(await broker.propose(veto(), bob.key));
    }
  });
});
