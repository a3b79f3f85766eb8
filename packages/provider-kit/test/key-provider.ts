/** The smallest provider that keeps the contract: keys in a map. It proves the suite, not a product. */
import { Secret } from '@countersign/core';
import {
  type IssuedCredential,
  type Provider,
  ProviderError,
  RequestRefusal,
} from '../src/index.ts';

export interface KeyProvider extends Provider {
  works(issued: IssuedCredential): boolean;
}

const OPERATION = 'keys:open';

export function createKeyProvider(): KeyProvider {
  const keys = new Map<string, string>();
  let made = 0;
  const reach = (config: Readonly<Record<string, unknown>>): void => {
    const { host, ...rest } = config;
    if (typeof host !== 'string' || Object.keys(rest).length > 0) {
      throw new ProviderError('misconfigured', 'A key provider needs a host and nothing else.');
    }
    if (host === 'nowhere') throw new ProviderError('unavailable', 'Nothing answers.');
  };
  const describeConfig: Provider['describeConfig'] = (config) => {
    const { host, ...rest } = config;
    if (typeof host !== 'string' || Object.keys(rest).length > 0) {
      throw new ProviderError('misconfigured', 'A key provider needs a host and nothing else.');
    }
    return { config, endpoint: host, account: 'smith', ids: [host] };
  };
  return {
    name: 'keys',
    catalog: {
      provider: 'keys',
      operations: [
        {
          name: OPERATION,
          summary: 'Opens a door.',
          effects: [{ effect: 'read' }],
          exchangeable: true,
        },
        {
          name: 'keys:forge',
          summary: 'Makes another key.',
          effects: [{ effect: 'escalate' }],
          exchangeable: false,
        },
      ],
    },
    canonicalResource: (operation, resource) =>
      operation === OPERATION && /^door\/[a-z]+$/i.test(resource) ? resource.toLowerCase() : null,
    covers: (operation, granted, requested) => operation === OPERATION && granted === requested,
    wholeOf: (resource) => resource,
    sameTarget: async (a, b) => a.config['host'] === b.config['host'],
    expand: async (_connection, _operation, pattern) => [pattern.toLowerCase()],
    resolveConfig: async (config) => {
      reach(config);
      return describeConfig(config);
    },
    describeConfig,
    environmentIds: (config) => describeConfig(config).ids,
    check: async ({ config }) => ({ ok: config['host'] !== 'nowhere', findings: [], escapes: [] }),
    issuer: {
      revocation: 'immediate',
      shortestLifetime: 1,
      longestLifetime: 60,
      issue: async ({ config }, order) => {
        reach(config);
        if (order.rights.some(({ operation }) => operation !== OPERATION)) {
          throw new ProviderError('refused', 'Only doors are opened.');
        }
        made += 1;
        keys.set(order.leaseId, `key-${made}`);
        const primary = new Secret('key', `key-${made}`);
        return { kind: 'key', credential: { key: primary }, primary };
      },
      revoke: async ({ config }, leaseId) => {
        reach(config);
        keys.delete(leaseId);
      },
      reap: async ({ config }, live) => {
        reach(config);
        const listed = [...keys.keys()];
        const standing = await live();
        const revoked = listed.filter((leaseId) => !standing.has(leaseId));
        for (const leaseId of revoked) keys.delete(leaseId);
        return { revoked };
      },
    },
    gateway: {
      hosts: [],
      tokenHeaders: ['x-key-token'],
      longestBody: 64,
      classify: async ({ config }, { method, path, query, body }) => {
        const [, door] = /^\/(door\/[a-z]+)$/.exec(path) ?? [];
        if (method !== 'POST' || door === undefined || query !== null || body.length > 0) {
          throw new RequestRefusal('unparseable_request', 'A door is opened by POST /door/<name>.');
        }
        const calls = [{ operation: OPERATION, resource: door }];
        return {
          calls,
          resolve: async ({ spend }) => {
            spend();
            reach(config);
            const url = new URL(`https://${String(config['host'])}/${door}`);
            const outbound = { method, url, headers: { accept: 'text/plain' }, body: null };
            return { calls, environments: [String(config['host'])], holds: [door], outbound };
          },
        };
      },
      inject: ({ credential }) => ({ name: 'x-key', value: credential }),
      refused: (status) => status === 403,
    },
    close: async () => {},
    works: (issued) => [...keys.values()].includes(issued.primary.reveal()),
  };
}
