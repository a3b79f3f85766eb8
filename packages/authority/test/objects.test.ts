import { describe, expect, test } from 'vitest';
import { digestOfDocument, registeredKeys } from '../src/index.ts';
import {
  agentBody,
  type Body,
  CATALOG,
  connectionBody,
  environmentBody,
} from './support/bodies.ts';
import { Deployment, keys, type Team, team } from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

/** The shape of a hash; what it is a hash of does not matter to authority. */
const HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
const secretBody = (secret_hash: string) => ({
  ...agentBody('etl'),
  auth: { method: 'client_secret', secret_hash },
});

describe('environment.set', () => {
  test('one admin makes one; an approver or auditor does not', async () => {
    const { broker, alice, bob, dave, erin } = await team();
    const draft = () =>
      broker.draft('environment.set', environmentBody(`e-${broker.newId()}`, 'test'));
    expectComplete(await broker.propose(draft(), alice.key));
    expectComplete(await broker.propose(draft(), erin.key));
    expectRefusal(await broker.propose(draft(), bob.key), 'forbidden', /bob has no role/);
    expectRefusal(await broker.propose(draft(), dave.key), 'forbidden', /dave has no role/);
  });

  test.each<[string, Body]>([
    ['a larger quorum', { quorum: 3 }],
    ['class production', { class: 'production' }],
    ['DPoP demanded', { require_dpop: true }],
    ['all of it', { quorum: 3, class: 'production', require_dpop: true }],
    ['the same again', {}],
  ])('one admin makes it stricter: %s', async (_name, change) => {
    const { broker, alice, staging } = await team();
    const body = { ...environmentBody('staging', 'staging'), environment: staging, ...change };
    expectComplete(await broker.propose(broker.draft('environment.set', body), alice.key));
    expect(broker.state.environments.get(staging)?.rule).toMatchObject(change);
  });

  const strict = { quorum: 3, class: 'production', require_dpop: true };
  test.each<[string, Body]>([
    ['a smaller quorum', { quorum: 2 }],
    ['another class', { class: 'staging' }],
    ['no DPoP', { require_dpop: false }],
    ['stricter and looser', { quorum: 3, class: 'test' }],
    ['another name', { name: 'live' }],
  ])('two admins do not loosen what asks for three approvers: %s', async (_name, change) => {
    const { broker, production, alice, erin, bob, carol } = await team();
    const present = { ...environmentBody('production', 'production'), environment: production };
    await broker.done(broker.draft('environment.set', { ...present, ...strict }), alice.key);
    const draft = broker.draft('environment.set', { ...present, ...strict, ...change });
    expectPending(await broker.propose(draft, ...keys(alice, erin)), /2 more distinct.*: approver/);
    expectPending(await broker.sign(draft, bob.key), /1 more distinct human: approver/);
    expectComplete(await broker.sign(draft, carol.key));
    expect(broker.state.environments.get(production)?.rule).toMatchObject(change);
  });

  test.each<[string, Body, string, RegExp]>([
    ['more approvers than there are', { quorum: 4 }, 'conflict', /wants 4 approvers and only 3/],
    ['a group nobody is in', { groups: ['security'] }, 'conflict', /group security, and there is/],
    ['keys nobody has', { user_verified: 1 }, 'conflict', /1 of 3 to sign with user-verified keys/],
    ['a cool-off of more than a week', { cool_off: 604_801 }, 'invalid_request', /cool_off/],
    ['a quorum of one', { quorum: 1 }, 'invalid_request', /quorum/],
    ['no such environment', { environment: 'agent' }, 'not_found', /no such environment/],
    ['a name in use', { environment: null }, 'conflict', /exists already/],
  ])('refused whoever signs: %s', async (_name, change, code, words) => {
    const t = await team();
    const { broker, production } = t;
    const present = { ...environmentBody('production', 'production'), environment: production };
    await broker.done(broker.draft('environment.set', { ...present, ...strict }), t.alice.key);
    const body = { ...present, ...strict, ...change };
    if (body['environment'] === 'agent') body['environment'] = t.agent;
    const draft = broker.draft('environment.set', body);
    expectRefusal(await broker.propose(draft, ...keys(t.alice, t.erin)), code, words);
  });

  test('between two classes neither of which is production, none is stricter', async () => {
    const { broker, alice, bob, staging } = await team();
    const body = { ...environmentBody('staging', 'test'), environment: staging };
    const draft = broker.draft('environment.set', body);
    expectPending(await broker.propose(draft, alice.key), /1 more distinct human: approver/);
    expectComplete(await broker.sign(draft, bob.key));
  });

  test('the name of another environment stays taken', async () => {
    const { broker, alice, bob, staging } = await team();
    const body = { ...environmentBody('production', 'staging'), environment: staging };
    const outcome = await broker.propose(
      broker.draft('environment.set', body),
      ...keys(alice, bob),
    );
    expectRefusal(outcome, 'conflict', /production is taken; names are never reused/);
  });

  test('the sole human may ask for two, and for no more than two', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const draft = (name: string, quorum: number) =>
      broker.draft('environment.set', { ...environmentBody(name, 'production'), quorum });
    expectComplete(await broker.propose(draft('a', 2), alice.key));
    expectRefusal(
      await broker.propose(draft('b', 3), alice.key),
      'conflict',
      /only 1 can sign now/,
    );
  });
});

