/** How far each kind of token reaches, and how Railway refuses what lies beyond. */
import { describe, expect, test } from 'vitest';
import { ask, bearer, openRental, projectHeader, type Railway } from './support/railway.ts';

type Headers = Record<string, string>;

async function messages(railway: Railway, headers: Headers, query: string): Promise<string[]> {
  const before = railway.simulator.world.state;
  const { status, errors } = await ask(railway, headers, query);
  expect(status).toBe(200);
  if (errors.length > 0) expect(railway.simulator.world.state).toBe(before);
  return errors.map(({ message }) => message);
}

describe('a token in the wrong place', () => {
  const railway = openRental();
  const { account, workspace, staging } = railway.rental.tokens;

  test.each<[string, Headers]>([
    ['no header', {}],
    ['an unknown token', { authorization: 'Bearer unknown' }],
    ['an account token without Bearer', { authorization: account.secret }],
    ['an account token as Basic', { authorization: `Basic ${account.secret}` }],
    ['an account token as a project token', { 'project-access-token': account.secret }],
    ['a project token as Bearer', { authorization: `Bearer ${staging.secret}` }],
    ['a workspace token in a header of another name', { 'team-access-token': workspace.secret }],
  ])('%s is answered 200 and Not Authorized', async (_what, headers) => {
    expect(await messages(railway, headers, '{ me { id } }')).toEqual(['Not Authorized']);
    const query = `{ environment(id: "${railway.rental.staging.id}") { id } }`;
    expect(await messages(railway, headers, query)).toEqual(['Not Authorized']);
  });

  test('a project token as Bearer is not found', async () => {
    const found = await messages(railway, bearer(staging), '{ projectToken { id } }');
    expect(found).toEqual(['Project Token not found']);
  });

  test('a project token in its header wins over an account token beside it', async () => {
    const headers = { ...projectHeader(staging), ...bearer(account) };
    expect(await messages(railway, headers, '{ me { id } }')).toEqual(['Not Authorized']);
  });
});

interface Reach {
  readonly query: (railway: Railway) => string;
  readonly account: boolean;
  readonly workspace: boolean;
  readonly staging: boolean;
}

const REACH: Readonly<Record<string, Reach>> = {
  'the user': { query: () => '{ me { id } }', account: true, workspace: false, staging: false },
  'the token’s workspaces': {
    query: () => '{ apiToken { workspaces { id } } }',
    account: true,
    workspace: true,
    staging: false,
  },
  'every project': {
    query: () => '{ projects { edges { node { id } } } }',
    account: true,
    workspace: true,
    staging: false,
  },
  'the project': {
    query: ({ rental }) => `{ project(id: "${rental.projectId}") { id } }`,
    account: true,
    workspace: true,
    staging: true,
  },
  staging: {
    query: ({ rental }) => `{ environment(id: "${rental.staging.id}") { id } }`,
    account: true,
    workspace: true,
    staging: true,
  },
  production: {
    query: ({ rental }) => `{ environment(id: "${rental.production.id}") { id } }`,
    account: true,
    workspace: true,
    staging: false,
  },
  'what lies in production, by the project': {
    query: ({ rental }) =>
      `{ project(id: "${rental.projectId}") { environments { edges { node { config } } } } }`,
    account: true,
    workspace: true,
    staging: false,
  },
  'variables of production': {
    query: ({ rental }) =>
      `{ variables(projectId: "${rental.projectId}", environmentId: "${rental.production.id}") }`,
    account: true,
    workspace: true,
    staging: false,
  },
  'a deletion of the project': {
    query: ({ rental }) => `mutation { projectDelete(id: "${rental.projectId}") }`,
    account: true,
    workspace: true,
    staging: false,
  },
  'a deletion of the user': {
    query: () => 'mutation { userDelete }',
    account: true,
    workspace: false,
    staging: false,
  },
  'a deletion of a service that also stands in production': {
    query: ({ rental }) => `mutation { serviceDelete(id: "${rental.services.api}") }`,
    account: true,
    workspace: true,
    staging: true,
  },
  'a new token for production': {
    query: ({ rental }) =>
      `mutation { projectTokenCreate(input: { projectId: "${rental.projectId}", environmentId: "${rental.production.id}", name: "x" }) }`,
    account: true,
    workspace: true,
    staging: false,
  },
};

describe.each(Object.entries(REACH))('%s', (_what, reach) => {
  test.each(['account', 'workspace', 'staging'] as const)('by a token of %s', async (which) => {
    const railway = openRental();
    const token = railway.rental.tokens[which];
    const headers = which === 'staging' ? projectHeader(token) : bearer(token);
    const refused = await messages(railway, headers, reach.query(railway));
    expect(refused).toEqual(reach[which] ? [] : ['Not Authorized']);
  });
});

