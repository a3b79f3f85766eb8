/** A proposed connection: its credential sealed to what is signed, and nothing mapped a second time. */
import { isDeepStrictEqual } from 'node:util';
import {
  type AuthorityState,
  type Connection,
  isOvertaken,
  presentConnection,
} from '@countersign/authority';
import type { CredentialBeside, StatementOf } from '@countersign/contract';
import { inputError, Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { commitmentTo, openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import type { RowEffect } from './ports.ts';
import { isPending, unsettledRecords } from './views.ts';

/**
 * What is signed agrees with itself, and the credential beside it is the one it commits to, sealed before
 * anything is stored. A change that keeps the present credential brings none.
 */
export async function sealedEffects(
  deps: Deps,
  statement: StatementOf<'connection.set'>,
  beside: CredentialBeside | undefined,
): Promise<RowEffect[]> {
  const { body } = statement;
  const { broker } = deps.authority.state;
  const provider = deps.providers.get(body.provider);
  const described = provider === undefined ? null : describeConfig(provider, body.config);
  if (described?.endpoint !== body.endpoint || described.account !== body.account) {
    throw inputError('invalid_request', 'Endpoint or account are not what the configuration says.');
  }
  const mapped = Object.values(body.mapping).flat();
  if (mapped.some((id) => !described.ids.includes(id))) {
    throw inputError('invalid_request', 'The mapping names an id this connection does not reach.');
  }
  const present = presentOf(deps.authority.state, statement);
  if (present?.body.credential === body.credential) {
    // Nor has it another endpoint, account or configuration: the fold refuses those.
    if (beside === undefined) return [];
    throw inputError('invalid_request', 'This is the present credential; nothing goes beside it.');
  }
  if (beside === undefined || broker === null) {
    throw inputError('invalid_request', 'The root credential goes beside the statement.');
  }
  const credential = new Secret('root credential', beside.value);
  if (commitmentTo(beside.salt, credential) !== body.credential) {
    throw inputError('invalid_request', 'The credential is not the one the statement commits to.');
  }
  const sealed = await deps.sealed.seal(
    {
      broker,
      connection: body.connection ?? statement.id,
      endpoint: body.endpoint,
      account: body.account,
    },
    beside.salt,
    credential,
  );
  return [{ kind: 'seal-credential', statement: statement.id, sealed }];
}

function presentOf(
  state: AuthorityState,
  { body }: StatementOf<'connection.set'>,
): Connection | undefined {
  return body.connection === null ? undefined : presentConnection(state, body.connection);
}

/** A connection as its proposal would make it, with the credential it would then have. */
function proposedConnection(
  state: AuthorityState,
  statement: StatementOf<'connection.set'>,
): Connection {
  const { id, body } = statement;
  const present = presentOf(state, statement);
  return {
    id: body.connection ?? id,
    name: body.name,
    body,
    setBy: present?.body.credential === body.credential ? present.setBy : id,
    since: state.time,
    former: [],
    removedAt: null,
  };
}

/** Whether it goes on reaching exactly what it reaches now, by whatever credential. */
function reachesTheSame(state: AuthorityState, statement: StatementOf<'connection.set'>): boolean {
  const present = presentOf(state, statement);
  const { endpoint, config } = statement.body;
  return present?.body.endpoint === endpoint && isDeepStrictEqual(present.body.config, config);
}

/** What is connected, and what waits for signatures to be: either could map the same thing first. */
function connectionsAndProposals(deps: Deps): Connection[] {
  const { state } = deps.authority;
  const now = deps.clock.now();
  const proposed = unsettledRecords(state).flatMap((record) => {
    const { statement } = record.decoded;
    return statement.kind === 'connection.set' &&
      isPending(record, now) &&
      !isOvertaken(state, record) &&
      !reachesTheSame(state, statement)
      ? [proposedConnection(state, statement)]
      : [];
  });
  const connected = [...state.connections.values()].filter(({ removedAt }) => removedAt === null);
  return [...connected, ...proposed];
}

/**
 * Asked at each attempt to propose or sign it: that its credential is there, and that it makes nothing known
 * by a second name.
 *
 * @param entered the credential beside a proposal; null where none is, or it was sealed before
 */
export async function recheckConnection(
  deps: Deps,
  statement: StatementOf<'connection.set'>,
  entered: Secret | null,
): Promise<void> {
  const { state } = deps.authority;
  const proposed = proposedConnection(state, statement);
  if (proposed.setBy === statement.id && entered === null) await requireSealed(deps, statement);
  if (reachesTheSame(state, statement)) return;
  const credential = entered ?? (await openConnection(deps, proposed)).opened.credential;
  await requireNoAlias(deps, statement, credential);
}

/** A change that was to keep a credential that is another one by now has none. */
async function requireSealed(deps: Deps, { id }: StatementOf<'connection.set'>): Promise<void> {
  if (await deps.sealed.holds(id)) return;
  throw inputError(
    'conflict',
    'It keeps a root credential that was rotated or removed meanwhile. Propose it anew.',
  );
}

/**
 * Ids are disjoint across all connections, and an alias is the same id: what another connection reaches
 * already is not mapped a second time, into an environment with another rule.
 */
async function requireNoAlias(
  deps: Deps,
  statement: StatementOf<'connection.set'>,
  credential: Secret,
): Promise<void> {
  const { body } = statement;
  const own = body.connection ?? statement.id;
  for (const other of connectionsAndProposals(deps)) {
    if (other.body.provider !== body.provider || other.id === own) continue;
    const { provider, opened } = await openConnection(deps, other);
    const proposed = { ...opened, id: statement.id, config: body.config, credential };
    const same = await provider.sameTarget(opened, proposed).catch((error: unknown) => {
      if (!(error instanceof ProviderError)) throw error;
      throw inputError(
        'invalid_request',
        `It could not be told whether this is what ${other.name} reaches already: ${error.message}`,
      );
    });
    if (same) {
      throw inputError(
        'conflict',
        `This is what connection ${other.name} reaches, by another name.`,
      );
    }
  }
}

function describeConfig(
  provider: {
    describeConfig(config: Record<string, unknown>): {
      endpoint: string;
      account: string;
      ids: readonly string[];
    };
  },
  config: Record<string, unknown>,
) {
  try {
    return provider.describeConfig(config);
  } catch {
    throw inputError('invalid_request', 'The configuration is not one its provider understands.');
  }
}
