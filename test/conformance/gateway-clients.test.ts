/**
 * Clients of others before the running gateway, unmodified: what they send is understood, and what is refused reaches
 * them as an error they show. They are told a URL and a token, as they would be for the provider itself.
 *
 * GitHub's `gh` is not among them: it speaks plain HTTP to one host alone (`github.localhost`, on port 80) and to any
 * other only TLS at `/api/v3/`, so nothing but a GitHub provider behind TLS could answer it.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClientError, GraphQLClient } from 'graphql-request';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../support/broker-process.ts';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { connectRailway, type StandIn, startRailway } from '../support/railway.ts';

const WHERE = { connection: 'railway', environment: 'staging' };

let deployment: Deployment;
let railway: StandIn;
let url: string;
let bearer: string;

beforeAll(async () => {
  railway = await startRailway();
  deployment = await deploy({ env: { COUNTERSIGN_AGENT_RESOLVER_RATE: '1000' } });
  await connectRailway(deployment, railway);
  const { staging, volumes } = railway.rental;
  const read = details(['railway:environment'], [`environment/${staging.id}`], WHERE);
  const write = details(['railway:volumeUpdate'], [`volume/${volumes.stagingUploads.id}`], WHERE);
  for (const [wanted] of [read, write]) {
    const { operations = [], resources = [] } = wanted ?? {};
    await deployment.grant({ ...WHERE, operations, resources });
  }
  // These clients make no proofs, so their token is bound to no key.
  const { broker, cursor, dataDir } = deployment;
  const keyFile = join(dataDir, 'cursor.jwk');
  await writeFile(keyFile, cursor.privateJwk.reveal(), { mode: 0o600 });
  const { stdout } = await promisify(execFile)(
    join(ROOT, 'apps/cli/bin/countersign'),
    ['token', '--bearer', '--connection', WHERE.connection, '--env', WHERE.environment],
    {
      env: {
        PATH: process.env['PATH'],
        COUNTERSIGN_HOME: dataDir,
        COUNTERSIGN_SERVER: broker.url,
        COUNTERSIGN_AGENT: cursor.name,
        COUNTERSIGN_AGENT_KEY_FILE: keyFile,
      },
    },
  );
  bearer = stdout.trim();
  url = `${broker.url}/gateway/railway/graphql/v2`;
});
afterAll(async () => {
  await deployment?.stop();
  await railway?.close();
});

describe('curl', () => {
  /** What it is told stands on its stdin: a command line is for everybody to read. */
  async function curl(options: readonly string[], ...bodies: readonly unknown[]) {
    const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
    const asking = bodies.map((body) =>
      [
        `url = ${quoted(url)}`,
        `header = ${quoted(`Authorization: Bearer ${bearer}`)}`,
        'header = "Content-Type: application/json"',
        ...(body === null ? [] : [`data-binary = ${quoted(JSON.stringify(body))}`]),
        'write-out = "\\n%{http_code} %{num_connects}\\n"',
      ].join('\n'),
    );
    const args = ['--silent', '--show-error', ...options, '--config', '-'];
    const running = promisify(execFile)('curl', args);
    running.child.stdin?.end(asking.join('\nnext\n'));
    const { stdout } = await running;
    return stdout.trim().split('\n');
  }

  const read = () => ({
    query: `{ environment(id: "${railway.rental.staging.id}") { name } }`,
  });
  const ANSWER = '{"data":{"environment":{"name":"staging"}}}';

  test('asks, and asks again on the same connection', async () => {
    expect(await curl([], read(), read())).toEqual([ANSWER, '200 1', ANSWER, '200 0']);
  });

  test('offers to take compressed answers, and asks whether a long body is welcome', async () => {
    const long = { ...read(), variables: {}, query: `${read().query} #${'x'.repeat(4_000)}` };
    expect(await curl(['--compressed', '--header', 'Expect: 100-continue'], long)).toEqual([
      ANSWER,
      '200 1',
    ]);
  });

  test.each<[string, readonly string[], () => unknown, number, string]>([
    [
      'what is not granted',
      [],
      () => ({
        query: `mutation { volumeDelete(volumeId: "${railway.rental.volumes.bookings.id}") }`,
      }),
      403,
      'needs_signature',
    ],
    ['a body that is no JSON of GraphQL', [], () => [read()], 400, 'unparseable_request'],
    ['an upgrade to HTTP/2', ['--http2'], read, 400, 'invalid_request'],
    ['a GET', ['--request', 'GET'], () => null, 400, 'unparseable_request'],
  ])('is told of %s', async (_, options, body, status, code) => {
    const lines = await curl(options, body());
    expect(lines.at(-1)).toMatch(new RegExp(`^${status} `));
    expect(JSON.parse(lines.slice(0, -1).join(''))).toMatchObject({ status, code });
  });
});

describe('graphql-request', () => {
  const client = () => new GraphQLClient(url, { headers: { authorization: `Bearer ${bearer}` } });

  test('asks with variables and fragments, and mutates', async () => {
    const { staging, volumes } = railway.rental;
    const document = `
      query One($id: String!) { environment(id: $id) { ...Shown } }
      fragment Shown on Environment { name __typename }`;
    expect(await client().request(document, { id: staging.id })).toEqual({
      environment: { name: 'staging', __typename: 'Environment' },
    });
    expect(
      await client().request(
        'mutation Rename($id: String!, $input: VolumeUpdateInput!) { volumeUpdate(volumeId: $id, input: $input) { name } }',
        { id: volumes.stagingUploads.id, input: { name: 'renamed' } },
      ),
    ).toEqual({ volumeUpdate: { name: 'renamed' } });
  });

  test('throws what it is refused, with the code and what to do', async () => {
    const asking = client().request(
      `mutation { volumeDelete(volumeId: "${railway.rental.volumes.bookings.id}") }`,
    );
    const error: unknown = await asking.catch((thrown: unknown) => thrown);
    if (!(error instanceof ClientError)) throw new Error('it throws its own error');
    expect(error.response.status).toBe(403);
    expect(JSON.stringify(error.response)).toMatch(/needs_signature.*Stop\. Do not retry/s);
  });

  test('is refused a batch, whose requests it can send one by one', async () => {
    const document = `{ environment(id: "${railway.rental.staging.id}") { name } }`;
    await expect(client().batchRequests([{ document }, { document }])).rejects.toMatchObject({
      response: { status: 400 },
    });
  });
});

test('nothing was done that was not granted', () => {
  const done = railway.simulator.effects.filter(({ effect }) => effect !== 'read');
  expect(done.map(({ operation }) => operation.field)).toEqual(['volumeUpdate']);
});
