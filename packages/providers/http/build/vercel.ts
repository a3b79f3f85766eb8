/**
 * Makes `catalogs/vercel.json` from Vercel's SDK, npm's `@vercel/sdk` (Apache-2.0), which is made from Vercel's own
 * description.
 *
 *   npm pack @vercel/sdk && tar xzf vercel-sdk-*.tgz
 *   node build/vercel.ts package
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  importOpenApi,
  narrowestFirst,
  type OperationDescription,
} from '../src/description/index.ts';
import { sketch } from './sketch.ts';
import { operationsOf } from './vercel-sdk.ts';
import { type Review, review, write } from './write.ts';

const root = process.argv[2] ?? '';
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const { description } = importOpenApi(
  sketch('https://api.vercel.com', version, operationsOf(root)),
  {
    name: 'vercel',
    base: null,
  },
);

/** In which team a name is meant: another one has a project of the same name. Its slug would be a second word for it. */
const TEAM = ['teamId'];

const PLACES = {
  account: { ask: '/v2/user', id: 'user/{answer:/user/id}' },
  /** By its id, whichever name it was asked for by. */
  project: { ask: '/v9/projects/{idOrName}', query: TEAM, id: 'project/{answer:/id}' },
  'project-by-id': { ask: '/v9/projects/{projectId}', query: TEAM, id: 'project/{answer:/id}' },
  'project-of-id': {
    ask: '/v9/projects/{projectIdOrName}',
    query: TEAM,
    id: 'project/{answer:/id}',
  },
  deployment: { ask: '/v13/deployments/{idOrUrl}', query: TEAM, id: 'project/{answer:/projectId}' },
  'deployment-by-id': {
    ask: '/v13/deployments/{id}',
    query: TEAM,
    id: 'project/{answer:/projectId}',
  },
  'deployment-of-id': {
    ask: '/v13/deployments/{deploymentId}',
    query: TEAM,
    id: 'project/{answer:/projectId}',
  },
  /** By its id alone: a name is no id of any, so it leads nowhere. */
  'project-moved-to': { id: 'project/{body:/projectId}' },
  team: { id: 'team/{teamId}' },
};

