import { describe, expect, test } from 'vitest';
import { grantStanding, isFormerKey, registeredKeys } from '../src/index.ts';
import { agentBody, type Body, enrollBody, grantBody, permission } from './support/bodies.ts';
import { type Draft, dangerousGrant, type Team, team } from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const [fresh, spare] = [keyOf('agent, fresh'), keyOf('agent, spare')];

function rekey(t: Team, keys: readonly { readonly jwk: unknown }[], change: Body = {}): Draft {
  const { auth, require_dpop } = agentBody('ci', ...keys);
  const body = { agent: t.agent, auth, require_dpop, reason: 'rotation', ...change };
  return t.broker.draft('agent.credential.set', body);
}

const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const READ = [permission({ 'db:select': 'read' }, ['orders'])];

describe('agent.credential.set', () => {
  test('takes one admin, and replaces how the agent signs in', async () => {
    const t = await team();
    expectRefusal(await t.broker.propose(rekey(t, [fresh]), t.bob.key), 'forbidden', /no role/);
    expectComplete(await t.broker.propose(rekey(t, [fresh, spare]), t.erin.key));
    const agent = t.broker.state.agents.get(t.agent);
    expect(registeredKeys(agent)).toEqual([fresh.kid, spare.kid].sort());
    expect(agent).toMatchObject({ name: 'ci', disabledAt: null });
  });

  test.each<[string, (t: Team) => Draft, string, RegExp]>([
    ['a human’s key', (t) => rekey(t, [t.bob.key]), 'conflict', /human or another agent/],
    ['another agent’s key', (t) => rekey(t, [spare]), 'conflict', /human or another agent/],
    ['one key twice', (t) => rekey(t, [fresh, fresh]), 'invalid_request', /same key/],
    ['no key', (t) => rekey(t, []), 'invalid_request', /keys/],
    ['three keys', (t) => rekey(t, [fresh, fresh, fresh]), 'invalid_request', /keys/],
    ['no such agent', (t) => rekey(t, [fresh], { agent: t.bob.id }), 'not_found', /no such agent/],
    [
      'a federated identity',
      (t) =>
        rekey(t, [], {
          auth: { method: 'federated', issuer: 'x', audience: 'x', subject: 'x', claims: {} },
        }),
      'invalid_request',
      /federated is not available/,
    ],
  ])('refused: %s', async (_name, made, code, words) => {
    const t = await team();
    await t.broker.done(t.broker.draft('agent.register', agentBody('etl', spare)), t.alice.key);
    expectRefusal(await t.broker.propose(made(t), t.alice.key), code, words);
  });

  test('refused: of a disabled agent, which stays what it was', async () => {
    const t = await team();
    await t.broker.done(
      t.broker.draft('agent.disable', { agent: t.agent, reason: 'retired' }),
      t.alice.key,
    );
    expectRefusal(await t.broker.propose(rekey(t, [fresh]), t.alice.key), 'conflict', /disabled/);
  });

  test('a key it had comes back to it, and goes to nobody else', async () => {
    const t = await team();
    await t.broker.done(rekey(t, [fresh]), t.alice.key);
    const taken = t.broker.draft('agent.register', agentBody('etl', t.agentKey));
    expectRefusal(await t.broker.propose(taken, t.alice.key), 'conflict', /another agent/);
    const body = enrollBody('zoe', t.agentKey, t.alice.id, ['approver']);
    const human = t.broker.draft('human.enroll', body);
    const outcome = await t.broker.propose(human, t.agentKey, t.alice.key, t.bob.key);
    expectRefusal(outcome, 'conflict', /belongs to an agent/);
    expectComplete(await t.broker.propose(rekey(t, [t.agentKey]), t.alice.key));
  });

  test.each<[string, (t: Team) => Draft]>([
    ['another key', (t) => rekey(t, [fresh])],
    ['a second key', (t) => rekey(t, [t.agentKey, fresh])],
    [
      'a secret',
      (t) =>
        rekey(t, [], {
          auth: {
            method: 'client_secret',
            secret_hash: `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
          },
        }),
    ],
  ])('suspends the delete-capable grants that pin it, and no others: %s', async (_name, made) => {
    const t = await team();
    const { broker, alice, bob } = t;
    const dangerous = dangerousGrant(t, t.staging, DROP);
    const grant = await broker.done(broker.draft('grant.create', dangerous), alice.key, bob.key);
    const reads = grantBody({ ...t, environment: t.staging }, READ);
    const read = await broker.done(broker.draft('grant.create', reads), alice.key);
    await broker.done(made(t), t.erin.key);
    const standing = (id: string) => grantStanding(broker.state, id, broker.now);
    expect(standing(grant)).toMatchObject({
      status: 'suspended',
      reasons: ["the agent's credentials changed since it was signed"],
    });
    expect(standing(read)?.status).toBe('active');
    const again = await broker.propose(broker.draft('grant.create', dangerous), alice.key, bob.key);
    expectRefusal(again, 'invalid_request', /credentials changed/);
  });

  test('and named again, it revives no grant that pinned it', async () => {
    const t = await team();
    const { broker, alice, bob } = t;
    const dangerous = dangerousGrant(t, t.staging, DROP);
    const grant = await broker.done(broker.draft('grant.create', dangerous), alice.key, bob.key);
    await broker.done(rekey(t, [fresh]), alice.key);
    await broker.done(rekey(t, [t.agentKey]), alice.key);
    expect(grantStanding(broker.state, grant, broker.now)).toMatchObject({
      status: 'suspended',
      reasons: [expect.stringMatching(/^what it pins was changed at .*, and changed back$/)],
    });
    const anew = broker.draft('grant.create', dangerous);
    const signed = await broker.done(anew, alice.key, bob.key);
    expect(grantStanding(broker.state, signed, broker.now)?.status).toBe('active');
  });

  test('the key it had is a former one, its own alone, until it has it again', async () => {
    const t = await team();
    const former = (agent: string) => isFormerKey(t.broker.state, agent, t.agentKey.kid);
    expect(former(t.agent)).toBe(false);
    await t.broker.done(rekey(t, [fresh]), t.alice.key);
    expect(former(t.agent)).toBe(true);
    expect(former(t.connection)).toBe(false);
    expect(isFormerKey(t.broker.state, t.agent, fresh.kid)).toBe(false);
    expect(isFormerKey(t.broker.state, t.agent, spare.kid)).toBe(false);
    await t.broker.done(rekey(t, [t.agentKey, fresh]), t.alice.key);
    expect(former(t.agent)).toBe(false);
  });

  test('a grant that waits for its second signature meanwhile takes no effect any more', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    await t.broker.done(rekey(t, [fresh]), t.alice.key);
    expectRefusal(await t.broker.sign(draft, t.bob.key), 'conflict', /credentials changed/);
  });
});
