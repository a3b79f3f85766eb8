/** Ways to say one thing and do another, each refused, or judged as what it does. */
import type { InboundRequest, RequestRefusal } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import { canonicalResource, covers } from '../src/catalog.ts';
import {
  asking,
  forward,
  type Gated,
  inbound,
  judge,
  type Outcome,
  openGate,
} from './support/gateway.ts';
import { expectLawful } from './support/law.ts';

const calls = ({ calls }: Outcome): readonly string[] =>
  calls.map(({ operation, resource }) => `${operation.slice('railway:'.length)} ${resource}`);

const send = (gated: Gated, query: string, variables: Record<string, unknown> = {}) =>
  judge(gated, inbound({ query, variables }));

describe('a request with another reading', () => {
  const gated = openGate();
  const volume = gated.rental.volumes.stagingUploads.id;
  const query = `mutation { volumeDelete(volumeId: "${volume}") }`;
  const bytes = (text: string, encoding: 'utf8' | 'utf16le'): Partial<InboundRequest> => ({
    body: new Uint8Array(Buffer.from(text, encoding)),
  });
  const type = (value: string): Partial<InboundRequest> => ({
    headers: new Map([['content-type', value]]),
  });
  const whole = JSON.stringify({ query });
  const nested = (depth: number): string =>
    `{ me ${'{ workspaces '.repeat(depth)} { id }${' }'.repeat(depth + 1)}`;

  test.each<[string, InboundRequest]>([
    ['a batch', inbound([{ query }, { query }])],
    [
      'GET with a query',
      inbound('', { method: 'GET', query: `query=${encodeURIComponent(query)}` }),
    ],
    ['a query string beside the body', inbound({ query }, { query: 'query={me{id}}' })],
    ['another path', inbound({ query }, { path: '/graphql/internal' })],
    ['a path with dots', inbound({ query }, { path: '/graphql/./v2' })],
    ['a path with an escape', inbound({ query }, { path: '/graphql/v%32' })],
    ['a path with a parameter', inbound({ query }, { path: '/graphql/v2;x=1' })],
    ['a path in upper case', inbound({ query }, { path: '/GraphQL/v2' })],
    ['a trailing slash', inbound({ query }, { path: '/graphql/v2/' })],
    ['application/graphql', inbound(query, type('application/graphql'))],
    ['multipart', inbound(whole, type('multipart/form-data; boundary=x'))],
    ['a form', inbound(`query=${query}`, type('application/x-www-form-urlencoded'))],
    ['no content type', inbound(whole, { headers: new Map() })],
    ['another charset', inbound(whole, type('application/json; charset=utf-16'))],
    ['two charsets', inbound(whole, type('application/json; charset=utf-8; charset=utf-16'))],
    [
      'an encoding',
      inbound(whole, {
        headers: new Map([
          ['content-type', 'application/json'],
          ['content-encoding', 'gzip'],
        ]),
      }),
    ],
    ['a byte order mark', inbound('', bytes(`\uFEFF${whole}`, 'utf8'))],
    ['a byte order mark in the document', inbound({ query: `\uFEFF${query}` })],
    ['UTF-16', inbound('', bytes(whole, 'utf16le'))],
    ['bytes that are no UTF-8', inbound('', { body: new Uint8Array([0x7b, 0xff, 0x7d]) })],
    ['a name twice', inbound(`{"query": "{ me { id } }", "query": ${JSON.stringify(query)}}`)],
    [
      'a name twice, once escaped',
      inbound(`{"query": "{ me { id } }", "qu\\u0065ry": ${JSON.stringify(query)}}`),
    ],
    [
      'a hash in the place of the query',
      inbound({ extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }),
    ],
    ['a hash beside the query', inbound({ query, extensions: {} })],
    ['a document id', inbound({ documentId: 'x' })],
    ['no query', inbound({ variables: {} })],
    ['variables that are a list', inbound({ query, variables: [] })],
    ['variables that are text', inbound({ query, variables: '{}' })],
    ['a variable nobody declared', inbound({ query, variables: { volumeId: volume } })],
    ['an operation name that is no text', inbound({ query, operationName: 1 })],
    ['a body that is too long', inbound({ query: `${query}${' '.repeat(300_000)}` })],
    ['10 MB', inbound({ query: `${query}#${'x'.repeat(10_000_000)}` })],
    ['too many tokens', inbound({ query: `{ ${'__typename '.repeat(5000)} }` })],
    ['too deep', inbound({ query: nested(40) })],
    ['much too deep', inbound({ query: nested(1900) })],
    [
      'values within values',
      inbound({ query: `{ signal(name: ${'['.repeat(3000)}1${']'.repeat(3000)}) { id } }` }),
    ],
    [
      'too many aliases',
      inbound({
        query: `{ ${Array.from({ length: 70 }, (_, i) => `a${i}: me { id }`).join(' ')} }`,
      }),
    ],
    [
      'too many root fields',
      inbound({
        query: `{ ${Array.from({ length: 30 }, (_, i) => `a${i}: me { id }`).join(' ')} }`,
      }),
    ],
    [
      'a fragment that holds itself',
      inbound({ query: '{ me { ...A } } fragment A on User { ...A }' }),
    ],
    [
      'fragments that hold each other',
      inbound({ query: '{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }' }),
    ],
    [
      'too many fragments',
      inbound({
        query: `{ me { ${Array.from({ length: 50 }, (_, i) => `...F${i}`).join(' ')} } } ${Array.from({ length: 50 }, (_, i) => `fragment F${i} on User { id }`).join(' ')}`,
      }),
    ],
    ['a fragment that is not there', inbound({ query: '{ me { ...A } }' })],
    ['a fragment that is not used', inbound({ query: '{ me { id } } fragment A on User { id }' })],
    [
      'fragments that double',
      inbound({
        query: `{ me { ...F0 } } ${Array.from({ length: 40 }, (_, i) => `fragment F${i} on User { a: id ${i === 39 ? 'id' : `...F${i + 1} ... on User { ...F${i + 1} }`} }`).join(' ')}`,
      }),
    ],
    [
      'an argument twice',
      inbound({ query: `mutation { volumeDelete(volumeId: "${volume}", volumeId: "${volume}") }` }),
    ],
    [
      'a member twice',
      inbound({
        query: `mutation { volumeUpdate(volumeId: "${volume}", input: { name: "a", name: "b" }) { id } }`,
      }),
    ],
    ['no argument', inbound({ query: 'mutation { volumeDelete }' })],
    [
      'null for what may not be null',
      inbound({ query: 'mutation { volumeDelete(volumeId: null) }' }),
    ],
    ['a number for an id', inbound({ query: 'mutation { volumeDelete(volumeId: 1) }' })],
    [
      'an id in upper case',
      inbound({
        query: query
          .toUpperCase()
          .replace('MUTATION', 'mutation')
          .replace('VOLUMEDELETE', 'volumeDelete')
          .replace('VOLUMEID', 'volumeId'),
      }),
    ],
    ['an id without hyphens', inbound({ query: query.replaceAll('-', '') })],
    [
      'a directive on the operation',
      inbound({ query: `mutation @include(if: true) { volumeDelete(volumeId: "${volume}") }` }),
    ],
    [
      'a selection on what has none',
      inbound({ query: `mutation { volumeDelete(volumeId: "${volume}") { id } }` }),
    ],
    [
      'two fields under one name',
      inbound({
        query: `mutation { a: volumeDelete(volumeId: "${volume}") a: projectDelete(id: "${volume}") }`,
      }),
    ],
    ['a schema in the document', inbound({ query: `{ me { id } } type Volume { id: ID }` })],
    ['something that is no GraphQL', inbound({ query: '{ me { id }' })],
    ['an empty document', inbound({ query: '' })],
  ])('%s is unparseable', async (_what, request) => {
    expect(await judge(gated, request)).toMatchObject({ refused: 'unparseable_request' });
  });

  test.each<[string, unknown, RequestRefusal['code']]>([
    [
      'a field nobody knows',
      { query: 'mutation { volumeEradicate(volumeId: "x") }' },
      'unknown_operation',
    ],
    [
      'an argument nobody knows',
      { query: `mutation { volumeDelete(volumeId: "${volume}", force: true) }` },
      'unknown_operation',
    ],
    ['a field of an object nobody knows', { query: '{ me { superPowers } }' }, 'unknown_operation'],
    ['a field that Railway retired', { query: '{ team(id: "x") { id } }' }, 'unknown_operation'],
    [
      'a subscription',
      { query: 'subscription { deploymentLogs(deploymentId: "x") { message } }' },
      'unknown_operation',
    ],
    [
      'several operations without a name',
      { query: `query A { me { id } } ${query.replace('mutation', 'mutation B')}` },
      'ambiguous_request',
    ],
    [
      'a name that none of them has',
      { query: `query A { me { id } }`, operationName: 'B' },
      'ambiguous_request',
    ],
  ])('%s is refused', async (_what, body, code) => {
    expect(await judge(gated, inbound(body))).toMatchObject({ refused: code });
  });
});

