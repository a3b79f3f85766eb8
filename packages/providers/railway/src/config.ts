/**
 * A Railway connection as humans sign it: one credential, whose it is, and the projects it is used for, with the
 * environments that stood in them. Names are there to be read; ids are what counts.
 */
import { ProviderError, type ResolvedConfig } from '@countersign/provider-kit';
import { z } from 'zod';
import { isId } from './resource.ts';

const RAILWAY = 'https://backboard.railway.com';

const TOKEN_KINDS = ['account', 'workspace', 'project'] as const;
export type TokenKind = (typeof TOKEN_KINDS)[number];

/** Projects of one connection: proof may have to look through all of them. */
const MOST_PROJECTS = 20;

const id = z.string().refine(isId, 'must be an id as Railway prints it: a UUID in lower case');
const name = z.string().min(1).max(256);

const environment = z.strictObject({ id, name });
const project = z.strictObject({ id, name, environments: z.array(environment).max(500) });

const shared = {
  endpoint: z.string().transform(canonicalOrigin).default(RAILWAY),
  token: z.enum(TOKEN_KINDS),
};

const draft = z.strictObject({
  ...shared,
  account: z.string().optional(),
  projects: z
    .array(z.union([id, project]).transform((each) => (typeof each === 'string' ? each : each.id)))
    .min(1)
    .max(MOST_PROJECTS),
});

const complete = z.strictObject({
  ...shared,
  account: z.string().regex(/^(?:user|workspace|project)\/[0-9a-f-]{36}$/),
  projects: z.array(project).min(1).max(MOST_PROJECTS),
});

/** What an admin wrote. */
export type DraftConfig = z.output<typeof draft>;

/** What humans signed. */
export type RailwayConfig = z.output<typeof complete>;

/** @throws ProviderError `misconfigured`, with the field and what is wrong with it */
export function parseDraft(config: Readonly<Record<string, unknown>>): DraftConfig {
  return checked(draft.safeParse(config));
}

/** @throws ProviderError `misconfigured`, also where it was never resolved */
export function parseConfig(config: Readonly<Record<string, unknown>>): RailwayConfig {
  const present = parsed.get(config) ?? checked(complete.safeParse(config));
  parsed.set(config, present);
  return present;
}

/** Every request asks, and what humans signed does not change. */
const parsed = new WeakMap<object, RailwayConfig>();

function checked<T extends { endpoint: string; projects: readonly (string | { id: string })[] }>(
  result: z.ZodSafeParseResult<T>,
): T {
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    throw new ProviderError('misconfigured', `Railway connection: ${problems.join('; ')}.`);
  }
  const { endpoint, projects } = result.data;
  if (endpoint !== RAILWAY && !isLoopback(endpoint)) {
    throw new ProviderError(
      'misconfigured',
      `endpoint has to be ${RAILWAY}, or for a simulator an http origin on this machine.`,
    );
  }
  const ids = projects.map((each) => (typeof each === 'string' ? each : each.id));
  if (new Set(ids).size !== ids.length) {
    throw new ProviderError('misconfigured', 'Railway connection: projects names one twice.');
  }
  return result.data;
}

/** Law 3: a credential goes only to the host whose requests are judged. */
function isLoopback(endpoint: string): boolean {
  const url = URL.parse(endpoint);
  return (
    url?.protocol === 'http:' &&
    url.origin === endpoint &&
    (url.hostname === '127.0.0.1' || url.hostname === '[::1]' || url.hostname === 'localhost')
  );
}

function canonicalOrigin(endpoint: string): string {
  const url = URL.parse(endpoint);
  const isOrigin =
    url !== null &&
    url.username === '' &&
    url.password === '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '';
  return isOrigin ? url.origin : endpoint;
}

export function originOf({ endpoint }: Pick<RailwayConfig, 'endpoint'>): URL {
  return new URL(endpoint);
}

/** `Provider.describeConfig`. An environment is one id; a fork is none, since it follows its parent. */
export function describeConfig(config: RailwayConfig): ResolvedConfig {
  const { endpoint, account, projects } = config;
  const ids = projects.flatMap(({ environments }) => environments.map((each) => each.id));
  return { config: { ...config }, endpoint, account, ids };
}
