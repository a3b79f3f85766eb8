import { describe, expect, test } from 'vitest';
import { grantStanding, isFrozenKey } from '../src/index.ts';
import { type Body, changeBody, codeOf, permission, recoverBody } from './support/bodies.ts';
import {
  type Draft,
  dangerousGrant,
  HOUR,
  type Person,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf, type TestKey } from './support/device-keys.ts';
import {
  expectComplete,
  expectCoolingOff,
  expectPending,
  expectRefusal,
} from './support/refusal.ts';

const [fresh, other] = [keyOf('bob, new laptop'), keyOf('bob, another laptop')];
const code = codeOf('bob');
const [next, afterNext] = [codeOf('bob, next'), codeOf('bob, after next')];
const DELAY = 72 * HOUR;

function recovery(t: Team, change: Body = {}): Draft {
  return t.broker.draft('recover', { ...recoverBody(t.bob.id, fresh, code, next), ...change });
}

/** Countersigned by dave, an auditor, and waiting. */
async function waiting(t: Team): Promise<Draft> {
  const draft = recovery(t);
  expectCoolingOff(await t.broker.propose(draft, fresh, code, t.dave.key));
  return draft;
}

async function recovered(t: Team): Promise<Draft> {
  const draft = await waiting(t);
  t.broker.now += DELAY;
  expectComplete(await t.broker.takeEffect(draft.id));
  return draft;
}

const keysOf = ({ broker }: Team, human: string) =>
  [...broker.state.keys.values()]
    .filter((key) => key.human === human && key.revokedAt === null)
    .map(({ kid }) => kid);