describe('one delete among harmless fields is found', () => {
  const gated = openGate();
  const { rental } = gated;
  const id = rental.volumes.stagingUploads.id;
  const found = `volumeDelete volume/${id}`;
  const restart = (): string => {
    const deployment = gated.simulator.world.find(
      'deployment',
      ({ environmentId }) => environmentId === rental.staging.id,
    );
    return `deploymentRestart(id: "${deployment?.id}")`;
  };

  test.each<[string, string, Record<string, unknown>?]>([
    ['under an alias', `mutation { deploymentRestart: volumeDelete(volumeId: "${id}") }`],
    ['as the second root field', `mutation { ${restart()} volumeDelete(volumeId: "${id}") }`],
    [
      'in a fragment',
      `mutation { ...F } fragment F on Mutation { volumeDelete(volumeId: "${id}") }`,
    ],
    ['in an inline fragment', `mutation { ... { volumeDelete(volumeId: "${id}") } }`],
    [
      'in an inline fragment on its type',
      `mutation { ... on Mutation { volumeDelete(volumeId: "${id}") } }`,
    ],
    [
      'in nested fragments',
      `mutation { ...A } fragment A on Mutation { ...B } fragment B on Mutation { ... { volumeDelete(volumeId: "${id}") } }`,
    ],
    ['skipped', `mutation { volumeDelete(volumeId: "${id}") @skip(if: true) }`],
    [
      'skipped by a variable',
      `mutation($no: Boolean!) { volumeDelete(volumeId: "${id}") @skip(if: $no) }`,
      { no: true },
    ],
    [
      'not included',
      `mutation($no: Boolean = false) { ... @include(if: $no) { volumeDelete(volumeId: "${id}") } }`,
    ],
    ['by a variable', 'mutation($id: String!) { volumeDelete(volumeId: $id) }', { id }],
    ['by a default', `mutation($id: String = "${id}") { volumeDelete(volumeId: $id) }`],
    ['with a block string', `mutation { volumeDelete(volumeId: """${id}""") }`],
    [
      'with escapes',
      `mutation { volumeDelete(volumeId: "\\u{${id.charCodeAt(0).toString(16)}}${id.slice(1)}") }`,
    ],
    [
      'behind a comment',
      `mutation { # deploymentRestart(id: "x")\r volumeDelete(volumeId: "${id}") }`,
    ],
    ['between commas', `mutation,{,volumeDelete,(,volumeId,:,"${id}",),}`],
    [
      'in the state of an instance',
      `mutation { volumeInstanceUpdate(volumeId: "${id}", input: { state: DELETED }) }`,
    ],
    [
      'in a state by a variable',
      `mutation($s: VolumeState) { volumeInstanceUpdate(volumeId: "${id}", input: { state: $s }) }`,
      { s: 'DELETING' },
    ],
  ])('%s', async (_how, query, variables) => {
    const outcome = await send(gated, query, variables);
    expect(outcome.refused).toBeNull();
    expect(calls(outcome)).toContain(found);
  });

  test('and of several operations only the one that is named is judged, and only it is sent', async () => {
    const query = `query A { me { id } } mutation B { volumeDelete(volumeId: "${id}") }`;
    const harmless = await judge(gated, inbound({ query, operationName: 'A' }));
    expect(calls(harmless)).toEqual(['me account/self']);
    const body = harmless.refused === null ? (harmless.resolved.outbound.body ?? []) : [];
    expect(Buffer.from(body).toString()).not.toContain('volumeDelete');
    expect(calls(await judge(gated, inbound({ query, operationName: 'B' })))).toEqual([found]);
  });
});

