/**
 * A draft held against what was asked for. The server completes a statement; this finds whatever it
 * changed, so that nobody signs another thing than the one they typed.
 */
import { isDeepStrictEqual } from 'node:util';
import { type AuthorityState, standingGuardrails } from '@countersign/authority';
import {
  type DraftOf,
  type DraftRequest,
  GRANT_DEFAULTS,
  type Statement,
  type StatementOf,
} from '@countersign/contract';
import type { Secret } from '@countersign/core';
import { unverified } from './failure.ts';
import { recordOf } from './key-file.ts';
import { idNamed } from './own-authority.ts';

export interface Asked {
  readonly request: DraftRequest;
  /** Genesis fingerprint; null when asking for genesis. */
  readonly broker: string | null;
  readonly state: AuthorityState;
  /** Whoever asks, by id; null for someone not enrolled. */
  readonly self: string | null;
  /** SHA-256 of salt and credential, where one travels beside. */
  readonly commitment: string | null;
}

/** @throws Failure `verification_failed`, with the first member that differs */
export function requireAsAsked(asked: Asked, statement: Statement): void {
  const { request } = asked;
  requireSame('kind', statement.kind, request.kind);
  requireSame('id', statement.id, request.id);
  requireSame('broker', statement.broker, asked.broker);
  const wanted = wantedMembers(asked);
  const drafted: Readonly<Record<string, unknown>> = statement.body;
  for (const [member, value] of Object.entries(wanted)) {
    requireSame(member, drafted[member], value);
  }
  if (request.kind === 'grant.create' && statement.kind === 'grant.create') {
    if (request.body.sql === undefined) {
      requireSameRights(request.body.permissions ?? [], statement.body.permissions);
    } else {
      requireOnly(request.body.resource ?? '', statement.body.permissions);
    }
    requireDefaultLimits(request.body, statement.body);
  }
  if (
    (request.kind === 'agent.register' && statement.kind === 'agent.register') ||
    (request.kind === 'agent.credential.set' && statement.kind === 'agent.credential.set')
  ) {
    requireSame('auth.method', statement.body.auth.method, request.body.auth.method);
  }
  if (request.kind === 'escape.accept' && statement.kind === 'escape.accept') {
    const objects = statement.body.escapes.map(({ object }) => object);
    requireSame('escapes', objects, [...new Set(request.body.objects)].sort());
  }
  if (request.kind === 'connection.set' && statement.kind === 'connection.set') {
    for (const [member, value] of Object.entries(request.body.config ?? {})) {
      const drafted = statement.body.config[member];
      if (!isCompletion(drafted, value)) requireSame(`config.${member}`, drafted, value);
    }
  }
}

/** Members of the body that are known beforehand. What is absent here the server completes. */
function wantedMembers(asked: Asked): Readonly<Record<string, unknown>> {
  const { request, state } = asked;
  switch (request.kind) {
    case 'genesis':
      return { ...request.body, key_type: 'passphrase', rp: null, identity_provider: null };
    case 'human.enroll':
      return 'human' in request.body
        ? wantedChange(asked, request.body)
        : {
            ...request.body,
            human: asked.self,
            key_type: 'passphrase',
            rp: null,
            subject: null,
          };
    case 'recover': {
      // Whoever recovers has no authority of their own to look a name up in.
      const { human: _, ...body } = request.body;
      return { ...body, key_type: 'passphrase', rp: null };
    }
    case 'human.remove':
      return { ...request.body, human: idNamed(state, 'human', request.body.human) };
    case 'key.revoke':
    case 'grant.revoke':
    case 'statement.reject':
    case 'unfreeze':
    case 'restore.accept':
      return request.body;
    case 'guardrail.add': {
      const standing = standingGuardrails(state).find(({ name }) => name === request.body.name);
      return { ...request.body, guardrail: standing?.id ?? null };
    }
    case 'guardrail.remove':
      return { ...request.body, guardrail: idNamed(state, 'guardrail', request.body.guardrail) };
    case 'freeze':
      return { ...request.body, target: wantedTarget(state, request.body.target) };
    case 'connection.remove':
      return { ...request.body, connection: idNamed(state, 'connection', request.body.connection) };
    case 'escape.accept':
      return {
        connection: idNamed(state, 'connection', request.body.connection),
        reason: request.body.reason,
      };
    case 'catalog.adopt':
      return wantedAdoption(state, request.body);
    case 'environment.set':
      return wantedEnvironment(state, request.body);
    case 'agent.register':
      return wantedAgent(request.body);
    case 'agent.credential.set':
      return wantedCredential(state, request.body);
    case 'agent.disable':
      return { ...request.body, agent: idNamed(state, 'agent', request.body.agent) };
    case 'connection.set':
      return wantedConnection(asked, request.body);
    case 'grant.create':
      return wantedGrant(state, request.body);
  }
}