function placeOf({ request }: OperationDescription): keyof typeof PLACES | (keyof typeof PLACES)[] {
  const path = request.slice(request.indexOf(' ') + 1);
  // What concerns two of them has to be proven of both.
  if (/\/domains\/\{domain\}\/move$/.test(path)) return ['project', 'project-moved-to'];
  if (/\{projectId\}.*\{deploymentId\}/.test(path)) return ['project-by-id', 'deployment-of-id'];
  if (/\/projects\/\{idOrName/.test(path)) return 'project';
  if (/\{projectIdOrName\}/.test(path)) return 'project-of-id';
  if (/\{projectId\}/.test(path)) return 'project-by-id';
  if (/\/deployments\/\{idOrUrl/.test(path)) return 'deployment';
  if (/\/deployments\/\{id\}/.test(path)) return 'deployment-by-id';
  if (/\{deploymentId\}/.test(path)) return 'deployment-of-id';
  return /\/teams\/\{teamId/.test(path) ? 'team' : 'account';
}

const SHOWS: Review = { effect: 'reveal', reason: 'it may show values of environment variables' };
const SIGNS: Review = {
  effect: 'reveal',
  reason: 'it may show the secret its deliveries are signed by',
};
const PRINTS: Review = { effect: 'reveal', reason: 'logs hold what services print, secrets too' };
const REVIEWS: Readonly<Record<string, Review>> = {
  getDeploymentEvents: PRINTS,
  getRuntimeLogs: PRINTS,
  getSdkKeys: { effect: 'reveal', reason: 'it may show a key' },
  'get-integration-resource': { effect: 'reveal', reason: 'it may show the secrets of a resource' },
  'get-integration-resources': {
    effect: 'reveal',
    reason: 'it may show the secrets of a resource',
  },
  getProject: {
    reason: 'values of variables, secrets to pass its protection and deploy hooks are taken out',
    redact: ['/env', '/protectionBypass', '/link/deployHooks'],
  },
  getProjects: {
    reason: 'values of variables, secrets to pass its protection and deploy hooks are taken out',
    redact: ['/*/env', '/*/protectionBypass', '/*/link/deployHooks'],
  },
  getAlias: { reason: 'links past its protection are taken out', redact: ['/protectionBypass'] },
  listAliases: {
    reason: 'links past its protection are taken out',
    redact: ['/aliases/*/protectionBypass'],
  },
  listDeploymentAliases: {
    reason: 'links past its protection are taken out',
    redact: ['/aliases/*/protectionBypass'],
  },
  getDomainAuthCode: { effect: 'reveal', reason: 'whoever has it takes the domain elsewhere' },
  getStorageStoresById: { effect: 'reveal', reason: 'it may show how to connect to a store' },
  getDrains: SIGNS,
  getDrain: SIGNS,
  getAllLogDrains: SIGNS,
  getIntegrationLogDrains: SIGNS,
  getConfigurableLogDrain: SIGNS,
};

/** Parameters by which a read does something, or another team is meant than is said. */
function isHarmful(request: string, parameter: string): boolean {
  return parameter === 'slug' || (parameter === 'resume' && request.startsWith('GET '));
}

/** The registry of images answers elsewhere, and names team and project by what may be given to another one. */
const described = description.operations.filter(
  ({ request }) => !/ \/v2\/\{teamSlug\}/.test(request),
);

const reviewed = review(described, REVIEWS).map((operation): OperationDescription => {
  const { request, effect } = operation;
  const isEnv =
    request.startsWith('GET ') && /\/env(?:\/|$)/.test(request.replace(/\{[^}]*\}/g, '_'));
  const query = Array.isArray(operation.query)
    ? operation.query.filter((each) => !isHarmful(request, each))
    : undefined;
  return {
    ...operation,
    ...(query === undefined ? {} : { query }),
    // What is granted is named with its team.
    ...(query?.includes('teamId') ? { resource: `{query:teamId?}/${operation.resource}` } : {}),
    // One environment variable may belong to preview and production at once, and a PATCH moves it.
    ...(effect === 'write'
      ? { effect: 'delete', reason: 'it may replace what production has' }
      : {}),
    ...(isEnv ? SHOWS : {}),
    place: placeOf(operation),
  };
});

const used = new Set<string>(reviewed.flatMap(({ place }) => place ?? []));

write({
  ...description,
  title: 'Vercel',
  source: `npm @vercel/sdk ${version}, made from Vercel’s own description`,
  account: { ask: '/v2/user', id: '/user/id' },
  refused: [400, 403, 404, 409, 429],
  places: Object.fromEntries(Object.entries(PLACES).filter(([name]) => used.has(name))),
  operations: narrowestFirst(reviewed),
  examples: [
    {
      request: 'DELETE /v9/projects/shop?teamId=team_1',
      answers: {
        '/v9/projects/shop?teamId=team_1': { id: 'prj_1' },
        '/v9/projects/shop': { id: 'prj_2' },
      },
      expect: {
        operations: ['deleteProject'],
        resources: ['team_1/projects/shop'],
        environment: ['project/prj_1'],
      },
    },
    {
      request: 'DELETE /v13/deployments/dpl_1',
      answers: { '/v13/deployments/dpl_1': { projectId: 'prj_1' } },
      expect: { operations: ['deleteDeployment'], environment: ['project/prj_1'] },
    },
    {
      request: 'GET /v9/projects/shop',
      answers: { '/v9/projects/shop': { id: 'prj_1' } },
      expect: { operations: ['getProject'], environment: ['project/prj_1'] },
    },
    {
      request: 'DELETE /v9/projects/shop',
      answers: { '/v9/projects/shop': { id: 'prj_2' } },
      expect: {
        operations: ['deleteProject'],
        resources: ['-/projects/shop'],
        environment: ['project/prj_2'],
      },
    },
    { request: 'DELETE /v9/projects/shop?teamId=-', expect: { refused: 'ambiguous_request' } },
    { request: 'DELETE /v9/projects/shop?slug=acme', expect: { refused: 'unknown_operation' } },
    {
      request: 'POST /v1/projects/shop/domains/acme.com/move',
      body: { projectId: 'prj_2' },
      answers: { '/v9/projects/shop': { id: 'prj_1' } },
      expect: {
        operations: ['moveProjectDomain'],
        environment: ['project/prj_1', 'project/prj_2'],
      },
    },
    {
      request: 'POST /v10/projects/prj_1/promote/dpl_2',
      answers: {
        '/v9/projects/prj_1': { id: 'prj_1' },
        '/v13/deployments/dpl_2': { projectId: 'prj_2' },
      },
      expect: { operations: ['requestPromote'], environment: ['project/prj_1', 'project/prj_2'] },
    },
    { request: 'GET /v2/teams/team_1?slug=acme', expect: { refused: 'unknown_operation' } },
    { request: 'GET /v9/projects/gone', expect: { refused: 'environment_mismatch' } },
    { request: 'GET /V9/projects/shop', expect: { refused: 'unknown_operation' } },
  ],
});