describe('a field that stands there twice', () => {
  test('is two calls, so that one use is one of them', async () => {
    const gated = openGate();
    const { staging, services } = gated.rental;
    const redeploy = `serviceInstanceRedeploy(environmentId: "${staging.id}", serviceId: "${services.api}")`;
    const call = `serviceInstanceRedeploy service/${services.api}`;
    expect(calls(await send(gated, `mutation { ${redeploy} }`))).toEqual([call]);
    const twice = await send(gated, `mutation { one: ${redeploy} other: ${redeploy} }`);
    expect(calls(twice)).toEqual([call, call]);
  });
});

describe('a patch deletes without saying so', () => {
  const gated = openGate();
  const { rental } = gated;
  const environmentId = rental.staging.id;
  const { api } = rental.services;
  const volume = rental.volumes.stagingUploads.id;
  const bucket = rental.bucketId;
  const commit =
    'mutation($e: String!, $patch: EnvironmentConfig!) { environmentPatchCommit(environmentId: $e, patch: $patch) }';
  const stage =
    'mutation($e: String!, $patch: EnvironmentConfig!) { environmentStageChanges(environmentId: $e, input: $patch) { id } }';
  const ofApi = (entry: unknown) => ({ services: { [api]: entry } });

  test.each<[string, unknown, string]>([
    [
      'a volume by isDeleted',
      { volumes: { [volume]: { isDeleted: true } } },
      `volumeDelete volume/${volume}`,
    ],
    ['a volume by null', { volumes: { [volume]: null } }, `volumeDelete volume/${volume}`],
    [
      'what no longer fits a volume',
      { volumes: { [volume]: { sizeMB: 1 } } },
      `volumeResize volume/${volume}`,
    ],
    [
      'what no longer fits a volume it says is new',
      { volumes: { [volume]: { isCreated: true, sizeMb: 1 } } },
      `volumeResize volume/${volume}`,
    ],
    [
      'a volume’s place',
      { volumes: { [volume]: { region: 'eu' } } },
      `placementChange volume/${volume}`,
    ],
    ['a bucket', { buckets: { [bucket]: { isDeleted: true } } }, `bucketDelete bucket/${bucket}`],
    [
      'a shared variable',
      { sharedVariables: { SENTRY_DSN: null } },
      `variableDelete variable/${environmentId}/SENTRY_DSN`,
    ],
    [
      'all shared variables',
      { sharedVariables: null },
      `variableDelete environment/${environmentId}`,
    ],
    [
      'a variable',
      ofApi({ variables: { API_KEY: null } }),
      `variableDelete variable/${api}/API_KEY`,
    ],
    [
      'a variable by its value',
      ofApi({ variables: { API_KEY: { value: null } } }),
      `variableDelete variable/${api}/API_KEY`,
    ],
    ['all variables', ofApi({ variables: null }), `variableDelete service/${api}`],
    [
      'domains',
      ofApi({ networking: { customDomains: { 'x.example': null } } }),
      `customDomainDelete service/${api}`,
    ],
    [
      'all domains',
      ofApi({ networking: { customDomains: null } }),
      `customDomainDelete service/${api}`,
    ],
    ['all names and ports', ofApi({ networking: null }), `tcpProxyDelete service/${api}`],
    ['a mount', ofApi({ volumeMounts: { [volume]: null } }), `volumeDetach volume/${volume}`],
    [
      'a mount by isDeleted',
      ofApi({ volumeMounts: { [volume]: { isDeleted: true } } }),
      `volumeDetach volume/${volume}`,
    ],
    [
      'backups to come',
      ofApi({ volumeMounts: { [volume]: { backupSchedules: [] } } }),
      `volumeInstanceBackupScheduleUpdate volume/${volume}`,
    ],
    ['every replica', ofApi({ deploy: { numReplicas: 0 } }), `deploymentStop service/${api}`],
    [
      'every replica by null',
      ofApi({ deploy: { numReplicas: null } }),
      `deploymentStop service/${api}`,
    ],
    ['how it runs', ofApi({ deploy: null }), `deploymentStop service/${api}`],
    ['a command', ofApi({ deploy: { startCommand: 'x' } }), `serviceCode service/${api}`],
    [
      'a command before',
      ofApi({ deploy: { preDeployCommand: ['x'] } }),
      `serviceCode service/${api}`,
    ],
    ['a schedule', ofApi({ deploy: { cronSchedule: '* * * * *' } }), `serviceCode service/${api}`],
    ['a build', ofApi({ build: { buildCommand: 'x' } }), `serviceCode service/${api}`],
    ['a file with all of that', ofApi({ configFile: 'x.toml' }), `serviceCode service/${api}`],
    ['an image', ofApi({ source: { image: 'evil' } }), `serviceConnect service/${api}`],
    ['a commit', ofApi({ source: { commitSha: 'abc' } }), `serviceConnect service/${api}`],
    [
      'an open port',
      ofApi({ networking: { tcpProxies: { 5432: {} } } }),
      `tcpProxyCreate service/${api}`,
    ],
  ])('%s', async (_what, patch, call) => {
    for (const query of [commit, stage]) {
      const outcome = await send(gated, query, { e: environmentId, patch });
      expect(outcome.refused).toBeNull();
      expect(calls(outcome)).toContain(call);
    }
  });

  test.each<[string, unknown]>([
    ['a part that is not known', { volume: { [volume]: null } }],
    ['a member that is not known', ofApi({ isdeleted: true })],
    ['a member of a member that is not known', ofApi({ deploy: { postDeployCommand: 'x' } })],
    [
      'a member of a variable that is not known',
      ofApi({ variables: { A: { value: 'x', isDeleted: true } } }),
    ],
    ['an entry that is a list', { volumes: { [volume]: [] } }],
    ['a null for a whole part', { volumes: null }],
    ['a flag that is text', { volumes: { [volume]: { isDeleted: 'true' } } }],
    ['a flag that is a number', ofApi({ isCreated: 1 })],
    ['a flag of a mount that is text', ofApi({ volumeMounts: { [volume]: { isDeleted: 'x' } } })],
    ['a key that is no id', { volumes: { ['uploads']: null } }],
    ['a prototype', JSON.parse('{"services":{"__proto__":{}}}')],
    ['a list', []],
    ['text', '{}'],
  ])('%s is refused', async (_what, patch) => {
    const outcome = await send(gated, commit, { e: environmentId, patch });
    expect(outcome.refused).toBe('unparseable_request');
  });

  test('nothing committed is refused: it could be what was staged', async () => {
    for (const patch of ['', ', patch: null']) {
      const query = `mutation { environmentPatchCommit(environmentId: "${environmentId}"${patch}) }`;
      expect(await send(gated, query)).toMatchObject({ refused: 'ambiguous_request' });
    }
  });
});

