/**
 * Any document at all: whatever is not refused does only what its calls admit, where it was proven to be. With ids of
 * both environments in every place, that is the law no table can hold.
 */
import type { Upstream } from '@countersign/provider-kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRailwayProvider } from '../src/index.ts';
import { randomRequest } from './support/documents.ts';
import { type Gated, inbound, judge, openGate, upstreamOf } from './support/gateway.ts';
import { expectLawful } from './support/law.ts';
import { put } from './support/rows.ts';

// One provider for all, so that the schema is compared once; each request gets a world of its own.
let current = openGate();
const upstream: Upstream = {
  send: (...request) => upstreamOf(current.simulator).send(...request),
  close: async () => {},
};
const provider = createRailwayProvider({ clock: current.clock, upstream });

function openWorld(): Gated {
  const { gateway = current.gateway } = provider;
  const gated: Gated = { ...openGate(), provider, gateway, upstream };
  current = gated;
  const { rental } = gated;
  for (const { id } of [rental.staging, rental.production]) {
    const at = { serviceId: rental.services.api, environmentId: id };
    put(gated, 'tcp-proxy', { ...at, applicationPort: 1, proxyPort: 1, domain: 'proxy.example' });
    put(gated, 'service-domain', {
      ...at,
      projectId: rental.projectId,
      domain: `${id}.up.railway.app`,
      targetPort: null,
    });
    put(gated, 'deployment-trigger', {
      ...at,
      projectId: rental.projectId,
      branch: 'main',
      repository: 'x/y',
      provider: 'github',
      checkSuites: false,
    });
    put(gated, 'patch', {
      environmentId: id,
      status: 'STAGED',
      patch: { sharedVariables: { SENTRY_DSN: null } },
      message: null,
      appliedAt: null,
    });
  }
  put(gated, 'environment', {
    projectId: rental.projectId,
    name: 'pr',
    isEphemeral: true,
    sourceEnvironmentId: rental.staging.id,
    deletedAt: null,
  });
  return gated;
}

describe('a random document', () => {
  test('does nothing that its calls do not admit, and nothing elsewhere', {
    timeout: 240_000,
  }, async () => {
    let forwarded = 0;
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const gated = openWorld();
        const { operationName, ...rest } = randomRequest(g, gated.simulator);
        const body = operationName === undefined ? rest : { ...rest, operationName };
        const outcome = await judge(gated, inbound(body));
        if (outcome.refused !== null) return;
        forwarded += 1;
        await expectLawful(gated, outcome.resolved);
      }),
      { numRuns: 400 },
    );
    // Refusing everything would be lawful too.
    expect(forwarded).toBeGreaterThan(100);
  });
});
