/** A provider of two volumes that forwards and nothing else: where each of them is, tests say, and move them. */
import { type Effect, Secret } from '@countersign/core';
import {
  type Gateway,
  type GatewayCall,
  type Provider,
  ProviderError,
  RequestRefusal,
} from '@countersign/provider-kit';

/** Where each volume is, by the provider's own account. Tests move them. */
export type World = Map<string, readonly string[]>;

export interface Asked {
  readonly fresh: boolean;
  readonly volume: string;
}

export const OPERATIONS: Readonly<Record<string, Effect>> = {
  read: 'read',
  resize: 'write',
  delete: 'delete',
};

/** `POST /volumes` with `[["resize", "vol_1"], …]`; `about` is of no environment. */
export function volumeGateway(world: World, asked: Asked[], origin: () => string): Gateway {
  return {
    hosts: [],
    tokenHeaders: ['x-volume-token'],
    longestBody: 512,
    async classify(_connection, { method, path, body }) {
      if (method !== 'POST' || path !== '/volumes') {
        throw new RequestRefusal('unparseable_request', 'Volumes are spoken to at POST /volumes.');
      }
      const wanted: [string, string][] = JSON.parse(Buffer.from(body).toString('utf8'));
      const calls = wanted.map(
        ([name, volume]): GatewayCall => ({
          operation: `volumes:${name}`,
          resource: `volume/${volume}`,
        }),
      );
      const unknown = calls.find(({ operation }) => !(operation.slice(8) in OPERATIONS));
      if (unknown !== undefined) {
        throw new RequestRefusal('unknown_operation', 'It is none of ours.', calls);
      }
      return {
        calls,
        async resolve({ fresh, spend }) {
          const environments = new Set<string>();
          for (const [, volume] of wanted) {
            if (volume === 'about') continue;
            spend();
            asked.push({ fresh, volume });
            if (volume === 'silent') throw new ProviderError('unavailable', 'It says nothing.');
            const found = world.get(volume);
            if (found === undefined) {
              throw new RequestRefusal('environment_mismatch', 'There is no such volume.');
            }
            for (const id of found) environments.add(id);
          }
          return {
            calls,
            environments: [...environments],
            holds: [...new Set(wanted.map(([, volume]) => volume))].sort(),
            outbound: {
              method,
              url: new URL(`${origin()}/api`),
              headers: { 'content-type': 'application/json' },
              body: Buffer.from(JSON.stringify(wanted)),
            },
          };
        },
      };
    },
    inject: ({ credential }) => ({
      name: 'authorization',
      value: new Secret('header', `Bearer ${credential.reveal()}`),
    }),
    refused: (status) => status === 409,
  };
}

export function volumeProvider(gateway: Gateway): Provider {
  // Only what forwarding asks of a provider; the rest belongs to drafts and leases.
  return {
    name: 'volumes',
    catalog: {
      provider: 'volumes',
      operations: Object.entries(OPERATIONS).map(([name, effect]) => ({
        name: `volumes:${name}`,
        summary: name,
        effects: [{ effect }],
        exchangeable: false,
      })),
    },
    canonicalResource: (_operation: string, resource: string) =>
      /^volume\/[a-z_0-9]+$/.test(resource) ? resource : null,
    wholeOf: (resource: string) => resource,
    covers: (_operation: string, granted: string, requested: string) => granted === requested,
    gateway,
  } as unknown as Provider;
}
