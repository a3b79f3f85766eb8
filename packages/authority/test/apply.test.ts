/** What each completed statement leaves in the state, to the last member: replicas and snapshots hold the same. */
import { describe, expect, test } from 'vitest';
import { digestOfDocument, grantStanding, signingHuman } from '../src/index.ts';
import {
  agentBody,
  changeBody,
  codeOf,
  connectionBody,
  environmentBody,
  permission,
  recoverBody,
} from './support/bodies.ts';
import {
  DAY,
  dangerousGrant,
  HOUR,
  instant,
  keys,
  MINUTE,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf, sha256 } from './support/device-keys.ts';

const [second, next] = [keyOf('bob, second device'), codeOf('bob, next')];
const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];

function bob({ broker, bob }: Team) {
  return broker.state.humans.get(bob.id);
}

describe('a human', () => {
  test('as enrolled, changed, and with another key', async () => {
    const t = await team();
    const { broker } = t;
    const began = instant(broker.now);
    const enrolled = bob(t)?.since['role/approver'] ?? -1;
    expect(bob(t)).toEqual({
      id: t.bob.id,
      name: 'bob',
      roles: ['approver'],
      groups: [],
      since: { 'role/approver': enrolled },
      recovery: codeOf('bob').kid,
      vouchedByOne: true,
      enrolledAt: began,
      removedAt: null,
    });
    broker.now += HOUR;
    const at = broker.state.size;
    const body = changeBody(t.bob, t.bob.id, ['admin', 'approver'], ['security']);
    const more = { ...body, key: second.jwk, fingerprint: second.kid };
    await broker.done(broker.draft('human.enroll', more), second, ...keys(t.bob, t.alice));
    expect(bob(t)).toEqual({
      id: t.bob.id,
      name: 'bob',
      roles: ['admin', 'approver'],
      groups: ['security'],
      since: { 'role/admin': at, 'role/approver': enrolled, 'group/security': at },
      recovery: codeOf('bob').kid,
      vouchedByOne: true,
      enrolledAt: began,
      removedAt: null,
    });
    expect(broker.state.keys.get(second.kid)).toEqual({
      kid: second.kid,
      human: t.bob.id,
      type: 'passphrase',
      jwk: second.jwk,
      addedAt: instant(broker.now),
      revokedAt: null,
    });
    expect(broker.state.keys.get(t.bob.key.kid)?.addedAt).toBe(began);
    expect(broker.state.names.get('human/bob')).toBe(t.bob.id);
  });

  test('as genesis made the first', async () => {
    const { broker, alice } = await team();
    expect(broker.state.humans.get(alice.id)).toEqual({
      id: alice.id,
      name: 'alice',
      roles: ['admin', 'approver'],
      groups: [],
      since: { 'role/admin': 0, 'role/approver': 0 },
      recovery: codeOf('alice').kid,
      vouchedByOne: false,
      enrolledAt: instant(broker.now),
      removedAt: null,
    });
    expect(broker.state.ledgerKey).toEqual(keyOf('ledger').jwk);
    expect(broker.state.names.get('human/alice')).toBe(alice.id);
  });

  test('as recovered: what was revoked before stays so since then, and no other human’s key is', async () => {
    const t = await team();
    const { broker } = t;
    const more = { ...changeBody(t.bob, t.bob.id, ['approver']), key: second.jwk };
    const enrol = broker.draft('human.enroll', { ...more, fingerprint: second.kid });
    await broker.done(enrol, second, ...keys(t.bob, t.alice));
    const revoke = broker.draft('key.revoke', { key: second.kid, reason: 'lost' });
    await broker.done(revoke, ...keys(t.bob, t.alice));
    const lost = instant(broker.now);
    const fresh = keyOf('bob, new laptop');
    const recovery = broker.draft('recover', recoverBody(t.bob.id, fresh, codeOf('bob'), next));
    await broker.propose(recovery, fresh, codeOf('bob'), t.dave.key);
    broker.now += 3 * DAY;
    await broker.takeEffect(recovery.id);
    const revoked = [t.bob.key, second, fresh, t.carol.key].map(
      ({ kid }) => broker.state.keys.get(kid)?.revokedAt,
    );
    expect(revoked).toEqual([instant(broker.now), lost, null, null]);
    expect(broker.state.keys.get(fresh.kid)).toMatchObject({
      human: t.bob.id,
      jwk: fresh.jwk,
      addedAt: instant(broker.now),
    });
    expect(bob(t)).toMatchObject({ recovery: next.kid, enrolledAt: lost });
  });

  test('as removed: their keys end then, those revoked before ended before, and others’ do not', async () => {
    const t = await team();
    const { broker } = t;
    await broker.done(
      broker.draft('key.revoke', { key: t.bob.key.kid, reason: 'lost' }),
      ...keys(t.alice, t.carol),
    );
    const lost = instant(broker.now);
    broker.now += MINUTE;
    for (const human of [t.bob.id, t.dave.id]) {
      const remove = broker.draft('human.remove', { human, reason: 'left' });
      await broker.done(remove, ...keys(t.alice, t.carol));
    }
    expect(bob(t)?.removedAt).toBe(instant(broker.now));
    const ended = [t.bob, t.dave, t.carol].map(
      ({ key }) => broker.state.keys.get(key.kid)?.revokedAt,
    );
    expect(ended).toEqual([lost, instant(broker.now), null]);
    expect(signingHuman(broker.state, t.dave.key.kid)).toBeNull();
    expect(signingHuman(broker.state, t.carol.key.kid)?.name).toBe('carol');
  });
});