describe('agent.register and agent.disable', () => {
  test('one admin; disabling is final', async () => {
    const { broker, alice, bob, agent, erin } = await team();
    const disable = () => broker.draft('agent.disable', { agent, reason: 'retired' });
    expectRefusal(await broker.propose(disable(), bob.key), 'forbidden', /no role/);
    expectComplete(await broker.propose(disable(), erin.key));
    expectRefusal(await broker.propose(disable(), alice.key), 'conflict', /disabled already/);
    const unknown = broker.draft('agent.disable', { agent: alice.id, reason: 'x' });
    expectRefusal(await broker.propose(unknown, alice.key), 'not_found', /no such agent/);
  });

  test('its credentials are the thumbprints of its keys, in order', async () => {
    const { broker, alice } = await team();
    const [one, two] = [keyOf('one'), keyOf('two')];
    const id = await broker.done(
      broker.draft('agent.register', agentBody('etl', one, two)),
      alice.key,
    );
    expect(broker.state.agents.get(id)?.credentials).toEqual([one.kid, two.kid].sort());
  });

  test('one with a client secret has no key, and the digest of its hash as credential', async () => {
    const { broker, alice } = await team();
    const body = secretBody(HASH);
    const agent = await broker.done(broker.draft('agent.register', body), alice.key);
    const { credentials } = broker.state.agents.get(agent) ?? { credentials: [] };
    expect(credentials).toEqual([digestOfDocument(body.auth)]);
    expect(registeredKeys(broker.state.agents.get(agent))).toEqual([]);
  });

  const fresh = keyOf('fresh agent');
  test.each<[string, (t: Team) => Body, string, RegExp]>([
    ['a name in use', () => agentBody('ci', fresh), 'conflict', /ci is taken/],
    ['one key twice', () => agentBody('etl', fresh, fresh), 'invalid_request', /the same key/],
    ['a human’s key', (t) => agentBody('etl', t.bob.key), 'conflict', /human or another agent/],
    ['another agent’s key', (t) => agentBody('etl', t.agentKey), 'conflict', /another agent/],
    ['no key', () => agentBody('etl'), 'invalid_request', /keys/],
    ['three keys', () => agentBody('etl', fresh, fresh, fresh), 'invalid_request', /keys/],
    [
      'a private key',
      () => agentBody('etl', { jwk: JSON.parse(fresh.privateJwk) }),
      'invalid_request',
      /keys/,
    ],
    [
      'a secret instead of its hash',
      () => ({ ...agentBody('etl'), auth: { method: 'client_secret', secret_hash: 'x' } }),
      'invalid_request',
      /argon2id/,
    ],
    [
      'a costlier hash',
      () => secretBody(HASH.replace('m=19456', 'm=4194304')),
      'invalid_request',
      /argon2id/,
    ],
    ['a cheaper hash', () => secretBody(HASH.replace('t=2', 't=1')), 'invalid_request', /argon2id/],
    [
      'another hash function',
      () => secretBody(HASH.replace('argon2id', 'argon2i')),
      'invalid_request',
      /argon2id/,
    ],
    ['a hash and more', () => secretBody(`${HASH}$`), 'invalid_request', /argon2id/],
    [
      'a federated identity',
      () => ({
        ...agentBody('etl'),
        auth: { method: 'federated', issuer: 'x', audience: 'x', subject: 'x', claims: {} },
      }),
      'invalid_request',
      /federated is not available/,
    ],
  ])('refused: %s', async (_name, body, code, words) => {
    const t = await team();
    const draft = t.broker.draft('agent.register', body(t));
    expectRefusal(await t.broker.propose(draft, t.alice.key), code, words);
  });

  test('the name and key of a disabled agent stay its own', async () => {
    const { broker, alice, agent, agentKey } = await team();
    await broker.done(broker.draft('agent.disable', { agent, reason: 'x' }), alice.key);
    const name = broker.draft('agent.register', agentBody('ci', fresh));
    expectRefusal(await broker.propose(name, alice.key), 'conflict', /never reused/);
    const key = broker.draft('agent.register', agentBody('etl', agentKey));
    expectRefusal(await broker.propose(key, alice.key), 'conflict', /another agent/);
  });

  test('an agent signs nothing', async () => {
    const { broker, alice, agentKey } = await team();
    const draft = broker.draft('agent.register', agentBody('etl', fresh));
    const alone = await broker.propose(draft, agentKey);
    expectRefusal(alone, 'forbidden', /no key that may sign/);
    const beside = await broker.propose(draft, alice.key, agentKey);
    expectRefusal(beside, 'forbidden', /no key that may sign/);
  });
});

