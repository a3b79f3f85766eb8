/**
 * A ledger so far, as state put together by hand: what one entry says can be held against it, each lie by
 * itself, without anybody signing anything.
 */
import { createHash } from 'node:crypto';
import { digestOfDocument, type Grant, nameKey } from '@countersign/authority';
import type { Role } from '@countersign/contract';
import { type CatalogOperation, type Effect, toInstant } from '@countersign/core';
import { type Entry, LedgerSoFar } from '../src/ledger-so-far.ts';

export const NOW = Date.parse('2026-11-20T12:00:00.000Z');
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const EARLIER = toInstant(NOW - HOUR);

export const id = (n: number): string => `01999f5e-7a40-7000-8000-${`${n}`.padStart(12, '0')}`;
/** 43 characters, as a thumbprint or a digest has. */
export const digest = (text: string): string =>
  createHash('sha256').update(text).digest('base64url');

/** Alice is admin and approver, bob approves, carol reads, dave has no role. */
export const [ALICE, BOB, CAROL, DAVE] = [id(1), id(2), id(3), id(4)];
export const [AGENT, OTHER, PG, LIVE] = [id(11), id(12), id(13), id(14)];
export const [STAGING, PRODUCTION] = [id(15), id(16)];
/** The agent's own key, and one it had before. */
export const [AGENT_KEY, FORMER_KEY] = [digest('agent'), digest('agent before')];
export const NOBODY = id(999);

const OPERATIONS: Readonly<Record<string, readonly [Effect, boolean]>> = {
  select: ['read', true],
  update: ['write', true],
  delete: ['delete', true],
  copy: ['reveal', true],
  call: ['execute', true],
  alter: ['write', false],
  drop: ['delete', false],
};

export function operation(name: string, effect: Effect, exchangeable = true): CatalogOperation {
  return { name: `postgres:${name}`, summary: name, effects: [{ effect }], exchangeable };
}

export function ledgerByHand(): LedgerSoFar {
  const ledger = new LedgerSoFar();
  const { state } = ledger;
  state.catalogs.set('catalog', {
    provider: 'postgres',
    operations: Object.entries(OPERATIONS).map(([name, [effect, exchangeable]]) =>
      operation(name, effect, exchangeable),
    ),
  });
  for (const [each, name] of [
    [STAGING, 'staging'],
    [PRODUCTION, 'production'],
  ] as const) {
    setRule(ledger, each, { name, class: name });
    state.names.set(nameKey('environment', name), each);
  }
  for (const [each, name, roles] of [
    [ALICE, 'alice', ['admin', 'approver']],
    [BOB, 'bob', ['approver']],
    [CAROL, 'carol', ['auditor']],
    [DAVE, 'dave', []],
  ] as const) {
    addHuman(ledger, each, name, roles);
  }
  for (const [each, name, kid] of [
    [AGENT, 'cursor', AGENT_KEY],
    [OTHER, 'scribe', digest('other')],
  ] as const) {
    state.agents.set(each, {
      ...{ id: each, name, auth: { method: 'private_key_jwt', jwks: { keys: [] } } },
      ...{ credentials: [kid], requireDpop: false, disabledAt: null },
    });
    state.names.set(`agent-key/${kid}`, each);
  }
  state.names.set(`agent-key/${FORMER_KEY}`, AGENT);
  for (const [each, name] of [
    [PG, 'pg'],
    [LIVE, 'live'],
  ] as const) {
    const endpoint = `db.example.com/${name}`;
    state.connections.set(each, {
      ...{ id: each, name, setBy: each, since: EARLIER, former: [], removedAt: null },
      body: {
        ...{ connection: null, name, provider: 'postgres', endpoint, account: 'broker' },
        ...{ config: {}, credential: digest(name) },
        mapping: { [STAGING]: [endpoint], [PRODUCTION]: [endpoint] },
      },
    });
    state.names.set(nameKey('connection', name), each);
  }
  ledger.grants.forget();
  return ledger;
}

type Rule = Parameters<LedgerSoFar['state']['environments']['set']>[1]['rule'];

export function setRule(ledger: LedgerSoFar, environment: string, change: Partial<Rule>): void {
  const { environments } = ledger.state;
  const rule: Rule = environments.get(environment)?.rule ?? {
    ...{ environment: null, name: 'staging', class: 'staging', quorum: 2, groups: [] },
    ...{ user_verified: 0, cool_off: 0, require_dpop: false },
  };
  const changed = { ...rule, ...change };
  environments.set(environment, { id: environment, name: changed.name, rule: changed });
}

export function addHuman(
  ledger: LedgerSoFar,
  human: string,
  name: string,
  roles: readonly Role[],
  type: 'passphrase' | 'user-verified' = 'passphrase',
): void {
  const since = Object.fromEntries(
    ['key', ...roles.map((role) => `role/${role}`)].map((what) => [what, 0]),
  );
  ledger.state.humans.set(human, {
    ...{ id: human, name, roles: [...roles], groups: [], since },
    ...{ recovery: null, vouchedByOne: false, enrolledAt: EARLIER, removedAt: null },
  });
  const kid = digest(name);
  ledger.state.keys.set(kid, {
    ...{ kid, human, type, jwk: { kty: 'OKP', crv: 'Ed25519', x: kid } },
    ...{ addedAt: EARLIER, revokedAt: null },
  });
}