describe('an object', () => {
  test('an environment, made and changed', async () => {
    const { broker, alice, staging } = await team();
    const rule = environmentBody('staging', 'staging');
    const state = () => broker.state.environments.get(staging);
    expect(state()).toEqual({ id: staging, name: 'staging', rule });
    const stricter = { ...rule, environment: staging, quorum: 3 };
    await broker.done(broker.draft('environment.set', stricter), alice.key);
    expect(state()).toEqual({ id: staging, name: 'staging', rule: stricter });
    expect(broker.state.names.get('environment/staging')).toBe(staging);
  });

  test('an agent, registered, with another credential, and disabled', async () => {
    const { broker, alice, agent, agentKey } = await team();
    const { auth } = agentBody('ci', agentKey);
    const present = {
      id: agent,
      name: 'ci',
      auth,
      credentials: [agentKey.kid],
      requireDpop: false,
      disabledAt: null,
    };
    expect(broker.state.agents.get(agent)).toEqual(present);
    expect(broker.state.names.get('agent/ci')).toBe(agent);
    const other = agentBody('ci', second)['auth'];
    const body = { agent, auth: other, require_dpop: true, reason: 'rotation' };
    await broker.done(broker.draft('agent.credential.set', body), alice.key);
    const changed = { ...present, auth: other, credentials: [second.kid], requireDpop: true };
    expect(broker.state.agents.get(agent)).toEqual(changed);
    await broker.done(broker.draft('agent.disable', { agent, reason: 'over' }), alice.key);
    const disabledAt = instant(broker.now);
    expect(broker.state.agents.get(agent)).toEqual({ ...changed, disabledAt });
  });

  test('a connection, with all it was before, and since when', async () => {
    const { broker, alice, connection, production, staging } = await team();
    const mapping = { [production]: ['prod-1'], [staging]: ['stage-1'] };
    const [first, began] = [connectionBody('main', mapping), instant(broker.now)];
    const state = () => broker.state.connections.get(connection);
    expect(state()).toEqual({
      id: connection,
      name: 'main',
      body: first,
      setBy: connection,
      since: began,
      former: [],
      removedAt: null,
    });
    broker.now += HOUR;
    const rotated = { ...first, connection, credential: sha256('anew') };
    const rotation = await broker.done(broker.draft('connection.set', rotated), alice.key);
    const turned = instant(broker.now);
    broker.now += HOUR;
    const fewer = { ...rotated, mapping: { [production]: ['prod-1'] } };
    await broker.done(broker.draft('connection.set', fewer), alice.key);
    const present = {
      id: connection,
      name: 'main',
      body: fewer,
      setBy: rotation,
      since: instant(broker.now),
      former: [
        { body: first, setBy: connection, since: began, until: turned },
        { body: rotated, setBy: rotation, since: turned, until: instant(broker.now) },
      ],
      removedAt: null,
    };
    expect(state()).toEqual(present);
    expect(broker.state.mapped.has('stage-1')).toBe(false);
    expect(broker.state.everMapped).toEqual(
      new Map([
        ['prod-1', [production]],
        ['stage-1', [staging]],
      ]),
    );
    const body = { connection, reason: 'over' };
    await broker.done(broker.draft('connection.remove', body), alice.key);
    expect(state()).toEqual({ ...present, removedAt: instant(broker.now) });
    expect(broker.state.mapped.size).toBe(0);
    expect(broker.state.names.get('connection/main')).toBe(connection);
  });

  test('what is mapped by others stays, whoever changes or goes', async () => {
    const { broker, alice, connection, production } = await team();
    const other = connectionBody('other', { [production]: ['other-1'] });
    const id = await broker.done(broker.draft('connection.set', other), alice.key);
    const body = { connection, reason: 'over' };
    await broker.done(broker.draft('connection.remove', body), alice.key);
    expect([...broker.state.mapped]).toEqual([
      ['other-1', { connection: id, environment: production }],
    ]);
  });

  test('a grant, from the end of its cool-off for as long as it says', async () => {
    const t = await team();
    const { broker, staging } = t;
    const rule = { ...environmentBody('staging', 'staging'), environment: staging, cool_off: 60 };
    await broker.done(broker.draft('environment.set', rule), t.alice.key);
    const body = dangerousGrant(t, staging, DROP);
    const [one, two] = [broker.draft('grant.create', body), broker.draft('grant.create', body)];
    await broker.done(one, ...keys(t.alice, t.bob));
    await broker.done(two, ...keys(t.alice, t.bob));
    const from = broker.now + MINUTE;
    const present = {
      id: one.id,
      body,
      completedAt: broker.now,
      from,
      until: from + HOUR,
      unpinnedAt: null,
    };
    expect(broker.state.grants.get(one.id)).toEqual({ ...present, revokedAt: null });
    expect(broker.state.grantsOfAgent.get(t.agent)).toEqual([one.id, two.id]);
    await broker.done(broker.draft('grant.revoke', { grant: one.id, reason: 'x' }), t.dave.key);
    const revokedAt = instant(broker.now);
    expect(broker.state.grants.get(one.id)).toEqual({ ...present, revokedAt });
    expect(grantStanding(broker.state, two.id, broker.now)).toEqual({
      status: 'cooling_off',
      reasons: ['its cool-off is not over'],
      deleteCapable: true,
    });
  });

  test('a freeze, seconded and lifted', async () => {
    const { broker, alice, bob, carol } = await team();
    const target = { kind: 'everything', id: null };
    const draft = broker.draft('freeze', { target, reason: 'odd' });
    const id = await broker.done(draft, bob.key);
    const present = {
      id,
      target,
      reason: 'odd',
      author: bob.id,
      at: instant(broker.now),
      secondedBy: null,
      liftedAt: null,
    };
    expect(broker.state.freezes.get(id)).toEqual(present);
    broker.now += MINUTE;
    await broker.sign(draft, carol.key);
    expect(broker.state.freezes.get(id)).toEqual({ ...present, secondedBy: carol.id });
    const signatures = broker.state.statements.get(id)?.signatures ?? [];
    expect(signatures.map(({ human }) => human)).toEqual([bob.id, carol.id]);
    const lift = broker.draft('unfreeze', { freeze: id, reason: 'well' });
    await broker.done(lift, ...keys(alice, carol));
    const liftedAt = instant(broker.now);
    expect(broker.state.freezes.get(id)).toEqual({ ...present, secondedBy: carol.id, liftedAt });
    expect(broker.state.frozen.size).toBe(0);
  });

  test('a guardrail, made, changed by two, and removed', async () => {
    const { broker, alice, bob, erin } = await team();
    const body = { guardrail: null, name: 'g', policy: 'forbid (a);', reason: 'x' };
    const id = await broker.done(broker.draft('guardrail.add', body), erin.key);
    const present = {
      id,
      name: 'g',
      policy: 'forbid (a);',
      reason: 'x',
      author: erin.id,
      at: instant(broker.now),
      soleUntil: instant(broker.now + 15 * MINUTE),
      removedAt: null,
    };
    expect(broker.state.guardrails.get(id)).toEqual(present);
    broker.now += MINUTE;
    const more = { ...body, guardrail: id, policy: 'forbid (b);', reason: 'y' };
    await broker.done(broker.draft('guardrail.add', more), ...keys(alice, bob));
    const at = instant(broker.now);
    const changed = { policy: 'forbid (b);', reason: 'y', author: alice.id, at, soleUntil: null };
    expect(broker.state.guardrails.get(id)).toEqual({ ...present, ...changed });
    const remove = broker.draft('guardrail.remove', { guardrail: id, reason: 'z' });
    await broker.done(remove, ...keys(alice, bob));
    expect(broker.state.guardrails.get(id)).toEqual({ ...present, ...changed, removedAt: at });
    expect(broker.state.names.get('guardrail/g')).toBe(id);
  });
});

