/** A proposed connection: its credential sealed to what is signed, and nothing mapped a second time. */
import type { Connection } from '@countersign/authority';
import type { CredentialBeside, StatementOf } from '@countersign/contract';
import { inputError, Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { commitmentTo, openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import type { RowEffect } from './ports.ts';
import { isPending } from './views.ts';

/** The credential is checked against what is signed, and sealed to it, before anything is stored. */
export async function sealedEffect(
  deps: Deps,
  statement: StatementOf<'connection.set'>,
  beside: CredentialBeside | undefined,
): Promise<RowEffect> {
  const { body } = statement;
  const { broker } = deps.authority.state;
  if (beside === undefined || broker === null) {
    throw inputError('invalid_request', 'The root credential goes beside the statement.');
  }
  const credential = new Secret('root credential', beside.value);
  if (commitmentTo(beside.salt, credential) !== body.credential) {
    throw inputError('invalid_request', 'The credential is not the one the statement commits to.');
  }
  const provider = deps.providers.get(body.provider);
  const described = provider === undefined ? null : describeConfig(provider, body.config);
  if (described?.endpoint !== body.endpoint || described.account !== body.account) {
    throw inputError('invalid_request', 'Endpoint or account are not what the configuration says.');
  }
  const mapped = Object.values(body.mapping).flat();
  if (mapped.some((id) => !described.ids.includes(id))) {
    throw inputError('invalid_request', 'The mapping names an id this connection does not reach.');
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
  return { kind: 'seal-credential', statement: statement.id, sealed };
}

/** A connection as its proposal would make it; its credential is sealed under the same name. */
export function proposedConnection(statement: StatementOf<'connection.set'>): Connection {
  const { id, body } = statement;
  return { id: body.connection ?? id, name: body.name, body, setBy: id, removedAt: null };
}

/** What is connected, and what waits for signatures to be: either could map the same thing first. */
function connectionsAndProposals(deps: Deps): Connection[] {
  const { state } = deps.authority;
  const now = deps.clock.now();
  const proposed = [...state.statements.values()].flatMap((record) => {
    const { statement } = record.decoded;
    return statement.kind === 'connection.set' && isPending(record, now)
      ? [proposedConnection(statement)]
      : [];
  });
  const connected = [...state.connections.values()].filter(({ removedAt }) => removedAt === null);
  return [...connected, ...proposed];
}

/**
 * Ids are disjoint across all connections, and an alias is the same id: what another connection reaches
 * already is not mapped a second time, into an environment with another rule.
 */
export async function requireNoAlias(
  deps: Deps,
  statement: StatementOf<'connection.set'>,
  credential: Secret,
): Promise<void> {
  const { body } = statement;
  for (const other of connectionsAndProposals(deps)) {
    if (other.body.provider !== body.provider || other.setBy === statement.id) continue;
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
