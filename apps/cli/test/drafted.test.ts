/** A broker that drafts another thing than was asked for gets no signature. */
import { emptyState } from '@countersign/authority';
import type { DraftRequest, Statement, StatementOf } from '@countersign/contract';
import { Secret } from '@countersign/core';
import { hash } from '@node-rs/argon2';
import { describe, expect, test } from 'vitest';
import { requireAsAsked, requireHashOf } from '../src/drafted.ts';

const ID = '01999f5e-7a40-7000-8000-000000000001';
const [AGENT, CONNECTION, ENVIRONMENT, GRANT] = ['a', 'b', 'c', 'd'].map(
  (digit) => `01999f5e-7a40-7000-8000-00000000000${digit}`,
) as [string, string, string, string];
const BROKER = Buffer.alloc(32, 1).toString('base64url');
const OTHER = Buffer.alloc(32, 2).toString('base64url');

function stateWithNames() {
  const state = emptyState();
  state.names.set('agent/cursor', AGENT);
  state.names.set('connection/pg', CONNECTION);
  state.names.set('environment/staging', ENVIRONMENT);
  return state;
}

function check(request: DraftRequest, statement: Statement) {
  requireAsAsked(
    { request, broker: BROKER, state: stateWithNames(), self: null, commitment: OTHER },
    statement,
  );
}

const around = {
  v: 1,
  id: ID,
  broker: BROKER,
  issued_at: '2026-11-20T12:00:00.000Z',
  sign_by: '2026-11-20T13:00:00.000Z',
} as const;

describe('a grant', () => {
  const request: DraftRequest = {
    kind: 'grant.create',
    id: ID,
    body: {
      agent: 'cursor',
      connection: 'pg',
      environment: 'staging',
      permissions: [
        {
          operations: ['postgres:select', 'postgres:update'],
          resources: ['public.bookings(status, id)'],
        },
        { operations: ['postgres:select'], resources: ['rental.*'] },
      ],
      max_uses: 1,
      reason: 'why',
    },
  };
  const permission = (operations: string[], resources: string[]) => ({
    catalog: OTHER,
    operations: operations.map((name) => ({ name, effect: 'write' as const })),
    resources,
  });
  const body = {
    agent: AGENT,
    connection: CONNECTION,
    environment: ENVIRONMENT,
    permissions: [
      permission(['postgres:select', 'postgres:update'], ['public.bookings(id,status)']),
      permission(['postgres:select'], ['rental.cars', 'rental.customers']),
    ],
    ttl: 60,
    valid_for: 3600,
    max_uses: 1,
    pins: null,
    sender: null,
    sql: null,
    assessment: null,
    request: null,
    reason: 'why',
  };
  const drafted = { ...around, kind: 'grant.create' as const, body };

  test('with names made ids, patterns expanded and defaults filled in is what was asked for', () => {
    expect(() => check(request, drafted)).not.toThrow();
  });

  const more = (...added: ReturnType<typeof permission>[]) => ({
    ...drafted,
    body: { ...body, permissions: [...body.permissions, ...added] },
  });
  test.each<[string, Statement, RegExp]>([
    ['another operation', more(permission(['postgres:delete'], ['rental.cars'])), /also allows/],
    ['another table', more(permission(['postgres:select'], ['public.cards'])), /also allows/],
    ['a whole table', more(permission(['postgres:update'], ['public.bookings'])), /also allows/],
    [
      'a schema that begins alike',
      more(permission(['postgres:select'], ['rental2.x'])),
      /also allows/,
    ],
    [
      'an operation less',
      { ...drafted, body: { ...body, permissions: body.permissions.slice(1) } },
      /leaves out/,
    ],
    [
      'a pattern that became nothing',
      { ...drafted, body: { ...body, permissions: body.permissions.slice(0, 1) } },
      /leaves out/,
    ],
    ['another agent', { ...drafted, body: { ...body, agent: GRANT } }, /agent/],
    ['another environment', { ...drafted, body: { ...body, environment: GRANT } }, /environment/],
    ['more uses', { ...drafted, body: { ...body, max_uses: null } }, /max_uses/],
    ['SQL of its own', { ...drafted, body: { ...body, sql: 'drop table x' } }, /sql/],
    [
      'an access request nobody named',
      { ...drafted, body: { ...body, request: GRANT } },
      /request/,
    ],
    ['other words', { ...drafted, body: { ...body, reason: 'because' } }, /reason/],
    ['another broker', { ...drafted, broker: OTHER }, /broker/],
    ['another id', { ...drafted, id: GRANT }, /id/],
    [
      'another kind',
      { ...around, kind: 'grant.revoke', body: { grant: GRANT, reason: 'why' } },
      /kind/,
    ],
  ])('with %s is not', (_, statement, reason) => {
    expect(() => check(request, statement)).toThrow(reason);
    expect(() => check(request, statement)).toThrow(/Nothing was signed/);
  });
});

