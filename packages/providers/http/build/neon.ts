/**
 * Makes `catalogs/neon.json` from Neon's published description, which npm's `@neondatabase/api-client` carries as
 * YAML: turned into JSON first, by any tool.
 *
 *   node build/neon.ts public-v2-for-users.json
 */
import { readFileSync } from 'node:fs';
import {
  importOpenApi,
  narrowestFirst,
  type OperationDescription,
} from '../src/description/index.ts';
import { inWords } from './sketch.ts';
import { type Review, review, write } from './write.ts';

const document: unknown = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const { description } = importOpenApi(document, { name: 'neon', base: null });

const PLACES = {
  account: { ask: '/api/v2/users/me', id: 'user/{answer:/id}' },
  project: { id: 'project/{project_id}' },
  organization: { id: 'organization/{org_id}' },
};

function placeOf({ request }: OperationDescription): keyof typeof PLACES | null {
  if (request === 'GET /api/v2/regions') return null;
  if (request.includes('{project_id')) return 'project';
  return request.includes('{org_id') ? 'organization' : 'account';
}

/** Branches, databases, endpoints: made, and nothing of what is there is changed. */
const MAKES =
  /^POST \/api\/v2\/projects\/\{project_id\}\/(?:branches|branches\/\{branch_id\}\/databases|branches\/\{branch_id\}\/snapshot)$/;

/** Neon answers with what was entered there: its own tools take the secrets out. */
const ENTERED: Review = { effect: 'reveal', reason: 'it may show a secret that was entered there' };

const REVIEWS: Readonly<Record<string, Review>> = {
  listNeonAuthOauthProviders: ENTERED,
  listBranchNeonAuthOauthProviders: ENTERED,
  getNeonAuthEmailServer: ENTERED,
  getNeonAuthEmailProvider: ENTERED,
  getNeonAuthPluginConfigs: ENTERED,
  getNeonAuthPhoneNumberPlugin: ENTERED,
  createProjectBranch: {
    reason: 'a copy of another branch; the passwords of its roles are taken out of the answer',
    redact: ['/roles/*/password', '/connection_uris'],
  },
  listProjectBranchRoles: { redact: ['/roles/*/password'] },
  getProjectBranchRole: { redact: ['/role/password'] },
};

const reviewed = review(description.operations, REVIEWS).map((operation): OperationDescription => {
  const { name, request, effect } = operation;
  const mild = effect === 'write' && !MAKES.test(request);
  return {
    ...operation,
    summary: inWords(name),
    // Neon's members change meaning with its plans: what is changed is taken for replaced.
    ...(mild ? { effect: 'delete', reason: 'it may replace what is there' } : {}),
    place: placeOf(operation),
  };
});

write({
  ...description,
  title: 'Neon',
  source: `Neon’s published description, npm @neondatabase/api-client 2.7.3 (${description.source ?? ''})`,
  account: { ask: '/api/v2/users/me', id: '/id' },
  refused: [400, 403, 404, 409, 423, 429],
  places: PLACES,
  operations: narrowestFirst(reviewed),
  examples: [
    {
      request: 'DELETE /api/v2/projects/quiet-sun-1/branches/br-1',
      expect: {
        operations: ['deleteProjectBranch'],
        resources: ['projects/quiet-sun-1/branches/br-1'],
        environment: ['project/quiet-sun-1'],
      },
    },
    {
      request: 'GET /api/v2/projects/quiet-sun-1/branches',
      expect: { operations: ['listProjectBranches'], environment: ['project/quiet-sun-1'] },
    },
    {
      request: 'POST /api/v2/projects/quiet-sun-1/branches/br-1/restore',
      body: { source_branch_id: 'br-2' },
      expect: { operations: ['restoreProjectBranch'], environment: ['project/quiet-sun-1'] },
    },
    {
      request: 'POST /api/v2/projects/quiet-sun-1/branches/br-1/roles/app/reset_password',
      expect: { operations: ['resetProjectBranchRolePassword'] },
    },
    { request: 'DELETE /api/v2/projects/quiet-sun-1/', expect: { refused: 'ambiguous_request' } },
    { request: 'DELETE /api/v1/projects/quiet-sun-1', expect: { refused: 'unknown_operation' } },
  ],
});
