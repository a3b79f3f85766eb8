/** A connection to a described API, as humans sign it: whose credential it is, and the provider ids it is for. */
import { ProviderError, type ResolvedConfig } from '@countersign/provider-kit';
import { z } from 'zod';
import type { Compiled } from './description/compiled.ts';
import { isLoopback } from './description/origin.ts';

/** Ids of one connection; each of its environments maps some. */
const MOST_IDS = 500;

const shape = z.strictObject({
  /** The description's base; for a simulator an origin on this machine. */
  endpoint: z.string().max(300).exactOptional(),
  account: z.string().min(1).max(256).exactOptional(),
  ids: z.array(z.string().min(1).max(1024)).min(1).max(MOST_IDS),
});

export interface HttpConfig {
  readonly endpoint: string;
  readonly account: string;
  readonly ids: readonly string[];
}

/**
 * As an admin wrote it: the account may be left out where the API says whose credential it is.
 * @throws ProviderError `misconfigured`, with every problem
 */
export function parseDraft(
  compiled: Compiled,
  config: Readonly<Record<string, unknown>>,
): Omit<HttpConfig, 'account'> & { readonly account: string | null } {
  const result = shape.safeParse(config);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    throw misconfigured(compiled, problems.join('; '));
  }
  const { endpoint = compiled.origin, account = null, ids } = result.data;
  // Law 3: a credential goes only to the host whose requests are judged.
  if (endpoint !== compiled.origin && !isLoopback(endpoint)) {
    throw misconfigured(
      compiled,
      `endpoint: it has to be ${compiled.origin}, or for a simulator an http origin on this machine`,
    );
  }
  const sorted = [...new Set(ids)].sort();
  if (sorted.length !== ids.length) throw misconfigured(compiled, 'ids: one is there twice');
  return { endpoint, account, ids: sorted };
}

/** As humans signed it. @throws ProviderError `misconfigured` */
export function parseConfig(
  compiled: Compiled,
  config: Readonly<Record<string, unknown>>,
): HttpConfig {
  const { account, ...rest } = parseDraft(compiled, config);
  if (account === null) {
    throw misconfigured(compiled, 'account: say whose credential it is, in words of your own');
  }
  return { ...rest, account };
}

/** The whole of it, and what providers call its endpoint, account and ids. */
export function describeConfig(config: HttpConfig): ResolvedConfig {
  const { endpoint, account, ids } = config;
  return { config: { ...config }, endpoint, account, ids };
}

function misconfigured({ description }: Compiled, problem: string): ProviderError {
  return new ProviderError('misconfigured', `${description.title} connection: ${problem}.`);
}
