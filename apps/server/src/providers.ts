/** The built-in providers: a new one is a folder and a line here. */
import { randomBytes } from 'node:crypto';
import type { Catalog, Clock, Random } from '@countersign/core';
import type { Provider, Upstream } from '@countersign/provider-kit';
import { createPostgresProvider } from '@countersign/provider-postgres';
import { createRailwayProvider } from '@countersign/provider-railway';

export function builtInProviders(ports: {
  readonly clock: Clock;
  readonly random: Random;
  readonly brokerSystemIdentifier: () => Promise<string>;
  /** How those that are spoken to over HTTP are reached. */
  readonly upstream: Upstream;
  /** Wrapped around each of them. */
  readonly around: (provider: Provider) => Provider;
}): ReadonlyMap<string, Provider> {
  return new Map(
    [createPostgresProvider(ports), createRailwayProvider(ports)].map((provider) => [
      provider.name,
      ports.around(provider),
    ]),
  );
}

/** What this version knows of each provider's operations; nothing is asked of anybody. */
export function builtInCatalogs(): readonly Catalog[] {
  const providers = builtInProviders({
    clock: { now: () => Date.now() },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    brokerSystemIdentifier: () => Promise.reject(new Error('no target is reached')),
    upstream: {
      send: () => Promise.reject(new Error('no target is reached')),
      close: async () => undefined,
    },
    around: (provider) => provider,
  });
  return [...providers.values()].map(({ catalog }) => catalog);
}