/** Nothing of them changes but what was asked for, and no key is new. */
function wantedChange(
  { state, self }: Asked,
  body: Extract<DraftOf<'human.enroll'>['body'], { human: string }>,
): Readonly<Record<string, unknown>> {
  const human = state.humans.get(idNamed(state, 'human', body.human));
  const key = [...state.keys.values()].find(
    (other) => other.human === human?.id && other.revokedAt === null,
  );
  return {
    human: human?.id,
    name: human?.name,
    key: key?.jwk,
    fingerprint: key?.kid,
    roles: [...new Set(body.roles ?? human?.roles)].sort(),
    groups: [...new Set(body.groups ?? human?.groups)].sort(),
    sponsor: self,
    recovery: null,
    rp: null,
    subject: null,
  };
}

/** The hash of a secret is the server's to make; `requireHashOf` holds it against the secret. */
function wantedAgent({ auth, ...body }: DraftOf<'agent.register'>['body']) {
  const wanted = { require_dpop: false, ...body };
  return auth.method === 'client_secret' ? wanted : { ...wanted, auth };
}

function wantedCredential(
  state: AuthorityState,
  { auth, ...body }: DraftOf<'agent.credential.set'>['body'],
) {
  const agent = idNamed(state, 'agent', body.agent);
  const present = state.agents.get(agent)?.requireDpop ?? false;
  const wanted = { require_dpop: present, ...body, agent };
  return auth.method === 'client_secret' ? wanted : { ...wanted, auth };
}

function wantedTarget(state: AuthorityState, target: DraftOf<'freeze'>['body']['target']) {
  if (target.kind === 'everything' || target.kind === 'key') return target;
  return { kind: target.kind, id: idNamed(state, target.kind, target.id) };
}

function wantedEnvironment(state: AuthorityState, body: DraftOf<'environment.set'>['body']) {
  const { environment, ...asked } = body;
  const called = environment ?? body.name;
  const present = [...state.environments.values()].find(
    ({ id, name }) => name === called || id === called,
  );
  const { quorum, groups, user_verified, cool_off, require_dpop } = present?.rule ?? {
    quorum: 2,
    groups: [],
    user_verified: 0,
    cool_off: 0,
    require_dpop: false,
  };
  const kept = { quorum, groups, user_verified, cool_off, require_dpop };
  const wanted = { ...kept, ...asked, environment: present?.id ?? null };
  return { ...wanted, groups: [...wanted.groups].sort() };
}

function wantedAdoption(state: AuthorityState, body: DraftOf<'catalog.adopt'>['body']) {
  const { provider, reason } = body;
  const digest = body.digest ?? state.latestCatalog.get(provider);
  const known = state.catalogs.get(digest ?? '')?.operations.map(({ name }) => name) ?? [];
  const own = new Map<string, string | null>(state.adopted.get(provider)?.effects);
  for (const { operation, effect } of body.effects ?? []) own.set(operation, effect);
  const asked = new Set(body.effects?.map(({ operation }) => operation));
  return {
    ...{ provider, digest, reason },
    effects: [...own]
      .flatMap(([operation, effect]) =>
        effect === null || !(known.includes(operation) || asked.has(operation))
          ? []
          : [{ operation, effect }],
      )
      .sort((a, b) => (a.operation < b.operation ? -1 : 1)),
  };
}

function wantedConnection(
  { state, commitment }: Asked,
  body: DraftOf<'connection.set'>['body'],
): Readonly<Record<string, unknown>> {
  const mapping = Object.fromEntries(
    Object.entries(body.environments ?? {}).map(([name, ids]) => [
      idNamed(state, 'environment', name),
      [...new Set(ids)].sort(),
    ]),
  );
  if (!('connection' in body)) {
    const { name, provider } = body;
    return { connection: null, name, provider, credential: commitment, mapping };
  }
  const connection = idNamed(state, 'connection', body.connection);
  const present = state.connections.get(connection);
  const { provider, endpoint, account, config, credential } = present?.body ?? {};
  return {
    connection,
    name: present?.name,
    provider,
    credential: commitment ?? credential,
    mapping: body.environments === undefined ? present?.body.mapping : mapping,
    // Law 1: the credential goes on to where it went, unless another place was asked for.
    ...(body.config === undefined ? { endpoint, account, config } : {}),
  };
}

function wantedGrant(state: AuthorityState, body: DraftOf<'grant.create'>['body']) {
  const { agent, connection, environment, permissions, resource, ...rest } = body;
  return {
    request: null,
    sql: null,
    ...rest,
    ...(agent === undefined ? {} : { agent: idNamed(state, 'agent', agent) }),
    ...(connection === undefined ? {} : { connection: idNamed(state, 'connection', connection) }),
    ...(environment === undefined
      ? {}
      : { environment: idNamed(state, 'environment', environment) }),
  };
}

