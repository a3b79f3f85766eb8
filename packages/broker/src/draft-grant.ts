/** A grant, completed for signing: patterns expanded, effects written out, pins and bounds filled in. */
import {
  type AuthorityState,
  connectionPin,
  draftedEffect,
  isDeleteCapableGrant,
  presentConnection,
  registeredKeys,
} from '@countersign/authority';
import {
  type DraftAnswer,
  type DraftOf,
  GRANT_DEFAULTS,
  type Permission,
} from '@countersign/contract';
import { inputError } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { assessDeletions } from './assess-deletions.ts';
import { openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import { dryRun } from './dry-run.ts';
import { idOf } from './named.ts';
import type { AccessRequest } from './ports.ts';
import { type Body, DAY, statementAround } from './statement-around.ts';
import type { HumanCaller } from './use-cases.ts';

/** @throws CountersignError of the input codes */
export async function draftGrant(
  deps: Deps,
  caller: HumanCaller,
  request: DraftOf<'grant.create'>,
): Promise<DraftAnswer> {
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
  const sql = body.sql ?? null;
  const agent = idOf(state, 'agent', body.agent ?? asked?.agent ?? onlyAgentFor(state, sql));
  const connectionId = idOf(state, 'connection', body.connection ?? first?.connection);
  const environment = idOf(state, 'environment', body.environment ?? first?.environment);
  if (asked !== null && asked.agent !== agent) {
    throw inputError('invalid_request', 'The access request is by another agent.');
  }
  const wanted =
    sql === null
      ? (body.permissions ?? permissionsAsked(asked))
      : scriptPermissions(deps, connectionId, body);
  const permissions = await completePermissions(deps, { connectionId, environment, wanted });
  const assessment =
    sql === null
      ? await assessDeletions(deps, caller, {
          ...{ agent, environment, permissions },
          connection: connectionId,
        })
      : await tryScript(deps, caller, { connectionId, environment, agent, sql, permissions });
  const shape = {
    agent,
    connection: connectionId,
    environment,
    permissions,
    sql,
    assessment,
    request: body.request ?? null,
    reason: body.reason,
  };
  const plain: Body<'grant.create'> = {
    ...shape,
    ttl: body.ttl ?? GRANT_DEFAULTS.ttl,
    valid_for: body.valid_for ?? GRANT_DEFAULTS.valid_for,
    max_uses: body.max_uses ?? null,
    pins: null,
    sender: null,
  };
  if (!isDeleteCapableGrant(state, plain))
    return statementAround(deps, 'grant.create', request.id, plain);
  const connection = presentConnection(state, connectionId);
  const registered = state.agents.get(agent);
  const sender = asked?.sender ?? registeredKeys(registered)[0];
  if (connection === undefined || sender === undefined) {
    throw inputError(
      'conflict',
      'The agent has no registered key that tokens could be bound to: it asks for this itself, naming a DPoP key (dpop_jkt).',
    );
  }
  return statementAround(
    deps,
    'grant.create',
    request.id,
    {
      ...plain,
      ttl: body.ttl ?? GRANT_DEFAULTS.delete_capable.ttl,
      valid_for: body.valid_for ?? GRANT_DEFAULTS.delete_capable.valid_for,
      max_uses: body.max_uses ?? GRANT_DEFAULTS.delete_capable.max_uses,
      pins: {
        agent_credentials: [...(registered?.credentials ?? [])],
        connection: connectionPin(connection, environment),
      },
      sender,
    },
    { signWithin: DAY },
  );
}

/** A grant names an agent; where there is one only, SQL that humans would run themselves needs no name. */
function onlyAgentFor(state: AuthorityState, sql: string | null): string | undefined {
  if (sql === null) return undefined;
  const enabled = [...state.agents.values()].filter(({ disabledAt }) => disabledAt === null);
  const [only, ...others] = enabled;
  if (only !== undefined && others.length === 0) return only.id;
  throw inputError(
    'invalid_request',
    only === undefined
      ? 'A grant is for an agent, and none is registered: countersign agent add.'
      : `Say with --agent which agent may run it: ${enabled.map(({ name }) => name).join(', ')}. Whoever signs it may run it as well.`,
  );
}

/** Ownership knows no halves: SQL counts as all that its operations stand for. */
function scriptPermissions(
  deps: Deps,
  connectionId: string,
  body: DraftOf<'grant.create'>['body'],
): Wanted {
  if (body.permissions !== undefined || body.request !== undefined || body.resource === undefined) {
    throw inputError(
      'invalid_request',
      'A grant that holds SQL names the schema as resource, no permissions and no access request.',
    );
  }
  if (body.max_uses !== undefined && body.max_uses !== 1) {
    throw inputError('invalid_request', 'A grant that holds SQL is used once.');
  }
  const provider = deps.authority.state.connections.get(connectionId)?.body.provider ?? '';
  const operations = deps.providers.get(provider)?.runner?.operations;
  if (operations === undefined) {
    throw inputError('invalid_request', `${provider} runs no SQL.`);
  }
  return [{ operations, resources: [body.resource] }];
}

async function tryScript(
  deps: Deps,
  caller: HumanCaller,
  tried: {
    readonly connectionId: string;
    readonly environment: string;
    readonly agent: string;
    readonly sql: string;
    readonly permissions: readonly Permission[];
  },
): Promise<Body<'grant.create'>['assessment']> {
  const connection = deps.authority.state.connections.get(tried.connectionId);
  const [resource, ...others] = new Set(tried.permissions.flatMap(({ resources }) => resources));
  if (connection === undefined || resource === undefined || others.length > 0) {
    throw inputError('invalid_request', 'SQL is tried on one schema.');
  }
  const { environment, agent, sql } = tried;
  if (connection.body.mapping[environment] === undefined) {
    throw inputError('conflict', `${connection.name} maps nothing into that environment.`);
  }
  return await dryRun(deps, caller, { connection, environment, agent, resource, sql });
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
  const connection = presentConnection(state, scope.connectionId);
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
      for (const pattern of new Set(resources)) {
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
