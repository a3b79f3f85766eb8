/**
 * Drafts: the server completes what a proposer wrote (ids for names, pins, expansions, effects) into a
 * statement ready to be read and signed. Nothing is stored and nothing here is authority: the fold
 * judges what comes back signed.
 */
import { createHash } from 'node:crypto';
import {
  type AuthorityState,
  connectionPin,
  draftedEffect,
  isDeleteCapableGrant,
  isPresent,
  nameKey,
  thumbprintOf,
} from '@countersign/authority';
import type {
  DraftAnswer,
  DraftOf,
  DraftRequest,
  Permission,
  Role,
  Statement,
  StatementOf,
} from '@countersign/contract';
import { inputError, isUuid, Secret, toInstant } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { commitmentTo, openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import type { AccessRequest } from './ports.ts';
import type { HumanCaller } from './use-cases.ts';

const DAY = 86_400_000;
/** Seconds. What a grant gets when its proposer did not say. */
const DEFAULTS = {
  ttl: 900,
  validFor: 8 * 3600,
  deleteCapableTtl: 60,
  deleteCapableValidFor: 3600,
  deleteCapableUses: 1,
} as const;

type Body<K extends Statement['kind']> = StatementOf<K>['body'];

/** SHA-256 of a one-time code: codes are kept, looked up and compared only so. */
export function codeHash(code: string): string {
  return createHash('sha256').update(code.trim(), 'utf8').digest('base64url');
}

/** @throws CountersignError of the input codes, with what was wrong and what to do */
export async function draft(
  deps: Deps,
  caller: HumanCaller | null,
  request: DraftRequest,
): Promise<DraftAnswer> {
  const { state } = deps.authority;
  if (caller === null && request.kind !== 'genesis' && request.kind !== 'human.enroll') {
    throw inputError('forbidden', 'Sign in first: a code drafts only genesis or an enrolment.');
  }
  switch (request.kind) {
    case 'genesis':
      return await draftGenesis(deps, request);
    case 'human.enroll':
      return await draftEnrolment(deps, caller, request);
    case 'human.remove':
      return complete(deps, request.kind, request.id, {
        human: idOf(state, 'human', request.body.human),
        reason: request.body.reason,
      });
    case 'key.revoke':
    case 'grant.revoke':
    case 'statement.reject':
      return complete(deps, request.kind, request.id, request.body);
    case 'environment.set':
      return draftEnvironment(deps, request);
    case 'agent.register':
      return complete(deps, request.kind, request.id, {
        name: request.body.name,
        auth: request.body.auth,
        require_dpop: request.body.require_dpop ?? false,
      });
    case 'agent.disable':
      return complete(deps, request.kind, request.id, {
        agent: idOf(state, 'agent', request.body.agent),
        reason: request.body.reason,
      });
    case 'connection.set':
      return await draftConnection(deps, request);
    case 'grant.create':
      return await draftGrant(deps, request);
  }
}

/** The whole statement around a body: version, broker, times. */
function complete<K extends Statement['kind']>(
  deps: Deps,
  kind: K,
  id: string,
  body: Body<K>,
  options: { readonly signWithin?: number; readonly notes?: readonly string[] } = {},
): DraftAnswer {
  const now = deps.clock.now();
  const statement = {
    v: 1,
    kind,
    id,
    broker: kind === 'genesis' ? null : deps.authority.state.broker,
    issued_at: toInstant(now),
    sign_by: toInstant(now + (options.signWithin ?? 7 * DAY)),
    body,
  };
  // Kind and body belong together by this function's signature; the union cannot see that.
  return { statement: statement as unknown as Statement, notes: [...(options.notes ?? [])] };
}

async function draftGenesis(deps: Deps, request: DraftOf<'genesis'>): Promise<DraftAnswer> {
  if (deps.authority.state.broker !== null) {
    throw inputError('conflict', 'This broker has its genesis already. Ask a human to invite you.');
  }
  if (request.code === undefined || !(await deps.codes.isGenesisCode(codeHash(request.code)))) {
    throw inputError(
      'forbidden',
      'The genesis code is wrong or void. The server prints a new one at each start.',
    );
  }
  return complete(
    deps,
    'genesis',
    request.id,
    {
      name: request.body.name,
      key: request.body.key,
      key_type: 'passphrase',
      recovery: request.body.recovery,
      rp: null,
      ledger_key: deps.ledgerKey,
      identity_provider: null,
    },
    { signWithin: DAY },
  );
}

async function draftEnrolment(
  deps: Deps,
  caller: HumanCaller | null,
  request: DraftOf<'human.enroll'>,
): Promise<DraftAnswer> {
  const { state } = deps.authority;
  const fingerprint = await thumbprintOf(request.body.key);
  const shared = {
    key: request.body.key,
    key_type: 'passphrase' as const,
    fingerprint,
    rp: null,
    subject: null,
    recovery: request.body.recovery,
  };
  if (request.code !== undefined) {
    const invitation = await deps.codes.findInvitation(codeHash(request.code), deps.clock.now());
    if (invitation === null) {
      throw inputError('forbidden', 'The invitation is unknown, spent or older than 24 hours.');
    }
    if (invitation.name !== request.body.name) {
      throw inputError('forbidden', `This invitation is for ${invitation.name}.`);
    }
    return complete(deps, 'human.enroll', request.id, {
      ...shared,
      human: null,
      name: invitation.name,
      roles: rolesOf(invitation.roles),
      groups: [...invitation.groups].sort(),
      sponsor: invitation.sponsor,
    });
  }
  const human = state.humans.get(caller?.human ?? '');
  if (!isPresent(human)) {
    throw inputError('forbidden', 'A joiner needs an invitation code; a human adds their own key.');
  }
  if (human.name !== request.body.name) {
    throw inputError('forbidden', 'With a session you add a key of your own, under your own name.');
  }
  return complete(deps, 'human.enroll', request.id, {
    ...shared,
    human: human.id,
    name: human.name,
    roles: [...human.roles],
    groups: [...human.groups],
    sponsor: human.id,
    recovery: null,
  });
}

function rolesOf(roles: readonly string[]): Role[] {
  const known: readonly Role[] = ['admin', 'approver', 'auditor'];
  return known.filter((role) => roles.includes(role));
}

function draftEnvironment(deps: Deps, request: DraftOf<'environment.set'>): DraftAnswer {
  const { state } = deps.authority;
  const id = state.names.get(nameKey('environment', request.body.name)) ?? null;
  const present = id === null ? undefined : state.environments.get(id)?.rule;
  return complete(deps, 'environment.set', request.id, {
    environment: id,
    name: request.body.name,
    class: request.body.class,
    quorum: request.body.quorum ?? present?.quorum ?? 2,
    groups: [...(request.body.groups ?? present?.groups ?? [])].sort(),
    user_verified: request.body.user_verified ?? present?.user_verified ?? 0,
    cool_off: request.body.cool_off ?? present?.cool_off ?? 0,
    require_dpop: request.body.require_dpop ?? present?.require_dpop ?? false,
  });
}

async function draftConnection(
  deps: Deps,
  request: DraftOf<'connection.set'>,
): Promise<DraftAnswer> {
  const { state } = deps.authority;
  const { body, credential } = request;
  const provider = deps.providers.get(body.provider);
  if (provider === undefined) {
    throw inputError(
      'invalid_request',
      `There is no provider ${body.provider}. Built in: ${[...deps.providers.keys()].join(', ')}.`,
    );
  }
  if (credential === undefined) {
    throw inputError('invalid_request', 'The root credential is missing; send it on stdin.');
  }
  const secret = new Secret('root credential', credential.value);
  const resolved = await provider.resolveConfig(body.config, secret).catch((error: unknown) => {
    if (error instanceof ProviderError) throw inputError('invalid_request', error.message);
    throw error;
  });
  const mapping: Record<string, string[]> = {};
  for (const [name, ids] of Object.entries(body.environments)) {
    const environment = idOf(state, 'environment', name);
    const unreachable = ids.find((id) => !resolved.ids.includes(id));
    if (unreachable !== undefined) {
      throw inputError(
        'invalid_request',
        `${unreachable} is not reached by this connection; it reaches ${resolved.ids.join(', ')}.`,
      );
    }
    mapping[environment] = [...new Set(ids)].sort();
  }
  return complete(
    deps,
    'connection.set',
    request.id,
    {
      connection: null,
      name: body.name,
      provider: body.provider,
      endpoint: resolved.endpoint,
      account: resolved.account,
      // A provider's configuration is JSON by its schema.
      config: JSON.parse(JSON.stringify(resolved.config)),
      mapping,
      credential: commitmentTo(credential.salt, secret),
    },
    { notes: [`Reached ${resolved.endpoint} as ${resolved.account}.`] },
  );
}

async function draftGrant(deps: Deps, request: DraftOf<'grant.create'>): Promise<DraftAnswer> {
  const { state } = deps.authority;
  const { body } = request;
  const asked = body.request === undefined ? null : await deps.accessRequests.find(body.request);
  if (body.request !== undefined && asked === null) {
    throw inputError('not_found', 'There is no such access request.');
  }
  if (asked !== null && (asked.rejection !== null || asked.statement !== null)) {
    throw inputError('conflict', 'This access request was answered already.');
  }
  const first = asked?.details[0];
  const agent = idOf(state, 'agent', body.agent ?? asked?.agent);
  const connectionId = idOf(state, 'connection', body.connection ?? first?.connection);
  const environment = idOf(state, 'environment', body.environment ?? first?.environment);
  if (asked !== null && asked.agent !== agent) {
    throw inputError('invalid_request', 'The access request is by another agent.');
  }
  const wanted = body.permissions ?? permissionsAsked(asked);
  const permissions = await completePermissions(deps, { connectionId, environment, wanted });
  const shape = {
    agent,
    connection: connectionId,
    environment,
    permissions,
    sql: null,
    assessment: null,
    request: body.request ?? null,
    reason: body.reason,
  };
  const plain: Body<'grant.create'> = {
    ...shape,
    ttl: body.ttl ?? DEFAULTS.ttl,
    valid_for: body.valid_for ?? DEFAULTS.validFor,
    max_uses: body.max_uses ?? null,
    pins: null,
    sender: null,
  };
  if (!isDeleteCapableGrant(state, plain)) return complete(deps, 'grant.create', request.id, plain);
  const connection = state.connections.get(connectionId);
  const credentials = state.agents.get(agent)?.credentials ?? [];
  const sender = asked?.sender ?? credentials[0];
  if (connection === undefined || sender === undefined) {
    throw inputError('conflict', 'The agent has no registered key that tokens could be bound to.');
  }
  return complete(
    deps,
    'grant.create',
    request.id,
    {
      ...plain,
      ttl: body.ttl ?? DEFAULTS.deleteCapableTtl,
      valid_for: body.valid_for ?? DEFAULTS.deleteCapableValidFor,
      max_uses: body.max_uses ?? DEFAULTS.deleteCapableUses,
      pins: {
        agent_credentials: [...credentials],
        connection: connectionPin(connection, environment),
      },
      sender,
    },
    { signWithin: DAY },
  );
}

type Wanted = readonly {
  readonly operations: readonly string[];
  readonly resources: readonly string[];
}[];

/** What an access request asks for, as permissions; it must concern one connection and environment. */
function permissionsAsked(asked: AccessRequest | null): Wanted {
  if (asked === null) {
    throw inputError('invalid_request', 'A grant names operations and resources.');
  }
  const [first] = asked.details;
  if (
    asked.details.some(
      (detail) =>
        detail.connection !== first?.connection || detail.environment !== first.environment,
    )
  ) {
    throw inputError(
      'invalid_request',
      'The request spans several environments; answer it with one grant each, naming operations.',
    );
  }
  return asked.details;
}

async function completePermissions(
  deps: Deps,
  scope: {
    readonly connectionId: string;
    readonly environment: string;
    readonly wanted: Wanted;
  },
): Promise<Permission[]> {
  const { state } = deps.authority;
  const connection = state.connections.get(scope.connectionId);
  if (connection === undefined) throw inputError('not_found', 'There is no such connection.');
  const { opened, provider } = await openConnection(deps, connection);
  const catalog = state.latestCatalog.get(connection.body.provider) ?? '';
  const permissions: Permission[] = [];
  for (const { operations, resources } of scope.wanted) {
    const byResources = new Map<
      string,
      { operations: Permission['operations']; resources: string[] }
    >();
    for (const operation of [...new Set(operations)].sort()) {
      const expanded = new Set<string>();
      for (const pattern of resources) {
        const found = await provider.expand(opened, operation, pattern).catch((error: unknown) => {
          if (error instanceof ProviderError) throw inputError('invalid_request', error.message);
          throw error;
        });
        for (const resource of found) expanded.add(resource);
      }
      const list = [...expanded].sort();
      if (list.length === 0) {
        throw inputError('invalid_request', `${resources.join(', ')} stands for nothing there.`);
      }
      // Resources of one operation with different effects stand apart, so that each shows its own.
      for (const [effect, group] of groupByEffect(state, scope.environment, operation, list)) {
        const key = JSON.stringify(group);
        const permission = byResources.get(key) ?? { operations: [], resources: group };
        permission.operations.push({ name: operation, effect });
        byResources.set(key, permission);
      }
    }
    for (const permission of byResources.values()) permissions.push({ catalog, ...permission });
  }
  return permissions;
}

function groupByEffect(
  state: AuthorityState,
  environment: string,
  operation: string,
  resources: readonly string[],
) {
  const groups = new Map<Permission['operations'][number]['effect'], string[]>();
  for (const resource of resources) {
    const effect = draftedEffect(state, environment, operation, [resource]);
    if (effect === null) {
      throw inputError('invalid_request', `${operation} is in no catalog of this provider.`);
    }
    const group = groups.get(effect) ?? [];
    group.push(resource);
    groups.set(effect, group);
  }
  return groups;
}

/** A name, or an id, to an id. @throws CountersignError `not_found`, `invalid_request` */
export function idOf(
  state: AuthorityState,
  kind: 'human' | 'environment' | 'agent' | 'connection',
  nameOrId: string | undefined,
): string {
  if (nameOrId === undefined) throw inputError('invalid_request', `Which ${kind}? It is missing.`);
  const id = state.names.get(nameKey(kind, nameOrId)) ?? (isUuid(nameOrId) ? nameOrId : undefined);
  if (id === undefined) throw inputError('not_found', `There is no ${kind} ${nameOrId}.`);
  return id;
}
