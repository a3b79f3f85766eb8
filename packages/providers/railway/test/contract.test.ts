import { Secret } from '@countersign/core';
import { ProviderError, type Upstream } from '@countersign/provider-kit';
import { describeProviderContract } from '@countersign/provider-kit/contract-suite';
import { createRailwayProvider } from '../src/index.ts';
import { connectionTo, inbound, upstreamOf } from './support/gateway.ts';
import { openRental } from './support/railway.ts';

const DEAD = 'http://127.0.0.1:1';

describeProviderContract('railway', async () => {
  const railway = openRental();
  const { rental, clock, simulator } = railway;
  const alive = upstreamOf(simulator);
  const upstream: Upstream = {
    send: (request, credential, limits) =>
      request.url.origin === DEAD
        ? Promise.reject(new ProviderError('unavailable', 'Nothing answers there.'))
        : alive.send(request, credential, limits),
    close: () => alive.close(),
  };
  const connection = connectionTo(railway);
  const staging = rental.staging.id;
  const id = '0b0b0b0b-0000-4000-8000-000000000000';
  return {
    provider: createRailwayProvider({ clock, upstream }),
    connection,
    unreachable: {
      ...connection,
      id: '01900000-0000-7000-8000-000000000002',
      config: { ...connection.config, endpoint: DEAD },
      credential: new Secret('railway', 'nobody-knows-this'),
    },
    samples: [
      {
        operation: 'railway:volumeDelete',
        valid: [`volume/${id}`],
        invalid: [
          'volume/*',
          'volume/',
          `volume/${id.toUpperCase()}`,
          `volume/${id.replaceAll('-', '')}`,
          `volume/{${id}}`,
          `volume/${id}/`,
          `volume/${id} `,
          `service/${id}`,
          `Volume/${id}`,
          id,
        ],
      },
      {
        operation: 'railway:variableUpsert',
        valid: [`variable/${id}/API_KEY`],
        invalid: [
          `variable/${id}`,
          `variable/${id}/`,
          `variable/${id}/A/B`,
          `variable/${id}/A B`,
          `variable/${id}/__proto__`,
        ],
      },
      {
        operation: 'railway:me',
        valid: ['account/self'],
        invalid: ['account/other', `account/${id}`],
      },
    ],
    gateway: {
      understood: [
        inbound({ query: `{ environment(id: "${staging}") { name } }` }),
        inbound({
          query: `mutation { volumeDelete(volumeId: "${rental.volumes.stagingUploads.id}") }`,
        }),
        inbound({ query: '{ __typename }' }),
      ],
      strange: [
        inbound('{'),
        inbound([{ query: '{ __typename }' }]),
        inbound({ query: '{ nothing }' }),
        inbound({ query: '{ __typename }' }, { method: 'GET' }),
        inbound({ query: '{ __typename }' }, { path: '/graphql/v2/' }),
      ],
    },
    end: async () => {},
  };
});
