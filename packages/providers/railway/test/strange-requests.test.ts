/** Whatever it is sent, it answers, in JSON, and changes nothing by a request that it refuses. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENDPOINT_PATH, type SimulatorRequest } from '../src/simulator/index.ts';
import { ask, bearer, openRental } from './support/railway.ts';

const railway = openRental();
const { simulator, rental } = railway;
const account = bearer(rental.tokens.account);

async function answerTo(request: SimulatorRequest): Promise<number> {
  const answer = await simulator.handle(request);
  if (answer === 'cut') throw new Error('cut');
  const parsed = JSON.parse(answer.body);
  expect(answer.status === 200 || Array.isArray(parsed.errors)).toBe(true);
  return answer.status;
}

const json: fc.Arbitrary<unknown> = fc.jsonValue({ maxDepth: 3 });
const documents = fc.constantFrom(
  'mutation($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }',
  'mutation($e: String!, $p: EnvironmentConfig!) { environmentStageChanges(environmentId: $e, input: $p) { id } }',
  'mutation($e: String!, $p: JSON!) { environmentApplyChangeSet(environmentId: $e, input: $p) { id } }',
  'mutation($e: String!, $p: JSON!) { environmentPreviewChangeSet(environmentId: $e, input: $p) { effects } }',
);
/** Documents that look like patches, with anything in every place. */
const patches = fc.oneof(
  json,
  fc.dictionary(
    fc.constantFrom('services', 'volumes', 'buckets', 'sharedVariables', 'changes', 'x'),
    json,
  ),
  fc.record({
    services: fc.dictionary(
      fc.constantFrom(rental.services.api, rental.services.web, 'other'),
      fc.dictionary(
        fc.constantFrom('variables', 'deploy', 'source', 'networking', 'volumeMounts', 'isCreated'),
        fc.oneof(
          json,
          fc.dictionary(fc.constantFrom('customDomains', 'tcpProxies', 'A', '1'), json),
        ),
      ),
    ),
  }),
);

describe('a strange request', () => {
  test('of any bytes is answered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('GET', 'POST', 'DELETE', ''),
        fc.constantFrom(ENDPOINT_PATH, '/', '', `${ENDPOINT_PATH}?a=b`),
        fc.constantFrom(
          undefined,
          'application/json',
          'text/plain',
          'application/json; charset=utf-8',
        ),
        async (body, method, path, type) => {
          const before = simulator.world.state;
          const headers = { 'content-type': type, ...account };
          expect(await answerTo({ method, path, headers, body })).toBeGreaterThanOrEqual(400);
          expect(simulator.world.state).toBe(before);
        },
      ),
    );
  });

  test('of any JSON is answered', async () => {
    await fc.assert(
      fc.asyncProperty(json, async (value) => {
        const headers = { 'content-type': 'application/json', ...account };
        const body = Buffer.from(JSON.stringify(value));
        await answerTo({ method: 'POST', path: ENDPOINT_PATH, headers, body });
      }),
    );
  });

  test('with any patch is done or refused in GraphQL’s words, and never half', async () => {
    await fc.assert(
      fc.asyncProperty(documents, patches, async (query, patch) => {
        const before = simulator.world.state;
        const from = simulator.effects.length;
        const { status, errors } = await ask(railway, account, query, {
          e: rental.staging.id,
          p: patch,
        });
        expect([200, 400]).toContain(status);
        if (errors.length === 0) return;
        expect(errors.map(({ message }) => message).join()).not.toMatch(
          /undefined|not a function|is no /,
        );
        expect(simulator.world.state).toBe(before);
        expect(simulator.effects.length).toBe(from);
      }),
      { numRuns: 300 },
    );
  });
});
