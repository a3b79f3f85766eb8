import { randomUUID } from 'node:crypto';
import { Secret } from '@countersign/core';
import { describeProviderContract } from '../src/contract-suite.ts';
import { sanitizeErrors, withDeadline } from '../src/index.ts';
import { createKeyProvider } from './key-provider.ts';

const doorRequest = (method: string, path: string) => ({
  method,
  path,
  query: null,
  headers: new Map<string, string>(),
  body: new Uint8Array(),
});

describeProviderContract('keys, wrapped in every decorator', async () => {
  const keys = createKeyProvider();
  const connection = {
    id: 'c1',
    brokerTag: 'aaaaaaaa',
    config: { host: 'here' },
    credential: new Secret('root', 'root-of-keys'),
  };
  return {
    provider: withDeadline(sanitizeErrors(keys), { issue: 1000, revoke: 1000, reap: 1000 }),
    connection,
    unreachable: { ...connection, id: 'c2', config: { host: 'nowhere' } },
    samples: [
      {
        operation: 'keys:open',
        valid: ['door/front', 'DOOR/Back'],
        invalid: ['', 'door/*', 'window/a'],
      },
    ],
    leases: {
      leaseId: () => randomUUID(),
      order: (leaseId) => ({
        leaseId,
        rights: [{ operation: 'keys:open', resource: 'door/front', deleteCapable: false }],
        expiresAt: Date.now() + 60_000,
        maxConnections: 1,
        acceptedEscapes: [],
        requireStart: () => undefined,
      }),
      works: async (issued) => keys.works(issued),
    },
    gateway: {
      understood: [doorRequest('POST', '/door/front')],
      strange: [doorRequest('GET', '/door/front'), doorRequest('POST', '/door/../front')],
    },
    end: async () => {},
  };
});