test('an environment is drafted with the rule that was typed, and no looser one', () => {
  const request: DraftRequest = {
    kind: 'environment.set',
    id: ID,
    body: { name: 'production', class: 'production', quorum: 3 },
  };
  const body = {
    environment: null,
    name: 'production',
    class: 'production',
    quorum: 3,
    groups: [],
    user_verified: 0,
    cool_off: 0,
    require_dpop: false,
  };
  const drafted = { ...around, kind: 'environment.set' as const, body };
  expect(() => check(request, drafted)).not.toThrow();
  for (const change of [
    { class: 'staging' },
    { quorum: 2 },
    { environment: GRANT },
    { cool_off: 9 },
  ]) {
    expect(() => check(request, { ...drafted, body: { ...body, ...change } })).toThrow(
      /is not what/,
    );
  }
});

test('a connection keeps its credential, configuration and mapping', () => {
  const request: DraftRequest = {
    kind: 'connection.set',
    id: ID,
    body: {
      name: 'pg',
      provider: 'postgres',
      config: { host: 'db.example', port: 5432 },
      environments: { staging: ['db.example:5432/x'] },
    },
  };
  const body = {
    connection: null,
    name: 'pg',
    provider: 'postgres',
    endpoint: 'db.example:5432/x',
    account: 'broker',
    config: { host: 'db.example', port: 5432, system_identifier: '7' },
    mapping: { [ENVIRONMENT]: ['db.example:5432/x'] },
    credential: OTHER,
  };
  const drafted = { ...around, kind: 'connection.set' as const, body };
  expect(() => check(request, drafted)).not.toThrow();
  for (const change of [
    { credential: BROKER },
    { mapping: { [GRANT]: ['db.example:5432/x'] } },
    { mapping: { [ENVIRONMENT]: ['db.example:5432/x', 'db.example:5432/y'] } },
    { config: { ...body.config, host: 'evil.example' } },
    { provider: 'http' },
  ]) {
    expect(() => check(request, { ...drafted, body: { ...body, ...change } })).toThrow(
      /is not what/,
    );
  }
});

test('ids of a configuration may come back as what they name, and no others', () => {
  const [one, other] = ['1f6c1a52-9d2e-4c55-a7f4-0a8f5f3f2b10', OTHER];
  const request: DraftRequest = {
    kind: 'connection.set',
    id: ID,
    body: {
      name: 'railway',
      provider: 'railway',
      config: { token: 'account', projects: [one] },
      environments: {},
    },
  };
  const body = {
    connection: null,
    name: 'railway',
    provider: 'railway',
    endpoint: 'https://backboard.railway.com',
    account: 'user/1',
    mapping: {},
    credential: OTHER,
  };
  const hold = (projects: StatementOf<'connection.set'>['body']['config'][string]) =>
    check(request, {
      ...around,
      kind: 'connection.set' as const,
      body: { ...body, config: { token: 'account', projects } },
    });
  expect(() => hold([{ id: one, name: 'rental', environments: [] }])).not.toThrow();
  for (const projects of [
    [{ id: other, name: 'rental', environments: [] }],
    [{ id: one, name: 'rental' }, { id: other }],
    [{ name: one }],
    [[one]],
    [],
    { 0: { id: one } },
  ]) {
    expect(() => hold(projects), JSON.stringify(projects)).toThrow(/config.projects is not what/);
  }
});