type Wanted = NonNullable<DraftOf<'grant.create'>['body']['permissions']>;
type Drafted = StatementOf<'grant.create'>['body']['permissions'];

/** Law 1: what was signed is what runs. No right more than was asked for, none fewer. */
function requireSameRights(wanted: Wanted, drafted: Drafted): void {
  const asked = wanted.flatMap(({ operations, resources }) =>
    operations.flatMap((operation) => resources.map((resource) => ({ operation, resource }))),
  );
  const rights = drafted.flatMap(({ operations, resources }) =>
    operations.flatMap(({ name }) => resources.map((resource) => ({ operation: name, resource }))),
  );
  for (const { operation, resource } of rights) {
    if (!asked.some((a) => a.operation === operation && standsFor(a.resource, resource))) {
      throw differs(`It also allows ${operation} on ${resource}, which you did not ask for.`);
    }
  }
  for (const { operation, resource } of asked) {
    if (!rights.some((r) => r.operation === operation && standsFor(resource, r.resource))) {
      throw differs(`It leaves out ${operation} on ${resource}. Name it as the catalog does.`);
    }
  }
}

/** SQL counts as all its operations; where it runs is what was asked for, and nowhere else. */
function requireOnly(resource: string, drafted: Drafted): void {
  for (const other of drafted.flatMap(({ resources }) => resources)) {
    if (other !== resource) throw differs(`It runs on ${other}, which you did not ask for.`);
  }
}

/** Limits that were left out are the known ones or narrower: a passphrase file signs unseen. */
function requireDefaultLimits(
  wanted: DraftOf<'grant.create'>['body'],
  drafted: StatementOf<'grant.create'>['body'],
): void {
  const dangerous = drafted.pins !== null;
  const most = dangerous ? GRANT_DEFAULTS.delete_capable : GRANT_DEFAULTS;
  if (wanted.ttl === undefined && drafted.ttl > most.ttl) {
    throw differs(`Its leases live ${drafted.ttl} s, longer than the default.`);
  }
  if (wanted.valid_for === undefined && drafted.valid_for > most.valid_for) {
    throw differs(`It stands ${drafted.valid_for} s, longer than the default.`);
  }
  const uses = drafted.max_uses ?? Number.POSITIVE_INFINITY;
  if (wanted.max_uses === undefined && dangerous && uses > GRANT_DEFAULTS.delete_capable.max_uses) {
    throw differs(`It has ${uses} uses, more than the default.`);
  }
}

/** Whether what was asked for, a pattern `schema.*` too, stands for that resource. */
function standsFor(asked: string, resource: string): boolean {
  if (asked.endsWith('.*')) return resource.startsWith(asked.slice(0, -1));
  return oneSpelling(asked) === oneSpelling(resource);
}

/** A column list in ascending order without spaces. */
function oneSpelling(resource: string): string {
  const [, table, columns] = /^([^(]+)\(([^)]*)\)$/.exec(resource) ?? [];
  if (table === undefined || columns === undefined) return resource;
  const names = columns.split(',').map((name) => name.trim());
  return `${table}(${[...new Set(names)].sort().join(',')})`;
}

/**
 * A drafted client secret and the hash that is signed belong together, so that no server has one signed
 * for a secret that is its own and hands out another.
 *
 * @throws Failure `verification_failed`
 */
export async function requireHashOf(
  clientSecret: Secret | null,
  statement: Statement,
): Promise<void> {
  const hash =
    (statement.kind === 'agent.register' || statement.kind === 'agent.credential.set') &&
    statement.body.auth.method === 'client_secret'
      ? statement.body.auth.secret_hash
      : null;
  if (hash === null && clientSecret === null) return;
  const { verify } = await import('@node-rs/argon2');
  if (hash === null || clientSecret === null || !(await verify(hash, clientSecret.reveal()))) {
    throw differs('Its hash is not the one of the secret beside it.');
  }
}

function requireSame(member: string, drafted: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(drafted, wanted)) {
    throw differs(`Its ${member} is not what you asked for.`);
  }
}

function differs(how: string): Error {
  return unverified(
    `The broker drafted another statement. ${how} Nothing was signed.`,
    'countersign audit verify',
  );
}

/** A list of ids as asked, in its order, where each may have become the object that it is the id of. */
function isCompletion(drafted: unknown, asked: unknown): boolean {
  if (!Array.isArray(drafted) || !Array.isArray(asked) || drafted.length !== asked.length) {
    return false;
  }
  return asked.every((each: unknown, at) => {
    const found: unknown = drafted[at];
    const isNamed = typeof each === 'string' && recordOf(found)?.['id'] === each;
    return isNamed || isDeepStrictEqual(found, each);
  });
}
