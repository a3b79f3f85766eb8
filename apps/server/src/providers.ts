/** The built-in providers: a new one is a folder and a line here. */
import { randomBytes } from 'node:crypto';
import type { Descriptions } from '@countersign/broker';
import { type Catalog, type Clock, inputError, type Random } from '@countersign/core';
import { createHttpProvider, readCatalog } from '@countersign/provider-http';
import { type Compiled, compile, DescriptionError } from '@countersign/provider-http/description';
import type { Provider, Upstream } from '@countersign/provider-kit';
import { createPostgresProvider } from '@countersign/provider-postgres';
import { createRailwayProvider } from '@countersign/provider-railway';

/** Providers of descriptions that humans adopted. None of them speaks to a host that a built-in one judges. */
export function describedProviders(ports: {
  readonly clock: Clock;
  readonly upstream: Upstream;
  readonly builtIn: ReadonlyMap<string, Provider>;
  /** Wrapped around each of them. */
  readonly around: (provider: Provider) => Provider;
}): Descriptions {
  const taken = new Set([...ports.builtIn.values()].flatMap(({ gateway }) => gateway?.hosts ?? []));
  const checked = (compiled: Compiled): Compiled => {
    const host = new URL(compiled.origin).hostname;
    const { name } = compiled.description;
    // Law 3: what is judged completely is not judged by somebody's description in its place.
    const own = [...taken].find((each) => host === each || host.endsWith(`.${each}`));
    if (own !== undefined)
      throw new DescriptionError([`${own} is spoken to by a built-in provider.`]);
    if (ports.builtIn.has(name)) throw new DescriptionError([`${name} is built in.`]);
    return compiled;
  };
  return {
    read(document) {
      try {
        return checked(compile(document)).catalog;
      } catch (error) {
        if (!(error instanceof DescriptionError)) throw error;
        const [first = '', ...more] = error.problems;
        const rest = more.length === 0 ? '' : ` And ${more.length} more.`;
        throw inputError(
          'invalid_request',
          `The description is not one: ${first.replace(/\.?$/, '.')}${rest}`,
        );
      }
    },
    open: (catalog) => ports.around(createHttpProvider(checked(readCatalog(catalog)), ports)),
  };
}

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