test('a changed connection stays what it is but for what was asked', () => {
  const present = {
    connection: null,
    name: 'pg',
    provider: 'postgres',
    endpoint: 'db.example:5432/x',
    account: 'broker',
    config: { host: 'db.example', system_identifier: '7' },
    mapping: { [ENVIRONMENT]: ['db.example:5432/x'] },
    credential: BROKER,
  };
  const state = stateWithNames();
  state.connections.set(CONNECTION, {
    ...{ id: CONNECTION, name: 'pg', body: present, setBy: CONNECTION },
    ...{ since: around.issued_at, former: [], removedAt: null },
  });
  const hold = (
    asked: Extract<DraftRequest, { kind: 'connection.set' }>['body'],
    commitment: string | null,
    change: object,
  ) =>
    requireAsAsked(
      {
        ...{ broker: BROKER, state, self: null, commitment },
        request: { kind: 'connection.set', id: ID, body: asked },
      },
      {
        ...around,
        kind: 'connection.set',
        body: { ...present, connection: CONNECTION, ...change },
      },
    );
  const rotate = { connection: 'pg' };
  expect(() => hold(rotate, OTHER, { credential: OTHER })).not.toThrow();
  const move = { connection: 'pg', environments: { staging: ['db.example:5432/x'] } };
  expect(() => hold(move, null, {})).not.toThrow();
  for (const [asked, commitment, change] of [
    // The stored credential, or a new one, is steered to where nobody asked for it to go.
    [rotate, OTHER, { credential: OTHER, endpoint: 'evil.example:5432/x' }],
    [rotate, OTHER, { credential: OTHER, account: 'root' }],
    [rotate, OTHER, { credential: OTHER, config: { ...present.config, sslmode: 'disable' } }],
    [rotate, OTHER, { credential: BROKER }],
    [rotate, OTHER, { credential: OTHER, mapping: { [GRANT]: ['db.example:5432/x'] } }],
    [rotate, OTHER, { credential: OTHER, connection: GRANT }],
    [move, null, { credential: OTHER }],
    [move, null, { mapping: { [GRANT]: ['db.example:5432/x'] } }],
    [move, null, { endpoint: 'evil.example:5432/x' }],
  ] as const) {
    expect(() => hold(asked, commitment, change)).toThrow(/is not what/);
  }
});

test('an adopted catalog is the one that was meant, with the effects that were, and no other', () => {
  const state = stateWithNames();
  const operation = { summary: '', effects: [{ effect: 'write' as const }], exchangeable: true };
  for (const digest of [BROKER, OTHER]) {
    state.catalogs.set(digest, {
      provider: 'db',
      operations: ['db:a', 'db:b'].map((name) => ({ ...operation, name })),
    });
  }
  state.latestCatalog.set('db', OTHER);
  const own = new Map([['db:a', 'delete' as const]]);
  state.adopted.set('db', { digest: OTHER, effects: own, superseded: [] });
  const body = {
    provider: 'db',
    digest: OTHER,
    effects: [
      { operation: 'db:a', effect: 'delete' as const },
      { operation: 'db:b', effect: 'execute' as const },
    ],
    reason: 'why',
  };
  const hold = (change: object) =>
    requireAsAsked(
      {
        ...{ broker: BROKER, state, self: null, commitment: null },
        request: {
          kind: 'catalog.adopt',
          id: ID,
          body: {
            ...{ provider: 'db', reason: 'why' },
            effects: [{ operation: 'db:b', effect: 'execute' }],
          },
        },
      },
      { ...around, kind: 'catalog.adopt', body: { ...body, ...change } },
    );
  expect(() => hold({})).not.toThrow();
  for (const change of [
    { digest: BROKER },
    { effects: [] },
    { effects: body.effects.slice(1) },
    { effects: [{ operation: 'db:a', effect: 'read' }, body.effects[1]] },
  ]) {
    expect(() => hold(change)).toThrow(/is not what/);
  }
});

test('another credential is of the agent that was named, and is the one that was', () => {
  const key = { kty: 'OKP', crv: 'Ed25519', x: OTHER } as const;
  const auth = { method: 'private_key_jwt' as const, jwks: { keys: [key] } };
  const request: DraftRequest = {
    kind: 'agent.credential.set',
    id: ID,
    body: { agent: 'cursor', auth, reason: 'rotation' },
  };
  const body = { agent: AGENT, auth, require_dpop: false, reason: 'rotation' };
  const drafted = { ...around, kind: 'agent.credential.set' as const, body };
  expect(() => check(request, drafted)).not.toThrow();
  const stolen = { method: 'private_key_jwt' as const, jwks: { keys: [{ ...key, x: BROKER }] } };
  for (const change of [
    { agent: GRANT },
    { auth: stolen },
    { auth: { ...auth, jwks: { keys: [key, { ...key, x: BROKER }] } } },
    { require_dpop: true },
  ]) {
    expect(() => check(request, { ...drafted, body: { ...body, ...change } })).toThrow(
      /is not what/,
    );
  }
});