describe('the record of a statement', () => {
  test('says who signed in which entry, what it was proposed on, and when it was settled', async () => {
    const t = await team();
    const { broker, staging } = t;
    const rule = { ...environmentBody('staging', 'staging'), environment: staging, cool_off: 60 };
    await broker.done(broker.draft('environment.set', rule), t.alice.key);
    const before = broker.state.changedBy.get(staging);
    const draft = broker.draft('environment.set', { ...rule, cool_off: 0 });
    const [at, entry] = [instant(broker.now), broker.state.size];
    await broker.propose(draft, t.bob.key);
    const signed = { kid: t.bob.key.kid, human: t.bob.id, at, entry };
    const record = () => broker.state.statements.get(draft.id);
    expect(record()).toMatchObject({
      status: 'pending',
      signatures: [signed],
      proposedAt: at,
      basis: before,
      settledAt: null,
      effectiveFrom: null,
      rejection: null,
    });
    expect([...broker.state.unsettled.keys()]).toEqual([draft.id]);
    broker.now += MINUTE;
    await broker.sign(draft, t.alice.key);
    const [later, from] = [instant(broker.now), instant(broker.now + MINUTE)];
    const last = { kid: t.alice.key.kid, human: t.alice.id, at: later, entry: entry + 1 };
    const settled = { signatures: [signed, last], proposedAt: at, basis: before };
    expect(record()).toMatchObject({
      ...settled,
      status: 'cooling_off',
      settledAt: later,
      effectiveFrom: from,
    });
    expect(broker.state.unsettled.has(draft.id)).toBe(true);
    broker.now += HOUR;
    await broker.takeEffect(draft.id);
    expect(record()).toMatchObject({
      ...settled,
      status: 'complete',
      settledAt: instant(broker.now),
      effectiveFrom: from,
    });
    expect(broker.state.unsettled.size).toBe(0);
    expect(broker.state.changedBy.get(staging)).toBe(draft.id);
    expect([broker.state.size, broker.state.time]).toEqual([entry + 3, instant(broker.now)]);
  });

  test('of one that was rejected waits for nothing more', async () => {
    const t = await team();
    const { broker } = t;
    const draft = broker.draft('human.remove', { human: t.bob.id, reason: 'x' });
    await broker.propose(draft, t.erin.key);
    broker.now += MINUTE;
    const veto = broker.draft('statement.reject', { statement: draft.id, reason: 'no' });
    await broker.done(veto, t.dave.key);
    expect(broker.state.statements.get(draft.id)).toMatchObject({
      status: 'rejected',
      settledAt: instant(broker.now),
      effectiveFrom: null,
      rejection: { human: t.dave.id, reason: 'no' },
    });
    expect(broker.state.unsettled.size).toBe(0);
  });
});

test('what was accepted of a connection is known by object, ascending', async () => {
  const { broker, alice, bob, connection } = await team();
  const escapes = ['a', 'b', 'c'].map((object) => ({ object, digest: sha256(object) }));
  const body = { connection, escapes, reason: 'needed' };
  await broker.done(broker.draft('escape.accept', body), ...keys(alice, bob));
  expect([...(broker.state.acceptedEscapes.get(connection) ?? [])]).toEqual(
    escapes.map(({ object, digest }) => [object, digest]),
  );
  expect(digestOfDocument(escapes[0])).toBe(sha256(`{"digest":"${sha256('a')}","object":"a"}`));
});
