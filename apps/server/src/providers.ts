/** The built-in providers: a new one is a folder and a line here. */
import type { Clock, Random } from '@countersign/core';
import type { Provider } from '@countersign/provider-kit';
import { createPostgresProvider } from '@countersign/provider-postgres';

export function builtInProviders(ports: {
  readonly clock: Clock;
  readonly random: Random;
  readonly brokerSystemIdentifier: () => Promise<string>;
  /** Wrapped around each of them. */
  readonly around: (provider: Provider) => Provider;
}): ReadonlyMap<string, Provider> {
  return new Map(
    [createPostgresProvider(ports)].map((provider) => [provider.name, ports.around(provider)]),
  );
}