describe('connection.set', () => {
  test('into production: one admin', async () => {
    const { broker, erin, bob, production } = await team();
    const draft = broker.draft(
      'connection.set',
      connectionBody('orders', { [production]: ['p2'] }),
    );
    expectRefusal(await broker.propose(draft, bob.key), 'forbidden', /no role/);
    expectComplete(await broker.propose(draft, erin.key));
  });

  test('into anything else: two humans, an admin among them', async () => {
    const { broker, alice, bob, carol, production, staging } = await team();
    const mapping = { [production]: ['p2'], [staging]: ['s2'] };
    const draft = broker.draft('connection.set', connectionBody('orders', mapping));
    expectPending(await broker.propose(draft, bob.key), /1 more distinct human.*an admin/);
    expectPending(await broker.sign(draft, carol.key), /^an admin$/);
    expectComplete(await broker.sign(draft, alice.key));
    expect(broker.state.mapped.get('s2')).toEqual({ connection: draft.id, environment: staging });
  });

  test('into anything: one admin while no second human ever was', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    await broker.record(CATALOG);
    const staging = await broker.done(
      broker.draft('environment.set', environmentBody('staging', 'staging')),
      alice.key,
    );
    const draft = broker.draft('connection.set', connectionBody('main', { [staging]: ['s1'] }));
    expectComplete(await broker.propose(draft, alice.key));
  });

  test('two that would map one id: the second can no longer take effect', async () => {
    const { broker, alice, bob, staging } = await team();
    const draft = (name: string) =>
      broker.draft('connection.set', connectionBody(name, { [staging]: ['s2'] }));
    const [one, two] = [draft('one'), draft('two')];
    expectPending(await broker.propose(one, alice.key), /1 more/);
    expectComplete(await broker.propose(two, alice.key, bob.key));
    expectRefusal(await broker.sign(one, bob.key), 'conflict', /s2 is mapped by another/);
  });

  test.each<[string, (t: Team) => Body, string, RegExp]>([
    [
      'another name for one',
      (t) => ({ connection: t.connection }),
      'invalid_request',
      /keeps its name and its provider/,
    ],
    ['no such connection', (t) => ({ connection: t.agent }), 'not_found', /no such connection/],
    ['a name in use', () => ({ name: 'main' }), 'conflict', /main is taken/],
    ['no such provider', () => ({ provider: 'railway' }), 'invalid_request', /no provider railway/],
    ['nothing mapped', () => ({ mapping: {} }), 'invalid_request', /at least one id/],
    ['no id', (t) => ({ mapping: { [t.staging]: [] } }), 'invalid_request', /mapping/],
    [
      'an id in two environments',
      (t) => ({ mapping: { [t.staging]: ['x'], [t.production]: ['x'] } }),
      'invalid_request',
      /two environments/,
    ],
    [
      'an id of another connection',
      (t) => ({ mapping: { [t.staging]: ['prod-1'] } }),
      'conflict',
      /prod-1 is mapped by another connection/,
    ],
    [
      'no such environment',
      (t) => ({ mapping: { [t.agent]: ['x'] } }),
      'not_found',
      /environment that does not exist/,
    ],
    [
      'a member no reader would see',
      (t) => ({ config: JSON.parse(`{"__proto__":{"tls":"off"},"tls":"${t.agent}"}`) }),
      'invalid_request',
      /cannot be read back/,
    ],
  ])('refused: %s', async (_name, change, code, words) => {
    const t = await team();
    const body = { ...connectionBody('orders', { [t.staging]: ['s2'] }), ...change(t) };
    const draft = t.broker.draft('connection.set', body);
    expectRefusal(await t.broker.propose(draft, t.alice.key, t.bob.key), code, words);
  });
});
