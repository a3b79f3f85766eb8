/** What an agent that guessed is told: names that are near, of the schema known here, and never much of it. */
import { RequestRefusal } from '@countersign/provider-kit';
import { expect, test } from 'vitest';
import { inbound, openGate } from './support/gateway.ts';

const gated = openGate();

async function refusalOf(query: string): Promise<RequestRefusal> {
  const refused: unknown = await gated.gateway
    .classify(gated.connection, inbound({ query }))
    .catch((error: unknown) => error);
  if (!(refused instanceof RequestRefusal)) throw new Error('it is refused');
  return refused;
}

test.each<[string, string, RegExp]>([
  ['a mutation', 'mutation { volumeDelet(volumeId: "1") }', /"volumeDelete"/],
  ['a query', '{ projcts { edges { node { id } } } }', /"project(s)?"/],
  ['a field', '{ project(id: "1") { nam } }', /"name"/],
  ['an argument', 'mutation { volumeDelete(volumId: "1") }', /"volumeId"/],
])('%s that is nearly one names the one', async (_, query, near) => {
  const { code, message } = await refusalOf(query);
  expect(code).toBe('unknown_operation');
  expect(message).toMatch(near);
});

test('a name of ten thousand letters is not said again', async () => {
  const { message } = await refusalOf(`{ ${'x'.repeat(10_000)} }`);
  expect(message.length).toBeLessThan(200);
});