/** Changes what a map of the state holds, which must be there. */
export function change<T>(map: Map<string, T>, key: string, to: Partial<T>): void {
  const present = map.get(key);
  if (present === undefined) throw new Error(`There is no ${key} to change.`);
  map.set(key, { ...present, ...to });
}

export function freeze(
  ledger: LedgerSoFar,
  kind: 'agent' | 'human' | 'key' | 'everything' | 'environment' | 'connection',
  of: string | null,
  liftedAt: string | null = null,
): void {
  const each = id(900 + ledger.state.freezes.size);
  // The kinds are right for their ids; the type wants each pair by itself.
  const target = { kind, id: of } as never;
  ledger.state.freezes.set(each, {
    ...{ id: each, target, reason: 'a test', author: ALICE, at: EARLIER },
    ...{ secondedBy: null, liftedAt },
  });
  ledger.grants.forget();
}

/** What a grant pins of agent and connection as they are. */
export function pinsNow({ state }: LedgerSoFar, connection = PG, environment = STAGING) {
  const body = state.connections.get(connection)?.body;
  if (body === undefined) throw new Error('There is no such connection.');
  const { provider, endpoint, account, config, mapping } = body;
  return {
    agent_credentials: [...(state.agents.get(AGENT)?.credentials ?? [])],
    connection: digestOfDocument({
      ...{ connection, provider, endpoint, account, config },
      mapping: mapping[environment] ?? [],
    }),
  };
}

export interface GrantWish extends Partial<Grant['body']> {
  readonly operations?: readonly (readonly [name: string, effect: Effect])[];
  readonly resources?: readonly string[];
  readonly from?: number;
  readonly until?: number;
  readonly revokedAt?: string | null;
  readonly unpinnedAt?: string | null;
  /** Who signed, at entry 5; null: there is no statement. */
  readonly signedBy?: readonly (readonly [human: string, name: string])[] | null;
}

export function addGrant(ledger: LedgerSoFar, grant: string, wish: GrantWish = {}): void {
  const { operations = [['select', 'read']], resources = ['public.orders'], ...rest } = wish;
  const { from = NOW - HOUR, until = NOW + HOUR, revokedAt = null, ...body } = rest;
  const { unpinnedAt = null, signedBy = [], ...ofBody } = body;
  ledger.state.grants.set(grant, {
    ...{ id: grant, completedAt: NOW - HOUR, from, until, revokedAt, unpinnedAt },
    body: {
      ...{ agent: AGENT, connection: PG, environment: STAGING, ttl: 300, valid_for: 7200 },
      permissions: [permission(operations, resources)],
      ...{ max_uses: null, pins: null, sender: null, sql: null, assessment: null },
      ...{ request: null, reason: 'a test', ...ofBody },
    },
  });
  if (signedBy !== null) sign(ledger, grant, signedBy);
  ledger.grants.forget();
}

export function permission(
  operations: readonly (readonly [name: string, effect: Effect])[],
  resources: readonly string[],
): Grant['body']['permissions'][number] {
  return {
    catalog: digest('catalog'),
    operations: operations.map(([name, effect]) => ({ name: `postgres:${name}`, effect })),
    resources: [...resources],
  };
}

/** Signed by alice and bob, pinned and bound, for one use. */
export function addDeleting(ledger: LedgerSoFar, grant: string, wish: GrantWish = {}): void {
  addGrant(ledger, grant, {
    ...{
      operations: [['delete', 'delete']],
      max_uses: 1,
      pins: pinsNow(ledger),
      sender: AGENT_KEY,
    },
    signedBy: [
      [ALICE, 'alice'],
      [BOB, 'bob'],
    ],
    ...wish,
  });
}

/** Signatures that were counted, by the keys of these humans, in the entry at index 5. */
export function sign(
  { state }: LedgerSoFar,
  statement: string,
  by: readonly (readonly [human: string, name: string])[],
): void {
  const signatures = by.map(([human, name]) => ({
    kid: digest(name),
    human,
    at: EARLIER,
    entry: 5,
  }));
  // Of a statement, only its signatures are asked for here.
  state.statements.set(statement, { signatures } as never);
}

export function entryOf(n: number, at = NOW, type = 'decision'): Entry {
  return { index: n, id: id(n), time: toInstant(at), at, type, body: null };
}

export function right(grant: string, name: string, effect: Effect, resources = ['public.orders']) {
  return { grant, effect, operations: [`postgres:${name}`], resources };
}

export function detail(
  operations: readonly string[],
  resources = ['public.orders'],
  connection = 'pg',
) {
  return {
    ...{ type: 'countersign' as const, connection, environment: 'staging', resources },
    operations: operations.map((name) => `postgres:${name}`),
  };
}