describe('what is not there', () => {
  const railway = openRental();
  const account = bearer(railway.rental.tokens.account);

  test.each([
    ['{ deployment(id: "x") { id } }', 'Deployment not found'],
    ['mutation { deploymentStop(id: "x") }', 'Deployment not found'],
    // A missing service looks like one that belongs to others.
    ['mutation { serviceDelete(id: "x") }', 'Not Authorized'],
    ['mutation { volumeDelete(volumeId: "x") }', 'Volume not found'],
  ])('%s: %s', async (query, message) => {
    expect(await messages(railway, account, query)).toEqual([message]);
  });

  test('nor what belongs to another workspace', async () => {
    const { world, sequence } = railway.simulator;
    const at = '2026-01-01T00:00:00.000Z';
    const made = () => ({ id: sequence.id(), createdAt: at, updatedAt: at });
    const other = world.put('workspace', { ...made(), name: 'Other', plan: 'PRO', members: [] });
    const project = world.where('project').at(0);
    if (project === undefined) throw new Error('no project');
    const foreign = world.put('project', { ...project, ...made(), workspaceId: other.id });
    for (const query of [
      `{ project(id: "${foreign.id}") { id } }`,
      `mutation { projectDelete(id: "${foreign.id}") }`,
    ]) {
      expect(await messages(railway, account, query)).toEqual(['Not Authorized']);
    }
    const { data } = await ask(
      railway,
      account,
      `{ projectsByIds(ids: ["${foreign.id}"]) { id } }`,
    );
    expect(data).toEqual({ projectsByIds: [] });
  });
});

describe('a project token', () => {
  test('reaches no other project of its workspace', async () => {
    const railway = openRental();
    const { world, sequence } = railway.simulator;
    const project = world.where('project').at(0);
    const volume = world.where('volume').at(0);
    if (project === undefined || volume === undefined) throw new Error('no rental');
    const other = world.put('project', { ...project, id: sequence.id() });
    const theirs = world.put('volume', { ...volume, id: sequence.id(), projectId: other.id });
    const headers = projectHeader(railway.rental.tokens.staging);
    for (const query of [
      `{ project(id: "${other.id}") { id } }`,
      `mutation { volumeDelete(volumeId: "${theirs.id}") }`,
      `mutation { volumeCreate(input: { projectId: "${other.id}", mountPath: "/x" }) { id } }`,
    ]) {
      expect(await messages(railway, headers, query)).toEqual(['Not Authorized']);
    }
  });

  test('sees that there are other environments, and nothing in them', async () => {
    const railway = openRental();
    const headers = projectHeader(railway.rental.tokens.staging);
    const query = `{ project(id: "${railway.rental.projectId}") {
      environments { edges { node { name canAccess } } }
      volumes { edges { node { volumeInstances { edges { node { environmentId } } } } } }
    } }`;
    const { data, errors } = await ask(railway, headers, query);
    expect(errors).toEqual([]);
    const seen = JSON.stringify(data);
    expect(seen).toContain('{"name":"production","canAccess":false}');
    expect(seen).toContain('{"name":"staging","canAccess":true}');
    expect(seen).not.toContain(railway.rental.production.id);
  });
});

describe('a member who is no admin', () => {
  test.each([
    [
      'volumeDelete',
      ({ rental }: Railway) => `volumeDelete(volumeId: "${rental.volumes.bookings.id}")`,
      false,
    ],
    [
      'serviceDelete',
      ({ rental }: Railway) => `serviceDelete(id: "${rental.services.api}")`,
      false,
    ],
    ['projectDelete', ({ rental }: Railway) => `projectDelete(id: "${rental.projectId}")`, false],
    [
      'variableDelete',
      ({ rental }: Railway) =>
        `variableDelete(input: { projectId: "${rental.projectId}", environmentId: "${rental.staging.id}", name: "SENTRY_DSN" })`,
      true,
    ],
  ] as const)('%s', async (_field, mutation, may) => {
    const railway = openRental();
    const { world } = railway.simulator;
    const workspace = world.where('workspace').at(0);
    if (workspace === undefined) throw new Error('no workspace');
    const members = [{ userId: railway.rental.userId, role: 'MEMBER' as const }];
    world.put('workspace', { ...workspace, members });
    const account = bearer(railway.rental.tokens.account);
    const refused = await messages(railway, account, `mutation { ${mutation(railway)} }`);
    expect(refused).toEqual(may ? [] : ['Not Authorized']);
  });
});