describe('what was staged', () => {
  const commit = (id: string): string =>
    `mutation { done: environmentPatchCommitStaged(environmentId: "${id}", commitMessage: "go") }`;

  async function stage(gated: Gated, patch: unknown): Promise<void> {
    const outcome = await send(
      gated,
      'mutation($e: String!, $p: EnvironmentConfig!) { environmentStageChanges(environmentId: $e, input: $p) { id } }',
      { e: gated.rental.staging.id, p: patch },
    );
    if (outcome.refused === null) await expectLawful(gated, outcome.resolved);
    expect(outcome.refused).toBeNull();
  }

  test('is judged by what it holds, and sent as that, whatever is staged by then', async () => {
    const gated = openGate();
    const { staging, volumes } = gated.rental;
    const harmless = { sharedVariables: { FLAG: { value: 'on' } } };
    await stage(gated, { volumes: { [volumes.stagingUploads.id]: { isDeleted: true } } });
    expect(calls(await send(gated, commit(staging.id)))).toContain(
      `volumeDelete volume/${volumes.stagingUploads.id}`,
    );
    await stage(gated, harmless);
    const outcome = await send(gated, commit(staging.id));
    expect(calls(outcome)).not.toContain(`volumeDelete volume/${volumes.stagingUploads.id}`);
    await stage(gated, { volumes: { [volumes.stagingUploads.id]: { isDeleted: true } } });
    if (outcome.refused !== null) throw new Error(outcome.refused);
    const { effects, answer } = await expectLawful(gated, outcome.resolved);
    expect(effects.some(({ effect }) => effect === 'destroyed')).toBe(false);
    expect(effects.some(({ object }) => object.startsWith('variable/'))).toBe(true);
    expect(answer).toMatchObject({ data: { done: expect.any(String) } });
  });

  test.each([
    JSON.stringify({
      errors: [{ message: 'Invalid value s3cret', extensions: { patch: 's3cret' } }],
    }),
    JSON.stringify({ data: { commit: null }, errors: [{ message: 's3cret' }], extra: 's3cret' }),
    JSON.stringify({ data: 's3cret' }),
    's3cret is no JSON',
  ])('answers without Railway’s words, which may quote it: %s', async (answer) => {
    const gated = openGate();
    const { id } = gated.rental.staging;
    const stage = `mutation { environmentStageChanges(environmentId: "${id}", input: { sharedVariables: { A: "s3cret" } }) { id } }`;
    const staging = await send(gated, stage);
    if (staging.refused !== null) throw new Error(staging.refused);
    expect(staging.resolved.conceal).toBeUndefined();
    await forward(gated, staging.resolved);
    const outcome = await send(
      gated,
      `mutation { environmentPatchCommitStaged(environmentId: "${id}") }`,
    );
    if (outcome.refused !== null) throw new Error(outcome.refused);
    const shown = outcome.resolved.conceal?.(new TextEncoder().encode(answer));
    expect(new TextDecoder().decode(shown)).toMatch(/"errors":\[\{"message":"Railway refused it/);
    expect(new TextDecoder().decode(shown)).not.toContain('s3cret');
    const done = outcome.resolved.conceal?.(new TextEncoder().encode('{"data":{"a":"id"}}'));
    expect(new TextDecoder().decode(done)).toBe('{"data":{"a":"id"}}');
  });

  test('is refused where it holds what nobody knows', async () => {
    const gated = openGate();
    const { staging } = gated.rental;
    gated.simulator.world.put('patch', {
      id: gated.simulator.sequence.id(),
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.000Z',
      environmentId: staging.id,
      status: 'STAGED',
      patch: { secretPart: {} },
      message: null,
      appliedAt: null,
    });
    expect(await send(gated, commit(staging.id))).toMatchObject({ refused: 'unparseable_request' });
  });

  test('with a deletion in production is production’s, though it was staged in staging', async () => {
    const gated = openGate();
    const { staging, production, volumes } = gated.rental;
    await stage(gated, { volumes: { [volumes.bookings.id]: { isDeleted: true } } });
    const outcome = await send(gated, commit(staging.id));
    expect(outcome.refused === null ? outcome.resolved.environments : []).toEqual(
      [staging.id, production.id].sort(),
    );
  });
});

describe('arguments that mean all', () => {
  const gated = openGate();
  const { rental } = gated;
  const both = [rental.staging.id, rental.production.id].sort();
  const { bookings } = rental.volumes;

  test.each<[string, string]>([
    [
      'no environment of a bucket',
      `mutation { bucketCreate(input: { projectId: "${rental.projectId}" }) { id } }`,
    ],
    [
      'a null in the place of the environment of a bucket',
      `mutation { bucketCreate(input: { projectId: "${rental.projectId}", environmentId: null }) { id } }`,
    ],
    [
      'no environment of a volume',
      `mutation { volumeInstanceUpdate(volumeId: "${bookings.id}", input: { mountPath: "/x" }) }`,
    ],
    [
      'a null environment of a volume',
      `mutation { volumeInstanceUpdate(volumeId: "${bookings.id}", environmentId: null, input: { mountPath: "/x" }) }`,
    ],
    [
      'a null by a variable',
      `mutation($e: String) { volumeInstanceUpdate(volumeId: "${bookings.id}", environmentId: $e, input: { mountPath: "/x" }) }`,
    ],
    [
      'no environment of a new volume',
      `mutation { volumeCreate(input: { projectId: "${rental.projectId}", mountPath: "/x" }) { id } }`,
    ],
    [
      'an environment that is no fork, for serviceDelete',
      `mutation { serviceDelete(id: "${rental.services.web}", environmentId: "${rental.staging.id}") }`,
    ],
    [
      'the same for serviceInstanceUpdate',
      `mutation { serviceInstanceUpdate(serviceId: "${rental.services.web}", environmentId: "${rental.staging.id}", input: { healthcheckPath: "/" }) }`,
    ],
    [
      'the same for serviceCreate',
      `mutation { serviceCreate(input: { projectId: "${rental.projectId}", environmentId: "${rental.staging.id}", name: "new" }) { id } }`,
    ],
    [
      'allEnvironments',
      `mutation { egressGatewayAssociationsClear(input: { serviceId: "${rental.services.web}", environmentId: "${rental.staging.id}", allEnvironments: true }) }`,
    ],
    ['the incident', `mutation { volumeDelete(volumeId: "${bookings.id}") }`],
    [
      'deployments of no environment',
      `{ deployments(input: { projectId: "${rental.projectId}" }) { edges { node { id } } } }`,
    ],
  ])('%s', async (_what, query) => {
    const outcome = await send(gated, query);
    expect(outcome.refused === null ? outcome.resolved.environments : outcome).toEqual(both);
  });

  test('deployments of nothing at all are refused', async () => {
    const query = '{ deployments(input: {}) { edges { node { id } } } }';
    expect(await send(gated, query)).toMatchObject({ refused: 'environment_mismatch' });
  });
});

describe('an argument that does more', () => {
  const gated = openGate();
  const { rental } = gated;
  const { api } = rental.services;
  const place = `projectId: "${rental.projectId}", environmentId: "${rental.staging.id}", serviceId: "${api}"`;
  const update = (input: string): string =>
    `mutation { serviceInstanceUpdate(serviceId: "${api}", input: { ${input} }) }`;
  const backup = gated.simulator.world.find(
    'backup',
    (each) => each.volumeInstanceId === rental.disks.bookings.staging.id,
  )?.id;

  test.each<[string, string]>([
    [
      `mutation { variableCollectionUpsert(input: { ${place}, replace: true, variables: {} }) }`,
      `variableDelete service/${api}`,
    ],
    [
      `mutation { variableCollectionUpsert(input: { ${place}, variables: { API_KEY: null } }) }`,
      `variableDelete variable/${api}/API_KEY`,
    ],
    [update('numReplicas: 0'), `deploymentStop service/${api}`],
    [update('startCommand: "x"'), `serviceCode service/${api}`],
    [update('startCommand: null'), `serviceCode service/${api}`],
    [update('preDeployCommand: ["x"]'), `serviceCode service/${api}`],
    [update('cronSchedule: "* * * * *"'), `serviceCode service/${api}`],
    [update('source: { image: "x" }'), `serviceConnect service/${api}`],
    [update('multiRegionConfig: { x: { numReplicas: 0 } }'), `placementChange service/${api}`],
    [
      `mutation { serviceInstanceDeployV2(serviceId: "${api}", environmentId: "${rental.staging.id}", commitSha: "abc") }`,
      `serviceCode service/${api}`,
    ],
    [
      `mutation { volumeInstanceUpdate(volumeId: "${rental.volumes.stagingUploads.id}", input: { mountPath: "/x" }) }`,
      `volumeDetach volume/${rental.volumes.stagingUploads.id}`,
    ],
    [
      `mutation { volumeInstanceUpdate(volumeId: "${rental.volumes.stagingUploads.id}", input: {}) }`,
      `volumeDetach volume/${rental.volumes.stagingUploads.id}`,
    ],
    [
      `mutation { volumeInstanceUpdate(volumeId: "${rental.volumes.stagingUploads.id}", input: { serviceId: null }) }`,
      `volumeDetach volume/${rental.volumes.stagingUploads.id}`,
    ],
    [
      `mutation { environmentCreate(input: { projectId: "${rental.projectId}", name: "x", sourceEnvironmentId: "${rental.staging.id}" }) { id } }`,
      `environmentFork environment/${rental.staging.id}`,
    ],
    [
      `mutation { volumeInstanceBackupRestore(volumeInstanceId: "${rental.disks.bookings.staging.id}", volumeInstanceBackupId: "${backup}", wipeServiceIds: ["${api}"]) { workflowId } }`,
      `volumeWipe service/${api}`,
    ],
  ])('%s', async (query, call) => {
    expect(calls(await send(gated, query))).toContain(call);
  });
});

test('a volume that is only mounted elsewhere is taken from its service, so that is asked for too', async () => {
  const gated = openGate();
  const { rental, simulator } = gated;
  const { id } = rental.disks.bookings.staging;
  expect(simulator.world.state['volume-instance'].get(id)?.serviceId).not.toBeNull();
  const outcome = await send(
    gated,
    `mutation { volumeInstanceUpdate(volumeId: "${rental.volumes.bookings.id}", environmentId: "${rental.staging.id}", input: { mountPath: "/x" }) }`,
  );
  expect(calls(outcome)).toContain(`volumeDetach volume/${rental.volumes.bookings.id}`);
  if (outcome.refused !== null) throw new Error(outcome.refused);
  await expectLawful(gated, outcome.resolved);
  expect(simulator.world.state['volume-instance'].get(id)?.serviceId).toBeNull();
});

describe('nothing is done where it is not proven to be', () => {
  const gated = openGate();
  const { staging, production, projectId, tokens, bucketId, volumes, services } = gated.rental;
  const unknown = '00000000-0000-4000-8000-000000000000';
  const commit = (patch: unknown): Promise<Outcome> =>
    send(
      gated,
      `mutation($p: EnvironmentConfig) { environmentPatchCommit(environmentId: "${staging.id}", patch: $p) }`,
      { p: patch },
    );
  const key = (bucket: string, environment: string): string =>
    `(bucketId: "${bucket}", environmentId: "${environment}", projectId: "${projectId}") { secretAccessKey }`;

  test.each<[string, string]>([
    ['a token of the account', `mutation { apiTokenDelete(id: "${tokens.workspace.id}") }`],
    ['a key of the account', `mutation { sshPublicKeyDelete(id: "${unknown}") }`],
    ['the tokens of the account', '{ apiTokens { edges { node { id } } } }'],
    [
      'code in a project of its own',
      'mutation { projectCreate(input: { repo: { fullRepoName: "a/b", branch: "main" } }) { id } }',
    ],
    ['a bucket of production', `{ bucketS3Credentials${key(bucketId, staging.id)} }`],
    ['a bucket nobody knows', `{ bucketS3Credentials${key(unknown, staging.id)} }`],
    ['new keys of production', `mutation { bucketCredentialsReset${key(bucketId, staging.id)} }`],
    ['new keys of nothing known', `mutation { bucketCredentialsReset${key(unknown, staging.id)} }`],
  ])('%s is refused', async (_what, query) => {
    expect(await send(gated, query)).toMatchObject({ refused: 'environment_mismatch' });
  });

  test('a bucket is where the configuration of an environment holds it', async () => {
    const outcome = await send(gated, `{ bucketS3Credentials${key(bucketId, production.id)} }`);
    expect(outcome).toMatchObject({ resolved: { environments: [production.id] } });
  });

  test.each<[string, unknown]>([
    ['deletes', { isDeleted: true }],
    ['takes away', null],
    ['opens', { region: 'sjc' }],
  ])('a patch of staging that %s a bucket of production is production’s', async (_what, entry) => {
    const both = [staging.id, production.id].sort();
    const outcome = await commit({ buckets: { [bucketId]: entry } });
    expect(outcome).toMatchObject({ resolved: { environments: both } });
    expect(await commit({ buckets: { [unknown]: entry } })).toMatchObject({
      refused: 'environment_mismatch',
    });
  });

  test.each<[string, unknown]>([
    ['service', { services: { [services.api]: { isCreated: true, name: 'renamed' } } }],
    ['volume', { volumes: { [volumes.bookings.id]: { isCreated: true, name: 'renamed' } } }],
    ['bucket', { buckets: { [bucketId]: { isCreated: true, region: 'sjc' } } }],
  ])('a %s that is said to be new is where it was before', async (_what, patch) => {
    expect(await commit(patch)).toMatchObject({
      resolved: { environments: [staging.id, production.id].sort() },
    });
  });

  test('what Railway does not know is new, there', async () => {
    const entry = { [unknown]: { isCreated: true } };
    for (const part of ['services', 'volumes', 'buckets']) {
      expect(await commit({ [part]: entry })).toMatchObject({
        resolved: { environments: [staging.id] },
      });
    }
  });

  test.each(['volume', 'bucket'] as const)(
    'a %s of a project that the connection is not for is not new',
    async (kind) => {
      const { world, sequence } = gated.simulator;
      const [project] = world.where('project');
      const [record] = world.where(kind);
      if (project === undefined || record === undefined) throw new Error('there is one');
      const foreign = world.put('project', { ...project, id: sequence.id() });
      const id = sequence.id();
      world.put(kind, { ...record, id, projectId: foreign.id });
      expect(await commit({ [`${kind}s`]: { [id]: { isCreated: true } } })).toMatchObject({
        refused: 'environment_mismatch',
      });
    },
  );

  test('what was made a moment ago is not new', async () => {
    const fresh = openGate();
    const environmentId = fresh.rental.staging.id;
    const rename = async (id: string): Promise<Outcome> => {
      const query = `mutation($p: EnvironmentConfig) { environmentPatchCommit(environmentId: "${environmentId}", patch: $p) }`;
      const body = { query, variables: { p: { volumes: { [id]: { isCreated: true } } } } };
      return await judge(fresh, inbound(body), asking(false));
    };
    const { world } = fresh.simulator;
    expect(await rename(unknown)).toMatchObject({ resolved: { environments: [environmentId] } });
    const known = world.state.volume.get(fresh.rental.volumes.bookings.id);
    if (known === undefined) throw new Error('there is a volume');
    world.put('volume', { ...known, id: unknown });
    expect(await rename(unknown)).toMatchObject({
      resolved: { environments: [environmentId, fresh.rental.production.id].sort() },
    });
  });

  test('a volume in two environments is not deleted as one of one', async () => {
    const query = `mutation { volumeInstanceUpdate(volumeId: "${volumes.bookings.id}", environmentId: "${staging.id}", input: { state: DELETED }) }`;
    expect(await send(gated, query)).toMatchObject({
      resolved: { environments: [staging.id, production.id].sort() },
    });
  });
});

describe('a null in the place of a source', () => {
  const gated = openGate();
  const { staging, services } = gated.rental;
  const commit = 'mutation($p: EnvironmentConfig) { environmentPatchCommit(environmentId: "';
  const disconnect = `serviceDisconnect service/${services.api}`;

  test.each<[string, string, Record<string, unknown>]>([
    ['of an image', '', { image: null }],
    ['of a repository', '', { image: 'x', repo: null }],
    ['of all', 'serviceInstanceUpdate(serviceId: "$", input: { source: null })', {}],
    ['in it', 'serviceInstanceUpdate(serviceId: "$", input: { source: { image: null } })', {}],
    ['in connecting', 'serviceConnect(id: "$", input: { repo: null, image: null }) { id }', {}],
  ])('%s disconnects', async (_what, field, source) => {
    const patch = { services: { [services.api]: { source } } };
    const outcome =
      field === ''
        ? await send(gated, `${commit}${staging.id}", patch: $p) }`, { p: patch })
        : await send(gated, `mutation { ${field.replace('$', services.api)} }`);
    expect(calls(outcome)).toContain(disconnect);
  });
});

test.each([0.4, 0, -1, '2', null, 1.5])(
  '%j replicas are no service that runs',
  async (numReplicas) => {
    const gated = openGate();
    const { staging, services } = gated.rental;
    const patch = { services: { [services.api]: { deploy: { numReplicas } } } };
    const query = `mutation($p: EnvironmentConfig) { environmentPatchCommit(environmentId: "${staging.id}", patch: $p) }`;
    expect(calls(await send(gated, query, { p: patch }))).toContain(
      `deploymentStop service/${services.api}`,
    );
  },
);

describe('a variable chooses what runs', () => {
  const gated = openGate();
  const { staging, projectId, services } = gated.rental;
  const place = `projectId: "${projectId}", environmentId: "${staging.id}"`;
  const ofWeb = `${place}, serviceId: "${services.web}"`;
  const service = `serviceCode service/${services.web}`;
  const environment = `serviceCode environment/${staging.id}`;
  const patch = 'mutation($p: EnvironmentConfig) { environmentPatchCommit(environmentId: "';

  test.each(
    [
      'RAILPACK_START_CMD',
      'NIXPACKS_BUILD_CMD',
      'RAILWAY_DOCKERFILE_PATH',
      'NODE_OPTIONS',
      'BASH_ENV',
      'ENV',
      'LD_PRELOAD',
      'PATH',
      'PYTHONSTARTUP',
      'RUBYOPT',
      'PERL5OPT',
      '_JAVA_OPTIONS',
      'JAVA_TOOL_OPTIONS',
      'JDK_JAVA_OPTIONS',
      'GIT_SSH_COMMAND',
      'DOTNET_STARTUP_HOOKS',
      'npm_config_script_shell',
    ].flatMap((name): [string, string, Record<string, unknown>, string][] => [
      [
        `${name} of a service`,
        `mutation { variableUpsert(input: { ${ofWeb}, name: "${name}", value: "x" }) }`,
        {},
        service,
      ],
      [
        `${name} shared by all`,
        `mutation { variableUpsert(input: { ${place}, name: "${name}", value: "x" }) }`,
        {},
        environment,
      ],
      [
        `${name} among others`,
        `mutation { variableCollectionUpsert(input: { ${ofWeb}, variables: { A: "1", ${name}: "x" } }) }`,
        {},
        service,
      ],
      [
        `${name} in a patch`,
        `${patch}${staging.id}", patch: $p) }`,
        { p: { services: { [services.web]: { variables: { [name]: { value: 'x' } } } } } },
        service,
      ],
      [
        `${name} shared by a patch`,
        `${patch}${staging.id}", patch: $p) }`,
        { p: { sharedVariables: { [name]: 'x' } } },
        environment,
      ],
      [
        `${name} of a new service`,
        `mutation { serviceCreate(input: { projectId: "${projectId}", variables: { ${name}: "x" } }) { id } }`,
        {},
        `serviceCode project/${projectId}`,
      ],
    ]),
  )('%s is code', async (_what, query, variables, call) => {
    expect(calls(await send(gated, query, variables))).toContain(call);
  });

  test('a name with a second reading is code of a new service', async () => {
    const variables = { v: { 'RAILPACK_START_CMD ': 'x' } };
    const query = `mutation($v: EnvironmentVariables) { serviceCreate(input: { projectId: "${projectId}", variables: $v }) { id } }`;
    expect(calls(await send(gated, query, variables))).toContain(
      `serviceCode project/${projectId}`,
    );
  });

  test.each(['LOG_LEVEL', 'DATABASE_URL', 'PORT', 'NODE_ENV', 'LDAP_URL', 'ENVIRONMENT'])(
    '%s is none',
    async (name) => {
      const query = `mutation { variableUpsert(input: { ${ofWeb}, name: "${name}", value: "x" }) }`;
      expect(calls(await send(gated, query))).toEqual([
        `variableUpsert variable/${services.web}/${name}`,
      ]);
    },
  );
});

describe('a selection shows more than it begins with', () => {
  const gated = openGate();
  const { rental } = gated;
  const { staging, production } = rental;
  const here = `environment(id: "${staging.id}")`;
  const secrets = `environmentVariables environment/${staging.id}`;

  test.each<[string, string]>([
    ['variables', `{ ${here} { variables { edges { node { name } } } } }`],
    ['the whole configuration', `{ ${here} { config(decryptVariables: true) } }`],
    [
      'the whole configuration by a variable',
      `query($d: Boolean = true) { ${here} { config(decryptVariables: $d) } }`,
    ],
    [
      'variables in a fragment',
      `{ ${here} { ...F } } fragment F on Environment { config(decryptVariables: true) }`,
    ],
    [
      'variables that are skipped',
      `{ ${here} { variables @skip(if: true) { edges { node { name } } } } }`,
    ],
  ])('%s', async (_what, query) => {
    expect(calls(await send(gated, query))).toContain(secrets);
  });

  const web = `environmentId: "${staging.id}", serviceId: "${rental.services.web}"`;
  const every = 'environment { config(decryptVariables: true) }';
  test.each<[string, string]>([
    [
      'the deployment of one service',
      `{ serviceInstance(${web}) { latestDeployment { ${every} } } }`,
    ],
    [
      'the deployments of one service',
      `{ deployments(input: { projectId: "${rental.projectId}", ${web} }) { edges { node { ${every} } } } }`,
    ],
    ['a disk', `{ volumeInstance(id: "${rental.disks.bookings.staging.id}") { ${every} } }`],
    [
      'its own disks',
      `{ ${here} { volumeInstances { edges { node { environment { variables { edges { node { id } } } } } } } } }`,
    ],
    [
      'a fragment that also stands directly on it',
      `{ ${here} { ...F deployments { edges { node { environment { ...F } } } } } } fragment F on Environment { config(decryptVariables: true) }`,
    ],
    ['what is staged', `{ environmentStagedChanges(environmentId: "${staging.id}") { ${every} } }`],
    [
      'every change to it',
      `{ environmentPatches(environmentId: "${staging.id}") { edges { node { patch(decryptVariables: true) } } } }`,
    ],
  ])('every variable of the environment by way of %s is refused', async (_what, query) => {
    expect(await send(gated, query)).toMatchObject({ refused: 'unparseable_request' });
  });

  test('the variables of one service, or the shared ones, are not those of the environment', () => {
    for (const resource of [`service/${rental.services.web}`, `environment/${staging.id}`]) {
      expect(canonicalResource('railway:variables', resource)).toBe(resource);
      expect(covers('railway:environmentVariables', resource, `environment/${staging.id}`)).toBe(
        resource.startsWith('environment/'),
      );
    }
    expect(canonicalResource('railway:variables', `deployment/${staging.id}`)).toBeNull();
  });

  test.each<[string, string]>([
    [
      'the environments of a project',
      `{ project(id: "${rental.projectId}") { environments { edges { node { name } } } } }`,
    ],
    ['its base', `{ project(id: "${rental.projectId}") { baseEnvironment { name } } }`],
    [
      'its deployments',
      `{ project(id: "${rental.projectId}") { deployments { edges { node { id } } } } }`,
    ],
    [
      'every instance of a service',
      `{ service(id: "${rental.services.api}") { serviceInstances { edges { node { id } } } } }`,
    ],
    [
      'every instance by way of one',
      `{ serviceInstance(environmentId: "${staging.id}", serviceId: "${rental.services.api}") { service { serviceInstances { edges { node { startCommand } } } } } }`,
    ],
    [
      'every disk of a volume',
      `{ volumeInstance(id: "${rental.disks.bookings.staging.id}") { volume { volumeInstances { edges { node { id } } } } } }`,
    ],
    ['its origin', `{ ${here} { sourceEnvironment { name } } }`],
    [
      'an interface between',
      `{ project(id: "${rental.projectId}") { ... on Node { id ... on Project { environments { edges { node { id } } } } } } }`,
    ],
  ])('%s', async (_what, query) => {
    const outcome = await send(gated, query);
    expect(outcome.refused === null ? outcome.resolved.environments : outcome).toEqual(
      [staging.id, production.id].sort(),
    );
  });

  test.each<[string, string, string]>([
    [
      'the workspace of a service',
      `{ service(id: "${rental.services.web}") { project { workspace { members { email } } } } }`,
      'workspace account/self',
    ],
    ['workspaces of the account', '{ me { workspaces { name } } }', 'workspace account/self'],
  ])('%s is a call of its own', async (_what, query, call) => {
    expect(calls(await send(gated, query))).toContain(call);
  });

  test.each([
    '{ projectToken { displayToken } }',
    '{ projectToken { ...T } } fragment T on ProjectToken { displayToken }',
  ])('the end of the broker’s own token is refused: %s', async (query) => {
    expect(await send(gated, query)).toMatchObject({ refused: 'unparseable_request' });
  });

  test.each<[string, string]>([
    ['every project', '{ projects { edges { node { environments { edges { node { id } } } } } } }'],
    [
      'the account',
      '{ me { workspaces { projects { edges { node { services { edges { node { deployments { edges { node { id } } } } } } } } } } } }',
    ],
    [
      'the workspace',
      `{ project(id: "${rental.projectId}") { workspace { projects { edges { node { baseEnvironment { id } } } } } } }`,
    ],
  ])('beyond %s is refused', async (_what, query) => {
    expect(await send(gated, query)).toMatchObject({ refused: 'environment_mismatch' });
  });
});
