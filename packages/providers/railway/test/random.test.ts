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
import { furnish } from './support/world.ts';

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
  furnish(gated);
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
