/**
 * Makes `catalogs/vercel.json` from Vercel's SDK, npm's `@vercel/sdk` (Apache-2.0), which is made from Vercel's own
 * description: methods, paths, parameters and the members of bodies are read out of its sources.
 *
 *   npm pack @vercel/sdk && tar xzf vercel-sdk-*.tgz
 *   node build/vercel.ts package
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importOpenApi, type OperationDescription } from '../src/description/index.ts';
import { type Sketched, sketch } from './sketch.ts';
import { narrowestFirst, type Review, review, write } from './write.ts';

const root = process.argv[2] ?? '';
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Members of each body, by the name of its schema; null where it is no plain object. */
const bodies = new Map<string, readonly string[] | null>();
for (const file of readdirSync(join(root, 'src/models'))) {
  const text = readFileSync(join(root, 'src/models', file), 'utf8');
  for (const [, name = '', expression = ''] of text.matchAll(
    /export const (\w+)\$outboundSchema: z\.ZodType<[^=]*?> = ([\s\S]*?);\n(?=\n|export)/g,
  )) {
    const isObject = /^z\s*\.object\(\{/.test(expression);
    const members = [...expression.matchAll(/^ {2}(\w+):/gm)].map(([, each = '']) => each);
    bodies.set(name, isObject ? members : null);
  }
}

const operations: Sketched[] = [];
for (const file of readdirSync(join(root, 'src/funcs'))) {
  const text = readFileSync(join(root, 'src/funcs', file), 'utf8');
  const [, path] = /pathToFunc\("([^"]+)"\)/.exec(text) ?? [];
  const [, method] = /\n {4}method: "([A-Z]+)"/.exec(text) ?? [];
  const [, name] = /operationID: "([^"]+)"/.exec(text) ?? [];
  if (path === undefined || method === undefined || name === undefined) continue;
  const [, query = ''] = /encodeFormQuery\(\{([\s\S]*?)\n {2}\}/.exec(text) ?? [];
  const [, request = ''] = /\n {2}request\??: (\w+)Request(?:\d*)?[,|\n ]/.exec(text) ?? [];
  const hasBody = /const body = (?!null)/.test(text);
  operations.push({
    ...{ method, path, name },
    query: [...query.matchAll(/"([^"]+)":/g)].map(([, each = '']) => each),
    body: hasBody ? (bodies.get(`${request}RequestBody`) ?? null) : [],
  });
}

const { description } = importOpenApi(sketch('https://api.vercel.com', version, operations), {
  name: 'vercel',
  base: null,
});

const PLACES = {
  account: { ask: '/v2/user', id: 'user/{answer:/user/id}' },
  /** By its id, whichever name it was asked for by. */
  project: { ask: '/v9/projects/{idOrName}', id: 'project/{answer:/id}' },
  'project-by-id': { ask: '/v9/projects/{projectId}', id: 'project/{answer:/id}' },
  'project-of-id': { ask: '/v9/projects/{projectIdOrName}', id: 'project/{answer:/id}' },
  deployment: { ask: '/v13/deployments/{idOrUrl}', id: 'project/{answer:/projectId}' },
  'deployment-by-id': { ask: '/v13/deployments/{id}', id: 'project/{answer:/projectId}' },
  'deployment-of-id': { ask: '/v13/deployments/{deploymentId}', id: 'project/{answer:/projectId}' },
  team: { id: 'team/{teamId}' },
} as const;

function placeOf({ request }: OperationDescription): keyof typeof PLACES {
  const path = request.slice(request.indexOf(' ') + 1);
  if (/\/projects\/\{idOrName/.test(path)) return 'project';
  if (/\{projectIdOrName\}/.test(path)) return 'project-of-id';
  if (/\{projectId\}/.test(path)) return 'project-by-id';
  if (/\/deployments\/\{idOrUrl/.test(path)) return 'deployment';
  if (/\/deployments\/\{id\}/.test(path)) return 'deployment-by-id';
  if (/\{deploymentId\}/.test(path)) return 'deployment-of-id';
  return /\/teams\/\{teamId/.test(path) ? 'team' : 'account';
}

const SHOWS: Review = { effect: 'reveal', reason: 'it may show values of environment variables' };
const REVIEWS: Readonly<Record<string, Review>> = {};

const reviewed = review(description.operations, REVIEWS).map((operation): OperationDescription => {
  const { request, effect } = operation;
  const isEnv =
    request.startsWith('GET ') && /\/env(?:\/|$)/.test(request.replace(/\{[^}]*\}/g, '_'));
  return {
    ...operation,
    // One environment variable may belong to preview and production at once, and a PATCH moves it.
    ...(effect === 'write'
      ? { effect: 'delete', reason: 'it may replace what production has' }
      : {}),
    ...(isEnv ? SHOWS : {}),
    place: placeOf(operation),
  };
});

const used = new Set<string>(reviewed.map(({ place }) => String(place)));

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
      answers: { '/v9/projects/shop': { id: 'prj_1' } },
      expect: {
        operations: ['deleteProject'],
        resources: ['projects/shop'],
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
    { request: 'GET /v9/projects/gone', expect: { refused: 'environment_mismatch' } },
    { request: 'GET /V9/projects/shop', expect: { refused: 'unknown_operation' } },
  ],
});
