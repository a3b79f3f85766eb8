/** What Railway changes is denied until a newer version knows it; what it adds is not known, so not asked for. */
import { ProviderError, type Upstream, type UpstreamAnswer } from '@countersign/provider-kit';
import {
  buildSchema,
  type GraphQLOutputType,
  getNamedType,
  introspectionFromSchema,
  printSchema,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { createRailwayProvider } from '../src/index.ts';
import { knownSchema } from '../src/known-schema.ts';
import { driftBetween } from '../src/schema.ts';
import { IN_A_PROJECT, IN_AN_ENVIRONMENT } from '../src/selection.ts';
import { connectionTo, inbound, judge, upstreamOf } from './support/gateway.ts';
import { openRental } from './support/railway.ts';

/** Their schema, changed somewhere. Every change has to change something. */
function theirs(from: string, to: string) {
  const printed = printSchema(knownSchema());
  const changed = printed.replace(from, to);
  expect(changed).not.toBe(printed);
  return buildSchema(changed);
}

/** The same answer with another body. */
function answering(answer: UpstreamAnswer, body: unknown): UpstreamAnswer {
  const bytes = Buffer.from(JSON.stringify(body));
  return {
    ...answer,
    body: {
      async *[Symbol.asyncIterator]() {
        yield bytes;
      },
      destroy: () => {},
    },
  };
}

describe('a schema', () => {
  test('that is the same has no drift', () => {
    expect([...driftBetween(knownSchema(), knownSchema())]).toEqual([]);
  });

  test.each<[string, string, string, string]>([
    [
      'an argument of another type',
      'volumeDelete(volumeId: String!)',
      'volumeDelete(volumeId: ID!)',
      'Mutation.volumeDelete',
    ],
    [
      'an argument of another name',
      'volumeDelete(volumeId: String!)',
      'volumeDelete(id: String!)',
      'Mutation.volumeDelete',
    ],
    [
      'another answer',
      'volumeDelete(volumeId: String!): Boolean!',
      'volumeDelete(volumeId: String!): Volume!',
      'Mutation.volumeDelete',
    ],
    [
      'a field that is gone',
      'volumeDelete(volumeId: String!): Boolean!',
      '',
      'Mutation.volumeDelete',
    ],
    [
      'a member of another type',
      'replace: Boolean = false',
      'replace: Int = 0',
      'Mutation.variableCollectionUpsert',
    ],
    [
      'another default',
      'replace: Boolean = false',
      'replace: Boolean = true',
      'Mutation.variableCollectionUpsert',
    ],
    [
      'a value that is gone',
      '  DELETED\n  DELETING\n  ERROR\n',
      '  DELETING\n  ERROR\n',
      'Mutation.volumeInstanceUpdate',
    ],
    [
      'a field of an object that became another',
      'canAccess: Boolean!',
      'canAccess: String!',
      'Environment.canAccess',
    ],
  ])('with %s has drifted there', (_what, from, to, field) => {
    expect([...driftBetween(knownSchema(), theirs(from, to))]).toContain(field);
  });

  test('with more in it has not drifted', () => {
    const more = theirs(
      'volumeDelete(volumeId: String!)',
      'volumeDelete(force: Boolean, volumeId: String!)',
    );
    expect([...driftBetween(knownSchema(), more)]).toEqual([]);
  });
});

describe('a request', () => {
  const railway = openRental();
  const alive = upstreamOf(railway.simulator);
  let schema = knownSchema();
  let fetched = 0;
  let broken = false;
  const upstream: Upstream = {
    ...alive,
    send: async (request, credential, limits) => {
      const answer = await alive.send(request, credential, limits);
      if (
        !Buffer.from(request.body ?? [])
          .toString()
          .includes('IntrospectionQuery')
      )
        return answer;
      fetched += 1;
      if (broken) throw new ProviderError('unavailable', 'No answer.');
      return answering(answer, { data: introspectionFromSchema(schema) });
    },
  };
  const { gateway } = createRailwayProvider({ clock: railway.clock, upstream });
  if (gateway === undefined) throw new Error('the provider has no gateway');
  const gated = { gateway, connection: connectionTo(railway) };
  const deletion = inbound({
    query: `mutation { volumeDelete(volumeId: "${railway.rental.volumes.bookings.id}") }`,
  });
  const environment = inbound({
    query: `{ environment(id: "${railway.rental.staging.id}") { canAccess } }`,
  });

  test('that uses what drifted is denied, in arguments and in selections, and others are not', async () => {
    schema = theirs('volumeDelete(volumeId: String!)', 'volumeDelete(volumeId: ID!)');
    expect(await judge(gated, deletion)).toMatchObject({ refused: 'unknown_operation' });
    expect((await judge(gated, environment)).refused).toBeNull();
    railway.clock.advance(3_600_000);
    schema = theirs('canAccess: Boolean!', 'canAccess: String!');
    expect(await judge(gated, environment)).toMatchObject({ refused: 'unknown_operation' });
    expect((await judge(gated, deletion)).refused).toBeNull();
  });

  test('asks for the schema once in an hour, and is not judged without', async () => {
    railway.clock.advance(3_600_000);
    schema = knownSchema();
    const before = fetched;
    await Promise.all([judge(gated, environment), judge(gated, environment)]);
    expect((await judge(gated, environment)).refused).toBeNull();
    expect(fetched - before).toBe(1);
    railway.clock.advance(3_600_000);
    broken = true;
    const asked = fetched;
    for (const request of [environment, deletion, environment]) {
      await expect(judge(gated, request)).rejects.toBeInstanceOf(ProviderError);
    }
    broken = false;
    await expect(judge(gated, environment)).rejects.toBeInstanceOf(ProviderError);
    // Before anything was granted: whoever asks again makes the broker ask no more often than that.
    expect(fetched - asked).toBe(1);
    railway.clock.advance(5_000);
    expect((await judge(gated, environment)).refused).toBeNull();
  });
});

describe('what Railway added', () => {
  test.each<[string, string, string, string, string]>([
    [
      'a mutation',
      'type Mutation {\n',
      'type Mutation {\n  volumeErase(volumeId: String!): Boolean!\n',
      'Mutation.volumeErase',
      'mutation { volumeErase(volumeId: "ID") }',
    ],
    [
      'a query',
      'type Query {\n',
      'type Query {\n  secrets: [String!]!\n',
      'Query.secrets',
      '{ secrets }',
    ],
    [
      'an argument',
      'volumeUpdate(input: VolumeUpdateInput!, volumeId: String!)',
      'volumeUpdate(erase: Boolean, input: VolumeUpdateInput!, volumeId: String!)',
      'Mutation.volumeUpdate(erase)',
      'mutation { volumeUpdate(volumeId: "ID", input: {}, erase: true) { id } }',
    ],
    [
      'a member of an input',
      'input VolumeUpdateInput {\n',
      'input VolumeUpdateInput {\n  erase: Boolean\n',
      'VolumeUpdateInput.erase',
      'mutation { volumeUpdate(volumeId: "ID", input: { erase: true }) { id } }',
    ],
    [
      'a value',
      '  DELETED\n  DELETING\n  ERROR\n',
      '  DELETED\n  DELETING\n  ERASED\n  ERROR\n',
      'VolumeState.ERASED',
      'mutation { volumeInstanceUpdate(volumeId: "ID", input: { state: ERASED }) }',
    ],
  ])('as %s is listed, and denied', async (_what, from, to, name, query) => {
    const railway = openRental();
    const alive = upstreamOf(railway.simulator);
    const schema = theirs(from, to);
    const upstream: Upstream = {
      ...alive,
      send: async (request, credential, limits) => {
        const answer = await alive.send(request, credential, limits);
        const asked = Buffer.from(request.body ?? []).toString();
        return asked.includes('IntrospectionQuery')
          ? answering(answer, { data: introspectionFromSchema(schema) })
          : answer;
      },
    };
    const provider = createRailwayProvider({ clock: railway.clock, upstream });
    const { gateway } = provider;
    if (gateway === undefined) throw new Error('the provider has no gateway');
    const connection = connectionTo(railway);
    const { ok, findings } = await provider.check(connection);
    expect(ok).toBe(true);
    expect(findings).toContainEqual({
      ok: false,
      text: expect.stringContaining(`denied: ${name}.`),
    });
    const id = railway.rental.volumes.stagingUploads.id;
    const outcome = await judge(
      { gateway, connection },
      inbound({ query: query.replace('ID', id) }),
    );
    expect(outcome.refused).toMatch(/^(?:unknown_operation|unparseable_request)$/);
  });
});

describe('every type that is known', () => {
  /** Parts of other objects, which say nothing of an environment on their own. */
  const PARTS =
    /^(?:Query|Mutation|Subscription|PageInfo|Node|Domain|AllDomains|User|Workspace|WorkspaceMember|ApiToken|ApiTokenContext|ApiTokenRateLimit|ApiTokenWorkspace|SshPublicKey|SSHSignupInfo|IntegrationAuth|Signal|.*Connection|.*ConnectionEdge|.*Result|WorkflowId|TemplateDeployPayload|ChangeSetPreview|CustomDomainStatus|DNSRecords|EnvironmentMeta|ServiceSource|DeploymentCreator|DeploymentDeploymentInstance|LogTags|LogAttribute)$/;

  /** Whether a selection goes on from there to what stands in an environment or a project. */
  function leadsOn(name: string, seen: Set<string> = new Set()): boolean {
    if (IN_AN_ENVIRONMENT.has(name) || IN_A_PROJECT.has(name)) return true;
    const type = knownSchema().getType(name);
    if (seen.has(name) || type === undefined || !('getFields' in type)) return false;
    seen.add(name);
    return Object.values(type.getFields()).some((field) => {
      const type: GraphQLOutputType = field.type;
      return leadsOn(getNamedType(type).name, seen);
    });
  }

  test('stands in an environment or in a project, or is a part of what does', () => {
    const types = Object.values(knownSchema().getTypeMap()).filter(
      (type) => 'getInterfaces' in type && !type.name.startsWith('__'),
    );
    for (const { name } of types) {
      const places = [IN_AN_ENVIRONMENT, IN_A_PROJECT].filter((set) => set.has(name)).length;
      const isPart = PARTS.test(name) || (places === 0 && !leadsOn(name));
      expect(places + (isPart ? 1 : 0), name).toBe(1);
    }
  });
});
