/**
 * A connection, new or changed, completed for signing by asking the provider. The root credential is tried
 * here, before anybody proposes it; a stored one goes nowhere but where humans signed that it goes.
 */
import { type AuthorityState, type Connection, presentConnection } from '@countersign/authority';
import type { DraftAnswer, DraftOf } from '@countersign/contract';
import { inputError, Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { commitmentTo, openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import { idOf } from './named.ts';
import { type Body, statementAround } from './statement-around.ts';

type Request = DraftOf<'connection.set'>;
type Mapping = Body<'connection.set'>['mapping'];

/** What is asked of the provider, and what the statement says of the credential. */
interface Wanted {
  readonly present: Connection | null;
  readonly name: string;
  readonly provider: string;
  readonly config: Body<'connection.set'>['config'];
  /** Null: as it is. */
  readonly environments: Readonly<Record<string, readonly string[]>> | null;
  readonly credential: Secret;
  readonly commitment: string;
}

/** @throws CountersignError of the input codes */
export async function draftConnection(deps: Deps, request: Request): Promise<DraftAnswer> {
  const wanted = await wantedOf(deps, request);
  const { present, name, credential } = wanted;
  const provider = deps.providers.get(wanted.provider);
  if (provider === undefined) {
    throw inputError(
      'invalid_request',
      `There is no provider ${wanted.provider}. Built in: ${[...deps.providers.keys()].join(', ')}.`,
    );
  }
  const resolved = await provider
    .resolveConfig(wanted.config, credential)
    .catch((error: unknown) => {
      if (error instanceof ProviderError) throw inputError('invalid_request', error.message);
      throw error;
    });
  const { environments } = wanted;
  const mapping =
    environments === null
      ? (present?.body.mapping ?? {})
      : mappingOf(deps.authority.state, environments);
  const unreachable = Object.values(mapping)
    .flat()
    .find((id) => !resolved.ids.includes(id));
  if (unreachable !== undefined) {
    throw inputError(
      'invalid_request',
      `${unreachable} is not reached by this connection; it reaches ${resolved.ids.join(', ')}.`,
    );
  }
  return statementAround(
    deps,
    'connection.set',
    request.id,
    {
      connection: present?.id ?? null,
      name,
      provider: wanted.provider,
      endpoint: resolved.endpoint,
      account: resolved.account,
      // A provider's configuration is JSON by its schema.
      config: JSON.parse(JSON.stringify(resolved.config)),
      mapping,
      credential: wanted.commitment,
    },
    { notes: [`Reached ${resolved.endpoint} as ${resolved.account}.`] },
  );
}

async function wantedOf(deps: Deps, { body, credential: beside }: Request): Promise<Wanted> {
  const entered = beside === undefined ? null : new Secret('root credential', beside.value);
  if (!('connection' in body)) {
    if (beside === undefined || entered === null) {
      throw inputError('invalid_request', 'The root credential is missing; send it on stdin.');
    }
    const commitment = commitmentTo(beside.salt, entered);
    return { ...body, present: null, credential: entered, commitment };
  }
  const { state } = deps.authority;
  const present = presentConnection(state, idOf(state, 'connection', body.connection));
  if (present === undefined) {
    throw inputError('conflict', `Connection ${body.connection} is removed already.`);
  }
  const { name } = present;
  const { provider, config } = present.body;
  const environments = body.environments ?? null;
  if (beside !== undefined && entered !== null) {
    return {
      ...{ present, name, provider, environments, config: body.config ?? config },
      credential: entered,
      commitment: commitmentTo(beside.salt, entered),
    };
  }
  // A session drafts, and no session sends a stored credential to where nobody has signed that it goes.
  if (body.config !== undefined) {
    throw inputError(
      'invalid_request',
      'For another configuration the root credential is entered anew; send it on stdin.',
    );
  }
  const { opened } = await openConnection(deps, present);
  const { credential } = opened;
  return {
    ...{ present, name, provider, config, environments, credential },
    commitment: present.body.credential,
  };
}

function mappingOf(
  state: AuthorityState,
  environments: Readonly<Record<string, readonly string[]>>,
): Mapping {
  return Object.fromEntries(
    Object.entries(environments).map(([name, ids]) => [
      idOf(state, 'environment', name),
      [...new Set(ids)].sort(),
    ]),
  );
}
