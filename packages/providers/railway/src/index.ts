/** Railway as a provider: it narrows no token to an operation, so the broker forwards what it has judged. */
import type { Clock, Secret } from '@countersign/core';
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
import { askAs, askOver, headerOf } from './ask.ts';
import { assessDeletion, takesMore } from './assess.ts';
import { LONGEST_BODY } from './body.ts';
import { canonicalResource, catalog, covers } from './catalog.ts';
import { checkConnection } from './check.ts';
import { classify } from './classify.ts';
import { describeConfig, originOf, parseConfig, parseDraft } from './config.ts';
import { completeConfig } from './identity.ts';
import { Drifts } from './schema.ts';

export interface RailwayProviderPorts {
  readonly clock: Clock;
  /** The server's, which closes it. */
  readonly upstream: Upstream;
}

/** Where Railway’s API answers, and where it once did. */
const HOSTS = ['backboard.railway.com', 'backboard.railway.app'];

/** Milliseconds. */
const DEADLINES = {
  resolveConfig: 30_000,
  check: 60_000,
  assess: 20_000,
} as const;

/**
 * The status by which Railway says that it did nothing. A GraphQL server may take a 401 or 403 from one field
 * of an answer, when another has been done.
 */
const TOO_OFTEN = 429;

export function createRailwayProvider({ clock, upstream }: RailwayProviderPorts): Provider {
  const cache = new AnswerCache(clock);
  const drifts = new Drifts(clock);
  const compare = (connection: ProviderConnection) =>
    drifts.of(connection.id, askOver(upstream, connection));
  return withDeadline(
    sanitizeErrors({
      name: 'railway',
      catalog,
      canonicalResource,
      covers,
      wholeOf: (resource) => resource,
      expand: async (_connection, operation, pattern) => {
        if (canonicalResource(operation, pattern) !== null) return [pattern];
        throw new ProviderError(
          'refused',
          'Railway’s resources are named one by one, as <kind>/<id>, of a kind that the operation is done to.',
        );
      },
      resolveConfig: (config, credential) => resolveConfig(upstream, config, credential),
      describeConfig: (config) => describeConfig(parseConfig(config)),
      // Law 2: where something at Railway stands only Railway knows, so nothing is proven without asking.
      environmentIds: () => [],
      sameTarget: async (a, b) => sharesProject(a, b),
      check: async (connection) =>
        checkConnection(parseConfig(connection.config), askOver(upstream, connection), () =>
          compare(connection),
        ),
      gateway: {
        hosts: HOSTS,
        tokenHeaders: ['project-access-token'],
        longestBody: LONGEST_BODY,
        classify: async (connection, request) => {
          const config = parseConfig(connection.config);
          return classify(request, {
            ask: askOver(upstream, connection),
            cache,
            scope: connection.id,
            origin: originOf(config),
            projects: config.projects.map(({ id }) => id),
            isNarrow: config.token === 'project',
            drift: async () => (await compare(connection)).drift,
          });
        },
        inject: ({ config, credential }) => headerOf(parseConfig(config).token, credential),
        refused: (status) => status === TOO_OFTEN,
      },
      assessor: {
        assesses: takesMore,
        assess: async (connection, deletion) => {
          const projects = parseConfig(connection.config).projects.map(({ id }) => id);
          return await assessDeletion(askOver(upstream, connection), projects, deletion);
        },
      },
      close: async () => {},
    }),
    DEADLINES,
  );
}

async function resolveConfig(
  upstream: Upstream,
  config: Readonly<Record<string, unknown>>,
  credential: Secret,
): Promise<ResolvedConfig> {
  const draft = parseDraft(config);
  const ask = askAs(upstream, originOf(draft), headerOf(draft.token, credential));
  return describeConfig(await completeConfig(ask, draft));
}

/** An environment belongs to its project, so two connections share one where they share the other. */
function sharesProject(a: ProviderConnection, b: ProviderConnection): boolean {
  const [one, other] = [parseConfig(a.config), parseConfig(b.config)];
  return one.projects.some(({ id }) => other.projects.some((each) => each.id === id));
}
