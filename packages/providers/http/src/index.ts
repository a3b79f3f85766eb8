/**
 * Any API as a provider, by a description that humans adopted. Nothing of an API is known here: what its requests
 * can do, and where they lead, stands in the description, and what does not stand there is denied.
 */
import { type Catalog, type Clock, Secret } from '@countersign/core';
import {
  AnswerCache,
  type Provider,
  type ProviderConnection,
  ProviderError,
  type ResolvedConfig,
  sanitizeErrors,
  type Upstream,
  withDeadline,
} from '@countersign/provider-kit';
import { LONGEST_BODY } from './body.ts';
import { accountOf, checkConnection } from './check.ts';
import { classify } from './classify.ts';
import { describeConfig, parseConfig, parseDraft } from './config.ts';
import { compile, DescriptionError } from './description/compile.ts';
import type { Compiled } from './description/compiled.ts';
import { isOf } from './description/pattern.ts';
import { type Ask, readAnswer } from './resolve.ts';

export interface HttpProviderPorts {
  readonly clock: Clock;
  /** The server's, which closes it. */
  readonly upstream: Upstream;
}

/** Milliseconds. */
const DEADLINES = { resolveConfig: 30_000, check: 30_000 } as const;
/** Of one question to the API. */
const PATIENCE = 10_000;

/** Of what an API says that it did nothing, where its description does not say: asked too often. */
const REFUSED: readonly number[] = [429];

/**
 * The description in a catalog as a server recorded it.
 * @throws DescriptionError where it is none, or its operations are not those it is recorded with
 */
export function readCatalog(catalog: Catalog): Compiled {
  const compiled = compile(catalog.description);
  // Law 1: effects were signed for these operations, and what runs is what was signed.
  if (
    JSON.stringify(compiled.catalog.operations) !== JSON.stringify(catalog.operations.map(plain))
  ) {
    throw new DescriptionError(['Its operations are not those of its description.']);
  }
  return compiled;
}

function plain({ name, summary, effects, exchangeable, request }: Catalog['operations'][number]) {
  return { name, summary, effects, exchangeable, request };
}

/**
 * The provider that a description makes: it forwards, and mints nothing. Resources are what its patterns give, and
 * none covers another.
 */
export function createHttpProvider(
  compiled: Compiled,
  { clock, upstream }: HttpProviderPorts,
): Provider {
  const { description, known } = compiled;
  const cache = new AnswerCache(clock);
  const isResource = (operation: string, resource: string): boolean => {
    const found = known.get(operation);
    return found !== undefined && isOf(found.resource, resource, found.rests);
  };
  const header = (credential: Secret) => ({
    name: description.credential.header,
    value: new Secret(credential.label, `${description.credential.prefix}${credential.reveal()}`),
  });
  const askOver = ({ config, credential }: ProviderConnection): Ask =>
    askAs(upstream, compiled, parseConfig(compiled, config).endpoint, header(credential));
  return withDeadline(
    sanitizeErrors({
      name: description.name,
      catalog: compiled.catalog,
      canonicalResource: (operation, resource) =>
        isResource(operation, resource) ? resource : null,
      covers: (operation, granted, requested) =>
        granted === requested && isResource(operation, granted),
      wholeOf: (resource) => resource,
      expand: async (_connection, operation, pattern) => {
        if (isResource(operation, pattern)) return [pattern];
        const shape = known.get(operation)?.resource.text ?? 'nothing';
        throw new ProviderError(
          'refused',
          `Resources of ${operation} are named one by one, as ${shape}.`,
        );
      },
      resolveConfig: async (config, credential) => {
        const draft = parseDraft(compiled, config);
        const ask = askAs(upstream, compiled, draft.endpoint, header(credential));
        return await completeConfig(compiled, draft, ask);
      },
      describeConfig: (config) => describeConfig(parseConfig(compiled, config)),
      // Law 2: where something stands is said by a request, or asked; the name of a resource proves nothing.
      environmentIds: () => [],
      sameTarget: async (a, b) => {
        const [one, other] = [parseConfig(compiled, a.config), parseConfig(compiled, b.config)];
        return one.ids.some((id) => other.ids.includes(id));
      },
      check: async (connection) =>
        await checkConnection(
          compiled,
          parseConfig(compiled, connection.config),
          askOver(connection),
        ),
      gateway: {
        hosts: [],
        tokenHeaders:
          description.credential.header === 'authorization' ? [] : [description.credential.header],
        longestBody: description.limits?.body ?? LONGEST_BODY,
        classify: async (connection, request) =>
          classify(compiled, request, {
            origin: parseConfig(compiled, connection.config).endpoint,
            ask: askOver(connection),
            cache,
            scope: connection.id,
          }),
        inject: ({ credential }) => header(credential),
        refused: (status) => (description.refused ?? REFUSED).includes(status),
      },
      close: async () => {},
    }),
    DEADLINES,
  );
}

async function completeConfig(
  compiled: Compiled,
  draft: ReturnType<typeof parseDraft>,
  ask: Ask,
): Promise<ResolvedConfig> {
  const account = await accountOf(compiled, ask);
  if (account !== null && draft.account !== null && draft.account !== account) {
    throw new ProviderError(
      'misconfigured',
      `The credential is of ${account}, not of ${draft.account}: enter that one's, or leave account out.`,
    );
  }
  const { endpoint, ids } = draft;
  const named = account ?? draft.account;
  return describeConfig(
    parseConfig(compiled, { endpoint, ids, ...(named === null ? {} : { account: named }) }),
  );
}

function askAs(
  upstream: Upstream,
  { description }: Compiled,
  origin: string,
  credential: { readonly name: string; readonly value: Secret },
): Ask {
  return async (question, signal = AbortSignal.timeout(PATIENCE)) => {
    const isPath = typeof question === 'string';
    const headers = {
      'user-agent': 'countersign',
      ...description.headers,
      ...(isPath ? {} : { 'content-type': 'application/json' }),
    };
    return await readAnswer(
      await upstream.send(
        {
          method: isPath ? 'GET' : 'POST',
          url: new URL(isPath ? question : (description.graphql?.path ?? '/'), origin),
          headers: { ...headers, accept: 'application/json' },
          body: isPath
            ? null
            : new TextEncoder().encode(
                JSON.stringify({ query: question.query, variables: question.variables }),
              ),
        },
        credential,
        { patience: PATIENCE, signal },
      ),
    );
  };
}
