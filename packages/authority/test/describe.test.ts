import { describe, expect, test } from 'vitest';
import { decodeStatement, duration, describe as inWords, readAloud } from '../src/index.ts';
import {
  agentBody,
  type Body,
  connectionBody,
  enrollBody,
  environmentBody,
  genesisBody,
  grantBody,
  permission,
} from './support/bodies.ts';
import { Deployment, dangerousGrant, payloadOf, type Team, team } from './support/deployment.ts';
import { keyOf, sha256 } from './support/device-keys.ts';
import { words } from './support/words.ts';

const zoe = keyOf('zoe');
const SLOW =
  "! Not to sign it does not stop it: 30 days after it was proposed one admin's signature is enough, unless it is rejected.";

const TABLE: readonly [string, string, (t: Team) => Body, (t: Team) => string][] = [
  [
    'a new human',
    'human.enroll',
    (t) => enrollBody('zoe', zoe, t.alice.id, ['admin', 'approver']),
    () => `Enrol zoe as admin and approver.
  fingerprint: ${readAloud(zoe.kid)}
  sponsor: alice
  needs: 0 of 2 signatures; missing: 2 × admin or approver; the sponsor alice
! Compare the fingerprint with what zoe reads out to you. If it differs, reject.
${SLOW}`,
  ],
  [
    'another key, vouched for by one whom one person vouched for',
    'human.enroll',
    (t) => ({ ...enrollBody('bob', zoe, t.bob.id, ['approver']), human: t.bob.id }),
    () => `Add another key for bob.
  fingerprint: ${readAloud(zoe.kid)}
  recovery: a new recovery code
  sponsor: bob, vouched for by one person
  needs: 0 of 2 signatures; missing: 2 × admin or approver; the sponsor bob
! Compare the fingerprint with what bob reads out to you. If it differs, reject.
${SLOW}`,
  ],
  [
    'a removal',
    'human.remove',
    (t) => ({ human: t.bob.id, reason: 'left us' }),
    () => `Remove bob (vouched for by one person) and revoke all their keys.
  reason: left us
  needs: 0 of 2 signatures; missing: 2 × admin or approver
! Delete-capable grants they signed stop at once.
${SLOW}`,
  ],
  [
    'a revocation',
    'key.revoke',
    (t) => ({ key: t.carol.key.kid, reason: 'stolen' }),
    (t) => `Revoke a key of carol.
  key: ${readAloud(t.carol.key.kid)}
  reason: stolen
  needs: 0 of 2 signatures; missing: 2 × admin or approver
! Delete-capable grants signed with it stop at once.`,
  ],
  [
    'an environment',
    'environment.set',
    () => ({ ...environmentBody('live', 'production'), quorum: 3, require_dpop: true }),
    () => `Create the environment live, class production.
  name: live
  class: production
  rule: 3 distinct approvers for anything delete-capable
  cool-off: none
  DPoP: demanded of every token
  needs: 0 of 1 signatures; missing: 1 × admin`,
  ],
  [
    'a milder environment',
    'environment.set',
    (t) => ({ ...environmentBody('staging', 'staging'), environment: t.staging }),
    () => `Change the environment staging, class staging.
  name: staging
  class: staging
  rule: 2 distinct approvers for anything delete-capable
  cool-off: none
  DPoP: not demanded
  needs: 0 of 1 signatures; missing: 1 × admin
! Not of class production: provider ids mapped here are judged milder.`,
  ],
  [
    'an agent',
    'agent.register',
    () => agentBody('etl', zoe),
    () => `Register the agent etl.
  signs in by: private_key_jwt
  DPoP: not demanded
  needs: 0 of 1 signatures; missing: 1 × admin
! By itself this grants nothing.`,
  ],
  [
    'an agent with a secret',
    'agent.register',
    () => ({
      ...agentBody('etl'),
      auth: {
        method: 'client_secret',
        secret_hash: `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
      },
    }),
    () => `Register the agent etl.
  signs in by: client_secret
  DPoP: not demanded
  needs: 0 of 1 signatures; missing: 1 × admin
! By itself this grants nothing.
! Whoever reads its secret is this agent, from anywhere; a key never leaves its machine.`,
  ],
  [
    'the end of an agent',
    'agent.disable',
    (t) => ({ agent: t.agent, reason: 'retired' }),
    () => `Disable the agent ci, for good.
  reason: retired
  needs: 0 of 1 signatures; missing: 1 × admin`,
  ],
  [
    'a connection into production',
    'connection.set',
    (t) => connectionBody('orders', { [t.production]: ['p2', 'p3'] }),
    () => `Connect orders: db at orders.example:5432, as broker.
  maps to production: p2, p3 (class production)
  needs: 0 of 1 signatures; missing: 1 × admin`,
  ],
  [
    'a connection into staging',
    'connection.set',
    (t) => connectionBody('orders', { [t.staging]: ['s2'] }),
    () => `Connect orders: db at orders.example:5432, as broker.
  maps to staging: s2 (class staging)
  needs: 0 of 2 signatures; missing: 2 × admin or approver; an admin
! Make sure that nothing mapped outside production is production.`,
  ],
  [
    'a connection whose account would draw on the screen',
    'connection.set',
    (t) => ({
      ...connectionBody('orders', { [t.production]: ['p2'] }),
      endpoint: 'evil.example\r\u202e\u2028',
      account: 'a\n  needs: 2 of 2\u001b[2J',
    }),
    () => `Connect orders: db at evil.example\\u{d}\\u{202e}\\u{2028}, as a\\u{a}  needs: 2 of 2\\u{1b}[2J.
  maps to production: p2 (class production)
  needs: 0 of 1 signatures; missing: 1 × admin`,
  ],
  [
    'a grant to read',
    'grant.create',
    (t) =>
      grantBody({ ...t, environment: t.production }, [
        permission({ 'db:select': 'read' }, ['orders', 'users']),
        permission({ 'db:update': 'write' }, ['orders(status)']),
      ]),
    () => `Let ci do this in production on main.
  db:select (read): orders, users
  db:update (write): orders(status)
  uses: unlimited
  each lease: at most 15 min
  stands for: 1 h once it is signed
  reason: nightly report
  needs: 0 of 1 signatures; missing: 1 × admin
! A column list narrows what can be overwritten, not how many rows.`,
  ],
  [
    'a grant to destroy',
    'grant.create',
    (t) =>
      dangerousGrant(
        t,
        t.production,
        [permission({ 'db:drop': 'delete', 'db:run': 'execute', 'db:select': 'read' }, ['orders'])],
        {
          sender: zoe.kid,
          request: '9b2f64a0-7e5c-4c1e-8d3a-0a1b2c3d4e5f',
          assessment: { kind: 'cascade', v: 1, body: { rows: 12, note: 'a\nb\u202ec' } },
        },
      ),
    () => `Let ci do this in production on main.
  takes with it: {"note":"a\\nb\\u{202e}c","rows":12}
  db:drop (delete), db:run (execute), db:select (read): orders
  uses: 1
  each lease: at most 15 min
  stands for: 1 h once it is signed
  reason: nightly report
  needs: 0 of 2 signatures; missing: 2 × approver; an admin
! What it takes with it cannot be read here. Do not sign it.
! Delete-capable: db:drop (delete), db:run (execute). What it does cannot be taken back.
! Tokens are bound to a key of the access request: ${readAloud(zoe.kid)}
! What it runs ci chooses, not you: it can do whatever can be done there.`,
  ],
  [
    'SQL that would draw on the screen',
    'grant.create',
    (t) =>
      dangerousGrant(t, t.production, [permission({ 'db:drop': 'delete' }, ['orders'])], {
        sql: 'DROP TABLE a;\n\u202eDROP\u001b[2J TABLE b\n',
        assessment: {
          kind: 'dry-run',
          v: 1,
          body: {
            server: 'PostgreSQL 18',
            schema: 'orders',
            owner: 'app\nowner',
            dropped: ['table orders.a', 'table orders.b\n  needs: 2 of 2'],
            emptied: ['table orders.c'],
            rows: [{ table: 'orders.d', inserted: 1, updated: 2, deleted: 3 }],
            altered: [],
            created: ['SECURITY DEFINER function orders.f()'],
            rewritten: [],
            omitted: 7,
            dry_run: 'x',
          },
        },
      }),
    () => `Run this SQL once in production on main, with the rights of the owner of orders.
  dry run: on PostgreSQL 18, as app\\u{a}owner, undone
  drops: table orders.a
  drops: table orders.b\\u{a}  needs: 2 of 2
  empties: table orders.c
  rows: orders.d: 3 deleted, 2 updated, 1 inserted
  creates: SECURITY DEFINER function orders.f()
  and: 7 more, not listed
  SQL: DROP TABLE a;
  2: \\u{202e}DROP\\u{1b}[2J TABLE b
  run by: ci, or who signs this
  db:drop (delete): orders
  uses: 1
  each lease: at most 15 min
  stands for: 1 h once it is signed
  reason: nightly report
  needs: 0 of 2 signatures; missing: 2 × approver; an admin
! In the dry run it drops 2 objects, empties 1 table, deletes 3 rows.
! It leaves 1 function that runs with the owner's rights.
! The dry run found more than could be listed.
! The dry run is what it did then. SQL that asks what it finds can do something else when it is run.
! Delete-capable: db:drop (delete). What it does cannot be taken back.`,
  ],
];

test.each(TABLE)('%s', async (_name, kind, body, expected) => {
  const t = await team();
  expect(words(t, kind, body(t))).toBe(expected(t));
});

test('genesis', () => {
  const broker = new Deployment();
  const draft = broker.draft('genesis', genesisBody('anna', zoe, keyOf('ledger')));
  const { statement } = decodeStatement(payloadOf(draft));
  expect(inWords(broker.state, statement).headline).toBe(
    'Begin this broker, with anna as its first admin and approver.',
  );
});

describe('of a statement that waits', () => {
  test('who has signed, and who one person vouched for', async () => {
    const t = await team();
    const drop = [permission({ 'db:drop': 'delete' }, ['orders'])];
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, drop));
    await t.broker.propose(draft, t.bob.key);
    const { statement } = decodeStatement(payloadOf(draft));
    expect(inWords(t.broker.state, statement).facts).toContainEqual({
      label: 'needs',
      value:
        '1 of 2 signatures (bob, vouched for by one person); missing: 1 more distinct human: approver; an admin',
    });
    await t.broker.sign(draft, t.alice.key);
    expect(inWords(t.broker.state, statement).facts).toContainEqual({
      label: 'needs',
      value: '2 of 2 signatures (bob, vouched for by one person, alice)',
    });
    expect(words(t, 'grant.revoke', { grant: draft.id, reason: 'done' })).toBe(
      `Revoke a grant of ci; its open sessions are cut.
  grant: ${draft.id}
  reason: done
  needs: 0 of 1 signatures; missing: 1 × human`,
    );
  });

  test('its rejection repeats what is rejected', async () => {
    const t = await team();
    const draft = t.broker.draft('human.remove', { human: t.carol.id, reason: 'x' });
    await t.broker.propose(draft, t.alice.key);
    expect(words(t, 'statement.reject', { statement: draft.id, reason: 'she stays' })).toBe(
      `Reject: Remove carol and revoke all their keys.
  reason: she stays
  needs: 0 of 1 signatures; missing: 1 × human`,
    );
  });

  test.each<[string, (t: Team) => unknown, string, RegExp]>([
    ['everything', () => ({ kind: 'everything', id: null }), 'everything', /open sessions are cut/],
    [
      'an environment',
      (t) => ({ kind: 'environment', id: t.staging }),
      'environment staging',
      /cut/,
    ],
    ['a connection', (t) => ({ kind: 'connection', id: t.connection }), 'connection main', /cut/],
    ['an agent', (t) => ({ kind: 'agent', id: t.agent }), 'agent ci', /cut/],
    ['a human', (t) => ({ kind: 'human', id: t.bob.id }), 'human bob', /sign nothing but a veto/],
    ['a key', (t) => ({ kind: 'key', id: t.bob.key.kid }), 'a key of bob', /nothing but a veto/],
  ])('a freeze of %s names it and says what it does', async (_name, target, named, does) => {
    const t = await team();
    const text = words(t, 'freeze', { target: target(t), reason: 'odd' });
    expect(text).toMatch(`Freeze ${named}, at once.`);
    expect(text).toMatch(does);
    expect(text).toMatch('Its author alone can lift it until another human has signed it too');
  });

  test('lifting a freeze says whose it was, who seconded it, and who could do it alone', async () => {
    const t = await team();
    const target = { kind: 'environment', id: t.staging };
    const draft = t.broker.draft('freeze', { target, reason: 'odd queries' });
    const freeze = await t.broker.done(draft, t.dave.key);
    const lift = () => words(t, 'unfreeze', { freeze, reason: 'a test' });
    expect(lift()).toMatch(/Lift the freeze of environment staging\./);
    expect(lift()).toMatch(/frozen by: dave, .*\n.*because: odd queries\n.*seconded by: nobody/);
    expect(lift()).toMatch(/alone: dave can lift it alone/);
    await t.broker.sign(draft, t.alice.key);
    expect(lift()).toMatch(/seconded by: alice/);
    expect(lift()).not.toMatch(/alone: /);
  });

  test('accepted escapes are counted, and each is named', async () => {
    const t = await team();
    const escapes = ['public.f()', 'public.g()'].map((object) => ({
      object,
      digest: sha256(object),
    }));
    const accept = (some: unknown) =>
      words(t, 'escape.accept', { connection: t.connection, escapes: some, reason: 'needed' });
    expect(accept(escapes)).toMatch('Accept that 2 ways around its rights stay open on main.');
    expect(accept(escapes)).toMatch(/do more than was granted: public\.f\(\), public\.g\(\)\./);
    expect(accept(escapes)).toMatch(`stays open: public.g() (${sha256('public.g()')})`);
    expect(accept(escapes.slice(1))).toMatch('one way around its rights stays open on main.');
  });

  test('a connection that goes says what goes with it, and what is free from then on', async () => {
    const t = await team();
    const text = words(t, 'connection.remove', { connection: t.connection, reason: 'moved' });
    expect(text).toMatch('Remove the connection main, for good.');
    expect(text).toMatch(
      /credential is destroyed once its last lease is taken back, and not before/,
    );
    expect(text).toMatch(/Its name stays taken\. .* another connection at once/);
  });

  test('what is not known is shown by its id, and nothing breaks', async () => {
    const t = await team();
    const id = t.broker.newId();
    const unknown = { agent: id, connection: id, environment: id };
    const grant = grantBody(unknown, [permission({ 'db:select': 'read' }, ['orders'])]);
    expect(words(t, 'grant.create', grant)).toMatch(`Let ${id} do this in ${id} on ${id}.`);
    expect(words(t, 'human.remove', { human: id, reason: 'x' })).toMatch(`Remove ${id} and`);
    expect(words(t, 'key.revoke', { key: sha256('x'), reason: 'x' })).toMatch('Revoke a key of');
    expect(words(t, 'statement.reject', { statement: id, reason: 'x' })).toMatch(`Reject: ${id}`);
    expect(words(t, 'agent.disable', { agent: id, reason: 'x' })).toMatch(`agent ${id}, for good`);
    expect(words(t, 'unfreeze', { freeze: id, reason: 'x' })).toMatch(`Lift the freeze ${id}`);
    for (const kind of ['environment', 'connection', 'agent', 'human']) {
      const target = { kind, id };
      expect(words(t, 'freeze', { target, reason: 'x' })).toMatch(`Freeze ${kind} ${id}, at once`);
    }
    const key = { kind: 'key', id: sha256('x') };
    expect(words(t, 'freeze', { target: key, reason: 'x' })).toMatch('a key of nobody here');
    const removal = words(t, 'connection.remove', { connection: id, reason: 'x' });
    expect(removal).toMatch(`connection ${id}, for good`);
    const escapes = [{ object: 'f', digest: sha256('x') }];
    const accept = words(t, 'escape.accept', { connection: id, escapes, reason: 'x' });
    expect(accept).toMatch(`open on ${id}.`);
  });
});

test.each([
  [1, '1 s'],
  [90, '90 s'],
  [900, '15 min'],
  [3600, '1 h'],
  [28_800, '8 h'],
  [86_400, '24 h'],
  [2_592_000, '30 days'],
  [3601, '3601 s'],
  [120, '120 s'],
  [180, '3 min'],
  [1800, '30 min'],
  [90_000, '25 h'],
  [86_460, '1441 min'],
])('%d seconds are %s', (seconds, words_) => {
  expect(duration(seconds)).toBe(words_);
});

test('a fingerprint is read in groups of four', () => {
  expect(readAloud('abcdefghij')).toBe('abcd efgh ij');
});
