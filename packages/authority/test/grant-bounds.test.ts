import { describe, test } from 'vitest';
import { digestOfDocument } from '../src/index.ts';
import {
  agentBody,
  type Body,
  grantBody,
  permission,
  pinsFor,
  withEffects,
} from './support/bodies.ts';
import { DAY, dangerousGrant, instant, type Team, team } from './support/deployment.ts';
import { sha256 } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const READ = [permission({ 'db:select': 'read' }, ['orders'])];
const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];

/** Every refusal is whoever signs: all approvers and an admin do. */
async function outcomeOf(t: Team, body: Body, change: { sign_by?: string } = {}) {
  const draft = t.broker.draft('grant.create', body, change);
  return await t.broker.propose(draft, t.alice.key, t.bob.key, t.carol.key);
}

const TRIED = { kind: 'dry-run', v: 1, body: {} };

describe('bounds of a delete-capable grant', () => {
  const dump = [permission({ 'db:dump': 'reveal' }, ['orders'])];
  const run = [permission({ 'db:run': 'execute' }, ['orders'])];
  const share = [permission({ 'db:share': 'escalate' }, ['orders'])];
  const d = 86_400;

  test.each<[string, readonly Body[], 'production' | 'staging', Body, RegExp | null]>([
    ['delete, 24 h, one use', DROP, 'production', { valid_for: d }, null],
    ['delete, a second more', DROP, 'production', { valid_for: d + 1 }, /at most 24 hours/],
    ['delete in staging, a second more', DROP, 'staging', { valid_for: d + 1 }, /at most 24 hours/],
    ['delete, any number of uses', DROP, 'staging', { max_uses: null }, /how many uses/],
    ['delete, several uses', DROP, 'production', { max_uses: 5 }, null],
    ['escalate, a second more', share, 'staging', { valid_for: d + 1 }, /at most 24 hours/],
    ['escalate, any number of uses', share, 'staging', { max_uses: null }, /how many uses/],
    ['reveal in production, a second more', dump, 'production', { valid_for: d + 1 }, /24 hours/],
    ['reveal in production, any uses', dump, 'production', { max_uses: null }, /how many uses/],
    ['reveal elsewhere, 30 days', dump, 'staging', { valid_for: 30 * d, max_uses: null }, null],
    ['reveal elsewhere, more', dump, 'staging', { valid_for: 30 * d + 1 }, /at most 720 hours/],
    ['execute in production, a second more', run, 'production', { valid_for: d + 1 }, /24 hours/],
    ['execute elsewhere, 30 days', run, 'staging', { valid_for: 30 * d, max_uses: null }, null],
    ['no pins', DROP, 'staging', { pins: null }, /does not pin/],
    ['no sender', DROP, 'staging', { sender: null }, /does not name the key/],
    ['a sender that is neither', DROP, 'staging', { sender: sha256('x') }, /neither the agent's/],
    [
      'a sender of an access request',
      DROP,
      'staging',
      { sender: sha256('x'), request: '9b2f64a0-7e5c-4c1e-8d3a-0a1b2c3d4e5f' },
      null,
    ],
    ['SQL, tried', DROP, 'staging', { sql: 'DROP TABLE t', assessment: TRIED }, null],
    ['SQL, not tried', DROP, 'staging', { sql: 'DROP TABLE t' }, /says what it will do/],
    [
      'SQL to be run twice',
      DROP,
      'staging',
      { sql: 'DROP TABLE t', assessment: TRIED, max_uses: 2 },
      /is run once/,
    ],
    [
      'SQL, any number of times',
      DROP,
      'staging',
      { sql: 'x', assessment: TRIED, max_uses: null },
      /is run once/,
    ],
    ['no use', DROP, 'staging', { max_uses: 0 }, /max_uses/],
    ['less than no use', DROP, 'staging', { max_uses: -1 }, /max_uses/],
    ['no time', DROP, 'staging', { valid_for: 0 }, /valid_for/],
    ['a lease of 13 hours', DROP, 'staging', { ttl: 46_800 }, /ttl/],
  ])('%s', async (_name, permissions, where, change, words) => {
    const t = await team();
    const outcome = await outcomeOf(t, dangerousGrant(t, t[where], permissions, change));
    if (words === null) expectComplete(outcome);
    else expectRefusal(outcome, 'invalid_request', words);
  });

  test('for an agent with a secret: its digest is pinned, and is no key to bind tokens to', async () => {
    const t = await team();
    const secret_hash = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
    const body = { ...agentBody('etl'), auth: { method: 'client_secret', secret_hash } };
    const agent = await t.broker.done(t.broker.draft('agent.register', body), t.alice.key);
    const agent_credentials = [digestOfDocument(body.auth)];
    const grant = (change: Body) => {
      const drop = dangerousGrant(t, t.staging, DROP, { agent });
      const pinned = pinsFor(t.broker.state, agent, t.connection, t.staging);
      return { ...drop, pins: { ...pinned, agent_credentials }, ...change };
    };
    expectRefusal(
      await outcomeOf(t, grant({ sender: agent_credentials[0] })),
      'invalid_request',
      /neither the agent's/,
    );
    const request = '9b2f64a0-7e5c-4c1e-8d3a-0a1b2c3d4e5f';
    expectComplete(await outcomeOf(t, grant({ sender: sha256('dpop key'), request })));
  });

  test.each<[string, (t: Team) => Body, RegExp]>([
    [
      'the agent has other credentials',
      (t) => ({ ...pins(t), agent_credentials: [sha256('other')] }),
      /agent's credentials changed/,
    ],
    [
      'the agent has one more',
      (t) => ({ ...pins(t), agent_credentials: [sha256('other'), t.agentKey.kid].sort() }),
      /agent's credentials changed/,
    ],
    [
      'another connection',
      (t) => ({ ...pins(t), connection: sha256('other') }),
      /connection changed/,
    ],
    [
      'the connection as production sees it',
      (t) => ({ ...pins(t), connection: pins(t, t.production)['connection'] }),
      /connection changed/,
    ],
  ])('pins that do not match: %s', async (_name, wrong, words) => {
    const t = await team();
    const outcome = await outcomeOf(t, dangerousGrant(t, t.staging, DROP, { pins: wrong(t) }));
    expectRefusal(outcome, 'invalid_request', words);
  });

  test('it is signed within 24 hours', async () => {
    const t = await team();
    const body = dangerousGrant(t, t.staging, DROP);
    const late = { sign_by: instant(t.broker.now + DAY + 1) };
    expectRefusal(await outcomeOf(t, body, late), 'invalid_request', /within 24 hours/);
    expectComplete(await outcomeOf(t, body, { sign_by: instant(t.broker.now + DAY) }));
  });
});

function pins(t: Team, environment = t.staging): Body {
  const { pins: found } = dangerousGrant(t, environment, DROP);
  return { ...Object(found) };
}

describe('what a grant may say', () => {
  const on = (t: Team, permissions: readonly Body[], change: Body = {}) => ({
    ...grantBody({ ...t, environment: t.production }, permissions),
    ...change,
  });

  test.each<[string, (t: Team) => Body, string, RegExp]>([
    ['no such agent', (t) => on(t, READ, { agent: t.bob.id }), 'not_found', /no such agent/],
    ['no such connection', (t) => on(t, READ, { connection: t.agent }), 'not_found', /connection/],
    [
      'no such environment',
      (t) => on(t, READ, { environment: t.agent }),
      'conflict',
      /nothing into/,
    ],
    ['no permission', (t) => on(t, []), 'invalid_request', /permissions/],
    [
      'SQL that only reads',
      (t) => on(t, READ, { sql: 'SELECT 1', max_uses: 1, assessment: TRIED }),
      'invalid_request',
      /No operation of this grant stands for running SQL/,
    ],
    [
      'a milder word: delete called write',
      (t) => on(t, [permission({ 'db:drop': 'write' }, ['orders'])]),
      'invalid_request',
      /db:drop has effect delete on orders, not write/,
    ],
    [
      'a milder word: execute called reveal',
      (t) => dangerousGrant(t, t.production, [permission({ 'db:run': 'reveal' }, ['orders'])]),
      'invalid_request',
      /db:run has effect execute/,
    ],
    [
      'one word for a table and for some of its columns',
      (t) => on(t, [permission({ 'db:update': 'write' }, ['orders', 'orders(status)'])]),
      'invalid_request',
      /db:update has effect delete on orders, not write/,
    ],
    [
      'an operation nobody recorded',
      (t) => on(t, [permission({ 'db:explode': 'read' }, ['orders'])]),
      'invalid_request',
      /db:explode is unknown for orders/,
    ],
    [
      'an operation unknown in that class',
      (t) => ({
        ...on(t, [permission({ 'db:vacuum': 'write' }, ['orders'])]),
        environment: t.staging,
      }),
      'invalid_request',
      /db:vacuum is unknown for orders/,
    ],
    [
      'another provider’s operation',
      (t) => on(t, [permission({ 'railway:volumeDelete': 'delete' }, ['volume/1'])]),
      'invalid_request',
      /railway:volumeDelete is not db's/,
    ],
    [
      'a catalog nobody recorded',
      (t) =>
        on(t, [
          permission(
            { 'db:drop': 'read' },
            ['orders'],
            withEffects('db:drop', [{ effect: 'read' }]),
          ),
        ]),
      'invalid_request',
      /catalog that was not recorded/,
    ],
    [
      'operations out of order',
      (t) =>
        on(t, [
          {
            ...READ[0],
            operations: [
              { name: 'db:update', effect: 'write' },
              { name: 'db:select', effect: 'read' },
            ],
          },
        ]),
      'invalid_request',
      /ascending order/,
    ],
    [
      'one operation twice, with two effects',
      (t) =>
        on(t, [
          {
            ...READ[0],
            operations: [
              { name: 'db:drop', effect: 'delete' },
              { name: 'db:drop', effect: 'read' },
            ],
          },
        ]),
      'invalid_request',
      /ascending order/,
    ],
    [
      'a resource with a line feed',
      (t) => on(t, [permission({ 'db:select': 'read' }, ['orders\nand nothing else'])]),
      'invalid_request',
      /no control or invisible characters/,
    ],
  ])('refused: %s', async (_name, body, code, words) => {
    const t = await team();
    expectRefusal(await outcomeOf(t, body(t)), code, words);
  });

  test('the effect is that of the class: a column list narrows it in production', async () => {
    const t = await team();
    const columns = [permission({ 'db:update': 'write' }, ['orders(status)'])];
    const whole = [permission({ 'db:update': 'write' }, ['orders'])];
    const draft = (body: Body) => t.broker.draft('grant.create', body);
    const staging = grantBody({ ...t, environment: t.staging }, whole);
    expectComplete(await t.broker.propose(draft(staging), t.alice.key));
    expectComplete(await t.broker.propose(draft(on(t, columns)), t.alice.key));
    const delete_ = [permission({ 'db:update': 'delete' }, ['orders'])];
    const dangerous = draft(dangerousGrant(t, t.production, delete_));
    expectPending(await t.broker.propose(dangerous, t.alice.key), /1 more/);
  });

  test('a worse word than the catalog’s is believed', async () => {
    const t = await team();
    const delete_ = [permission({ 'db:select': 'delete' }, ['orders'])];
    expectRefusal(await outcomeOf(t, on(t, delete_)), 'invalid_request', /does not pin/);
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.production, delete_));
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
  });

  test('refused: an agent that is disabled, when proposed and when completed', async () => {
    const t = await team();
    const waiting = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    expectPending(await t.broker.propose(waiting, t.alice.key), /1 more/);
    await t.broker.done(
      t.broker.draft('agent.disable', { agent: t.agent, reason: 'x' }),
      t.alice.key,
    );
    expectRefusal(await outcomeOf(t, on(t, READ)), 'conflict', /disabled, for good/);
    const outcome = await t.broker.sign(waiting, t.bob.key);
    expectRefusal(outcome, 'conflict', /can no longer take effect.*disabled/);
  });
});