describe('recover', () => {
  test.each<[string, (t: Team) => Person]>([
    ['an auditor', (t) => t.dave],
    ['an approver', (t) => t.carol],
    ['an admin', (t) => t.erin],
  ])('takes the code, the new key, %s, and 72 hours', async (_name, who) => {
    const t = await team();
    const draft = recovery(t);
    expectPending(await t.broker.propose(draft, fresh, code), /1 × human/);
    t.broker.now += HOUR;
    expectCoolingOff(await t.broker.sign(draft, who(t).key));
    expect(keysOf(t, t.bob.id)).toEqual([t.bob.key.kid]);
    t.broker.now += DELAY - 1;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /takes effect before/);
    t.broker.now += 1;
    expectComplete(await t.broker.takeEffect(draft.id));
    expect(keysOf(t, t.bob.id)).toEqual([fresh.kid]);
    expect(t.broker.state.humans.get(t.bob.id)).toMatchObject({
      roles: ['approver'],
      recovery: next.kid,
      removedAt: null,
    });
  });

  test.each<[string, (t: Team) => [Body, readonly TestKey[]], string, RegExp]>([
    [
      'a relying party',
      (t) => [{ rp: { id: 'x', origin: 'x' } }, [fresh, code, t.dave.key]],
      'invalid_request',
      /available/,
    ],
    ['the new key did not sign', (t) => [{}, [code, t.dave.key]], 'forbidden', /new key itself/],
    [
      'the code did not sign',
      (t) => [{}, [fresh, t.dave.key]],
      'forbidden',
      /recovery code itself/,
    ],
    [
      'the code of another human',
      (t) => [{ recovery_key: codeOf('carol').jwk }, [fresh, codeOf('carol'), t.dave.key]],
      'forbidden',
      /not the recovery code of bob/,
    ],
    [
      'another code under the name of theirs',
      (t) => [{ recovery_key: next.jwk }, [fresh, code, t.dave.key]],
      'forbidden',
      /not the recovery code of bob/,
    ],
    [
      'the same code next',
      (t) => [{ recovery: code.kid }, [fresh, code, t.dave.key]],
      'invalid_request',
      /used once/,
    ],
    [
      'the code as the new key',
      (t) => [{ key: code.jwk, fingerprint: code.kid }, [code, t.dave.key]],
      'invalid_request',
      /key of its own/,
    ],
    [
      'the new key as the next code',
      (t) => [{ recovery: fresh.kid }, [fresh, code, t.dave.key]],
      'invalid_request',
      /key of its own/,
    ],
    [
      'another fingerprint',
      (t) => [{ fingerprint: other.kid }, [fresh, code, t.dave.key]],
      'invalid_request',
      /thumbprint/,
    ],
    [
      'a key that was enrolled',
      (t) => [
        { key: t.carol.key.jwk, fingerprint: t.carol.key.kid },
        [code, t.carol.key, t.dave.key],
      ],
      'conflict',
      /is, or was, enrolled/,
    ],
    [
      'the key of an agent',
      (t) => [{ key: t.agentKey.jwk, fingerprint: t.agentKey.kid }, [code, t.agentKey, t.dave.key]],
      'conflict',
      /belongs to an agent/,
    ],
    [
      'a passkey',
      (t) => [{ key_type: 'user-verified' }, [fresh, code, t.dave.key]],
      'invalid_request',
      /not available/,
    ],
    [
      'nobody known',
      (t) => [{ human: t.agent }, [fresh, code, t.dave.key]],
      'not_found',
      /no such enrolled human/,
    ],
    [
      'countersigned by themself',
      (t) => [{}, [fresh, code, t.bob.key]],
      'forbidden',
      /no role whose signature counts/,
    ],
    [
      'countersigned by an agent',
      (t) => [{}, [fresh, code, t.agentKey]],
      'forbidden',
      /no key that may sign/,
    ],
  ])('refused: %s', async (_name, made, code_, words) => {
    const t = await team();
    const [change, by] = made(t);
    expectRefusal(await t.broker.propose(recovery(t, change), ...by), code_, words);
  });

  test('refused: countersigned by a second key of the same human', async () => {
    const t = await team();
    const body = { ...changeBody({ ...t.bob, key: other }, t.bob.id, ['approver']) };
    await t.broker.done(t.broker.draft('human.enroll', body), other, t.bob.key, t.alice.key);
    const outcome = await t.broker.propose(recovery(t), fresh, code, other);
    expectRefusal(outcome, 'forbidden', /no role whose signature counts/);
  });

  test('refused: of a human who was removed, also when they are while it waits', async () => {
    const t = await team();
    const draft = await waiting(t);
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' }),
      t.alice.key,
      t.carol.key,
    );
    t.broker.now += DELAY;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /no longer take effect/);
    const again = await t.broker.propose(recovery(t), fresh, code, t.dave.key);
    expectRefusal(again, 'not_found', /no such enrolled human/);
  });

  test.each<[string, (t: Team) => Person, boolean]>([
    ['the human in whose name it is', (t) => t.bob, false],
    ['that human, frozen', (t) => t.bob, true],
    ['an auditor', (t) => t.dave, false],
    ['anybody, frozen', (t) => t.carol, true],
  ])('%s vetoes it', async (_name, who, frozen) => {
    const t = await team();
    const draft = await waiting(t);
    if (frozen) {
      const target = { kind: 'human', id: who(t).id };
      await t.broker.done(t.broker.draft('freeze', { target, reason: 'odd' }), t.erin.key);
    }
    const veto = t.broker.draft('statement.reject', { statement: draft.id, reason: 'not me' });
    expectComplete(await t.broker.propose(veto, who(t).key));
    t.broker.now += DELAY;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /does not wait/);
    expect(keysOf(t, t.bob.id)).toEqual([t.bob.key.kid]);
  });

  test('the code is spent with it, and the next one is the one they chose', async () => {
    const t = await team();
    const first = await waiting(t);
    const second = recovery(t, { key: other.jwk, fingerprint: other.kid, recovery: afterNext.kid });
    expectCoolingOff(await t.broker.propose(second, other, code, t.dave.key));
    t.broker.now += DELAY;
    expectComplete(await t.broker.takeEffect(first.id));
    expectRefusal(await t.broker.takeEffect(second.id), 'conflict', /not the recovery code of bob/);
    expectRefusal(await t.broker.takeEffect(first.id), 'conflict', /does not wait/);
    const old = await t.broker.propose(
      recovery(t, { key: other.jwk, fingerprint: other.kid }),
      other,
      code,
      t.dave.key,
    );
    expectRefusal(old, 'forbidden', /not the recovery code of bob/);
    const draft = t.broker.draft('recover', recoverBody(t.bob.id, other, next, afterNext));
    expectCoolingOff(await t.broker.propose(draft, other, next, t.dave.key));
  });

  test('it ends the freezes on them and their keys, and no others', async () => {
    const t = await team();
    const freeze = async (kind: string, id: string) => {
      const target = { kind, id };
      return await t.broker.done(t.broker.draft('freeze', { target, reason: 'lost' }), t.erin.key);
    };
    const ends = [await freeze('human', t.bob.id), await freeze('key', t.bob.key.kid)];
    const stands = [await freeze('human', t.alice.id), await freeze('environment', t.staging)];
    await recovered(t);
    const { freezes } = t.broker.state;
    for (const id of ends) expect(freezes.get(id)?.liftedAt).not.toBeNull();
    for (const id of stands) expect(freezes.get(id)?.liftedAt).toBeNull();
    expect(isFrozenKey(t.broker.state, fresh.kid)).toBe(false);
  });

  test('what their old keys signed counts no more; what the new one signs does', async () => {
    const t = await team();
    const drops = [permission({ 'db:drop': 'delete' }, ['orders'])];
    const draft = await waiting(t);
    t.broker.now += DELAY - HOUR;
    const grant = () =>
      t.broker.draft('grant.create', dangerousGrant(t, t.staging, drops, { valid_for: 7200 }));
    const before = await t.broker.done(grant(), t.alice.key, t.bob.key);
    const half = grant();
    await t.broker.propose(half, t.bob.key);
    t.broker.now += HOUR;
    expectComplete(await t.broker.takeEffect(draft.id));
    expect(grantStanding(t.broker.state, before, t.broker.now)?.status).toBe('suspended');
    expectPending(await t.broker.sign(half, t.alice.key), /1 more distinct human: approver/);
    expectRefusal(
      await t.broker.propose(grant(), t.alice.key, t.bob.key),
      'forbidden',
      /no key that may sign/,
    );
    expectComplete(await t.broker.propose(grant(), t.alice.key, fresh));
  });

  test.each<[string, (t: Team) => Draft]>([
    ['removed', (t) => t.broker.draft('human.remove', { human: t.dave.id, reason: 'left' })],
    [
      'without the key',
      (t) => t.broker.draft('key.revoke', { key: t.dave.key.kid, reason: 'lost' }),
    ],
  ])('it takes no effect once whoever countersigned is %s', async (_name, made) => {
    const t = await team();
    const draft = await waiting(t);
    await t.broker.done(made(t), t.alice.key, t.carol.key);
    t.broker.now += DELAY;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /no longer suffice: 1 × human/);
  });
});