describe('an agent with a client secret', async () => {
  const request: DraftRequest = {
    kind: 'agent.register',
    id: ID,
    body: { name: 'etl', auth: { method: 'client_secret' } },
  };
  const secret = new Secret('client secret', 'countersign_secret_x');
  const secret_hash = await hash(secret.reveal(), { memoryCost: 19_456, timeCost: 2 });
  const drafted = (auth: object, more: object = {}): Statement => ({
    ...around,
    kind: 'agent.register',
    // A test drafts what a dishonest server would.
    body: { name: 'etl', require_dpop: false, ...more, auth } as never,
  });
  const good = drafted({ method: 'client_secret', secret_hash });

  test('is signed for when the hash is the one of the secret beside it', async () => {
    expect(() => check(request, good)).not.toThrow();
    await expect(requireHashOf(secret, good)).resolves.toBeUndefined();
  });

  test.each([
    ['another name', drafted({ method: 'client_secret', secret_hash }, { name: 'other' }), /name/],
    ['a key instead', drafted({ method: 'private_key_jwt', jwks: { keys: [] } }), /auth\.method/],
  ])('is not with %s', (_, statement, words) => {
    expect(() => check(request, statement)).toThrow(words);
  });

  test.each([
    ['another secret beside it', new Secret('client secret', 'countersign_secret_y'), good],
    ['no secret beside it', null, good],
    ['a secret beside a key', secret, drafted({ method: 'private_key_jwt', jwks: { keys: [] } })],
  ])('is not with %s', async (_, beside, statement) => {
    await expect(requireHashOf(beside, statement)).rejects.toThrow(/Nothing was signed/);
  });
});

describe('an emergency stop, a removal, an accepted escape', () => {
  const reason = 'why';
  const [f, g] = ['public.f()', 'public.g()'] as const;
  const escapes = [
    { object: f, digest: OTHER },
    { object: g, digest: BROKER },
  ];
  test.each<[DraftRequest, Statement, readonly unknown[]]>([
    [
      {
        kind: 'freeze',
        id: ID,
        body: { target: { kind: 'environment', id: 'staging' }, reason },
      },
      {
        ...around,
        kind: 'freeze',
        body: { target: { kind: 'environment', id: ENVIRONMENT }, reason },
      },
      [
        { target: { kind: 'environment', id: AGENT } },
        { target: { kind: 'everything', id: null } },
        { target: { kind: 'agent', id: ENVIRONMENT } },
        { reason: 'because' },
      ],
    ],
    [
      { kind: 'unfreeze', id: ID, body: { freeze: GRANT, reason } },
      { ...around, kind: 'unfreeze', body: { freeze: GRANT, reason } },
      [{ freeze: AGENT }, { reason: 'because' }],
    ],
    [
      { kind: 'guardrail.add', id: ID, body: { name: 'calm', policy: 'forbid', reason } },
      {
        ...around,
        kind: 'guardrail.add',
        body: { guardrail: null, name: 'calm', policy: 'forbid', reason },
      },
      [{ policy: 'permit' }, { guardrail: GRANT }, { name: 'storm' }, { reason: 'because' }],
    ],
    [
      { kind: 'connection.remove', id: ID, body: { connection: 'pg', reason } },
      { ...around, kind: 'connection.remove', body: { connection: CONNECTION, reason } },
      [{ connection: AGENT }, { reason: 'because' }],
    ],
    [
      { kind: 'escape.accept', id: ID, body: { connection: 'pg', objects: [g, f], reason } },
      { ...around, kind: 'escape.accept', body: { connection: CONNECTION, escapes, reason } },
      [
        { connection: AGENT },
        { escapes: escapes.slice(1) },
        { escapes: [...escapes, { object: 'public.h()', digest: OTHER }] },
        { reason: 'because' },
      ],
    ],
  ])('%o is drafted as it was typed, or not signed', (request, statement, changes) => {
    expect(() => check(request, statement)).not.toThrow();
    for (const change of changes) {
      const body = Object.assign({ ...statement.body }, change);
      expect(() => check(request, Object.assign({ ...statement }, { body }))).toThrow(
        /Nothing was signed/,
      );
    }
  });
});

describe('going on with a restored database', () => {
  const request: DraftRequest = { kind: 'restore.accept', id: ID, body: { reason: 'why' } };
  const tree = { size: 7, root: OTHER };
  const body = { mirror: tree, restored: tree, reason: 'why' };

  test('is signed as the server found it, with the words that were typed', () => {
    check(request, { ...around, kind: 'restore.accept', body });
    const other = {
      ...around,
      kind: 'restore.accept',
      body: { ...body, reason: 'other' },
    } as const;
    expect(() => check(request, other)).toThrow(/Its reason is not what you asked for/);
  });
});
