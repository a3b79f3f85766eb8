/**
 * Makes `catalogs/github.json` from GitHub's published description, npm's `@octokit/openapi`, unpacked somewhere:
 *
 *   npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
 *   node build/github.ts package/generated/api.github.com.json
 */
import { readFileSync } from 'node:fs';
import {
  importOpenApi,
  narrowestFirst,
  type OperationDescription,
} from '../src/description/index.ts';
import { type Review, review, write } from './write.ts';

const document: unknown = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const { description } = importOpenApi(document, { name: 'github', base: null });

/** Names are given again to others; the numbers behind them are not. */
const PLACES = {
  account: { ask: '/user', id: 'user/{answer:/id}' },
  repository: { ask: '/repos/{owner}/{repo}', id: 'repository/{answer:/id}' },
  organization: { ask: '/orgs/{org}', id: 'organization/{answer:/id}' },
  template: {
    ask: '/repos/{template_owner}/{template_repo}',
    id: 'repository/{answer:/id}',
  },
  team: { ask: '/teams/{team_id}', id: 'organization/{answer:/organization/id}' },
  enterprise: { id: 'enterprise/{enterprise}' },
};

/** Reads of what everybody may see, whoever asks. */
const PUBLIC =
  /^GET \/(?:|meta|zen|octocat|emojis|versions|rate_limit|licenses(?:\/.*)?|gitignore\/.*|codes_of_conduct(?:\/.*)?|advisories(?:\/.*)?)$/;

function placeOf({ request }: OperationDescription): keyof typeof PLACES | null {
  if (PUBLIC.test(request)) return null;
  if (/ \/user\//.test(request)) return 'account';
  if (request.includes('{owner}/{repo}')) return 'repository';
  if (request.includes('{template_owner}/{template_repo}')) return 'template';
  if (/ \/teams\/\{team_id/.test(request)) return 'team';
  if (/\{enterprise\}/.test(request)) return 'enterprise';
  return /\{org\}/.test(request) ? 'organization' : 'account';
}

const code = (reason: string): Review => ({ effect: 'execute', reason });
const lost = (reason: string): Review => ({ effect: 'delete', reason });
const power = (reason: string): Review => ({ effect: 'escalate', reason });
const shows = (reason: string): Review => ({ effect: 'reveal', reason });
const reads = (reason: string): Review => ({ effect: 'read', reason });
const writes = (reason: string): Review => ({ effect: 'write', reason });

const NO_VALUES = reads('names of secrets, never their values');
const NO_DOWNLOADS: Review = {
  reason: 'tokens to download them are taken out of the answer',
  redact: ['/*/temp_download_token'],
};
const COMMITS = code('commits of the agent’s own, which workflows run');
const FEEDS = code('workflows run with its value');
const GATE = power('it can satisfy what protects a branch');

const setting = (member: string, effect: 'delete' | 'escalate', summary: string) => ({
  ...{ name: `repos/update.${member}`, effect, summary },
  at: `{body:/${member}}`,
  present: true as const,
});

const APPROVAL = (name: string, more: { absent?: true } = {}): Review => ({
  when: [
    {
      name: `${name}.approve`,
      effect: 'escalate',
      summary: 'Approve a pull request.',
      reason: GATE.reason ?? '',
      at: '{body:/event}',
      unless: ['COMMENT', 'REQUEST_CHANGES', 'PENDING'],
      ...more,
    },
  ],
});

const REVIEWS: Readonly<Record<string, Review>> = {
  'repos/update': {
    reason: 'its other members are operations of their own',
    when: [
      setting('name', 'delete', 'Rename a repository: its old name is free for others.'),
      setting('private', 'escalate', 'Change who sees a repository.'),
      setting('visibility', 'escalate', 'Change who sees a repository.'),
      setting('archived', 'delete', 'Archive a repository, or open it again.'),
      setting('default_branch', 'delete', 'Change the default branch.'),
      setting('security_and_analysis', 'escalate', 'Switch protections of a repository.'),
      setting('has_issues', 'delete', 'Hide all issues, or show them.'),
      setting('has_projects', 'delete', 'Hide all projects, or show them.'),
      setting('has_pull_requests', 'delete', 'Hide all pull requests, or show them.'),
      setting('pull_request_creation_policy', 'escalate', 'Change who may open pull requests.'),
      setting('has_wiki', 'delete', 'Hide the wiki, or show it.'),
      setting('delete_branch_on_merge', 'delete', 'Delete branches once they are merged.'),
      setting('allow_forking', 'escalate', 'Change who may copy a repository.'),
      setting('allow_auto_merge', 'escalate', 'Let pull requests merge by themselves.'),
      setting('allow_merge_commit', 'escalate', 'Change how branches may be merged.'),
      setting('allow_squash_merge', 'escalate', 'Change how branches may be merged.'),
      setting('allow_rebase_merge', 'escalate', 'Change how branches may be merged.'),
      setting('allow_update_branch', 'escalate', 'Change how branches may be updated.'),
      setting('web_commit_signoff_required', 'escalate', 'Change what a commit needs.'),
      setting('is_template', 'escalate', 'Change who may copy a repository.'),
    ],
  },
  'git/update-ref': {
    ...COMMITS,
    when: [
      {
        name: 'git/update-ref.force',
        effect: 'delete',
        summary: 'Rewrite the history of a branch.',
        at: '{body:/force}',
        unless: [false],
      },
    ],
  },
  'git/create-ref': COMMITS,
  'git/create-tag': writes('an object that nothing points to yet'),
  'repos/create-or-update-file-contents': COMMITS,
  'pulls/update-branch': COMMITS,
  'code-scanning/commit-autofix': COMMITS,
  'repos/merge-upstream': lost('it overwrites a branch'),
  'repos/create-or-update-environment': power('it drops reviewers and timers of an environment'),
  'repos/update-release': lost('it hides a release, or moves its tag'),
  'repos/update-release-asset': lost('it renames what others download'),
  'repos/create-release': code('workflows run on it, and it may make a tag'),
  'repos/upload-release-asset': code('bytes that others download and run'),
  'actions/create-repo-variable': FEEDS,
  'actions/update-repo-variable': FEEDS,
  'actions/create-environment-variable': FEEDS,
  'actions/update-environment-variable': FEEDS,
  'actions/create-org-variable': FEEDS,
  'actions/update-org-variable': FEEDS,
  'agents/create-repo-variable': FEEDS,
  'agents/update-repo-variable': FEEDS,
  'agents/create-org-variable': FEEDS,
  'agents/update-org-variable': FEEDS,
  'repos/create-commit-status': GATE,
  'checks/create': GATE,
  'checks/update': GATE,
  'checks/create-suite': code('apps run on it'),
  'repos/create-attestation': GATE,
  'code-scanning/update-alert': power('it can dismiss an alert'),
  'dependabot/update-alert': power('it can dismiss an alert'),
  'code-scanning/upload-sarif': GATE,
  'code-scanning/update-default-setup': power('it can switch scanning off'),
  'code-quality/update-setup': power('it can switch scanning off'),
  'code-scanning/create-variant-analysis': code('it runs a query of the agent’s own'),
  'dependency-graph/create-repository-snapshot': GATE,
  'repos/create-pages-site': code('it publishes a branch'),
  'repos/update-information-about-pages-site': code('it publishes another branch or domain'),
  'migrations/update-import': code('it fetches code from elsewhere'),
  'interactions/update-pull-request-creation-cap-for-repo': power('it widens a limit'),
  'repos/custom-properties-for-repos-create-or-update-repository-values': power(
    'rulesets depend on properties',
  ),
  'pulls/create-review': APPROVAL('pulls/create-review'),
  'pulls/submit-review': APPROVAL('pulls/submit-review', { absent: true }),
  'gists/update': {
    when: [
      {
        name: 'gists/update.delete-file',
        effect: 'delete',
        summary: 'Delete a file of a gist.',
        at: '{body:/files/*}',
        is: [null],
      },
      {
        name: 'gists/update.overwrite',
        effect: 'delete',
        summary: 'Empty a file of a gist.',
        at: '{body:/files/*/content}',
        is: [''],
      },
      {
        name: 'gists/update.rename-file',
        effect: 'delete',
        summary: 'Rename a file of a gist, over another one or away.',
        at: '{body:/files/*/filename}',
        present: true,
      },
    ],
  },
  'issues/update': {
    when: [
      {
        name: 'issues/update.labels',
        effect: 'delete',
        summary: 'Replace all labels of an issue.',
        at: '{body:/labels}',
        present: true,
      },
    ],
  },
  'issues/add-sub-issue': {
    when: [
      {
        name: 'issues/add-sub-issue.replace',
        effect: 'delete',
        summary: 'Take an issue, also of another repository, from its parent.',
        at: '{body:/replace_parent}',
        unless: [false],
      },
    ],
  },
  'security-advisories/update-repository-advisory': {
    when: [
      {
        name: 'security-advisories/update-repository-advisory.publish',
        effect: 'escalate',
        summary: 'Let everybody see a security advisory.',
        at: '{body:/state}',
        unless: ['draft', 'triage', 'closed'],
      },
      {
        name: 'security-advisories/update-repository-advisory.users',
        effect: 'escalate',
        summary: 'Change who sees a security advisory.',
        at: '{body:/collaborating_users}',
        present: true,
      },
      {
        name: 'security-advisories/update-repository-advisory.teams',
        effect: 'escalate',
        summary: 'Change which teams see a security advisory.',
        at: '{body:/collaborating_teams}',
        present: true,
      },
    ],
  },
  'repos/create-using-template': power('a copy of a repository that everybody may see'),
  'activity/get-feeds': shows('addresses with a token in them'),
  'actions/list-runner-applications-for-repo': NO_DOWNLOADS,
  'actions/list-runner-applications-for-org': NO_DOWNLOADS,
  'apps/create-from-manifest': power('it answers with a private key'),
  'orgs/list-attestations-bulk': reads('it lists, by POST'),
  'markdown/render': { ...reads('it renders what it is sent'), place: null },
  'markdown/render-raw': { ...reads('it renders what it is sent'), place: null },
  'activity/star-repo-for-authenticated-user': writes('a star'),
  'users/follow': writes('it follows somebody'),
  'activity/set-repo-subscription': writes('what one is told of'),
  'activity/set-thread-subscription': writes('what one is told of'),
  'issues/set-labels': lost('it replaces all labels'),
  'secret-scanning/list-org-custom-patterns': reads('patterns, not what they find'),
  'secret-scanning/list-repo-custom-patterns': reads('patterns, not what they find'),
  'secret-scanning/list-org-pattern-configs': reads('patterns, not what they find'),
  'secret-scanning/get-scan-history': reads('when was scanned'),
  'actions/download-artifact': shows('whatever a workflow wrote there'),
  'actions/download-job-logs-for-workflow-run': shows('whatever a workflow wrote there'),
  'actions/download-workflow-run-logs': shows('whatever a workflow wrote there'),
  'actions/download-workflow-run-attempt-logs': shows('whatever a workflow wrote there'),
  'migrations/download-archive-for-org': shows('everything in a repository'),
  'migrations/get-archive-for-authenticated-user': shows('everything in a repository'),
};

/** Of a whole organisation or enterprise, and yet no setting of it. */
const WORK =
  /\/(?:projectsV2|copilot-spaces|campaigns|artifacts\/metadata)\/|\/(?:copilot-spaces|campaigns|repos|bulk-list)$/;

function isSetting({ request, effect }: OperationDescription): boolean {
  return (
    / \/(?:orgs|organizations|enterprises)\//.test(request) &&
    !request.startsWith('GET ') &&
    effect === 'write' &&
    !WORK.test(request)
  );
}

const reviewed = review(description.operations, REVIEWS).map((operation): OperationDescription => {
  const { name, request } = operation;
  const isList = /^GET .*[/-]secrets(?:\/|$)/.test(request) && operation.effect === 'reveal';
  const place = REVIEWS[name]?.place === undefined ? placeOf(operation) : operation.place;
  const whole = isSetting(operation) ? power('a setting of a whole organisation') : {};
  return { ...operation, ...(isList ? NO_VALUES : {}), ...whole, place };
});

write({
  ...description,
  title: 'GitHub REST',
  source: `GitHub’s published description, npm @octokit/openapi (${description.source ?? ''})`,
  headers: { 'x-github-api-version': '2022-11-28' },
  accept: ['application/vnd.github+json', 'application/json'],
  account: { ask: '/user', id: '/login' },
  refused: [403, 404, 409, 422, 429],
  places: PLACES,
  operations: narrowestFirst(reviewed),
  examples: [
    {
      request: 'PATCH /repos/octo/app',
      body: { description: 'An app', archived: true },
      answers: { '/repos/octo/app': { id: 1 } },
      expect: {
        operations: ['repos/update', 'repos/update.archived'],
        resources: ['repos/octo/app'],
        environment: ['repository/1'],
      },
    },
    {
      request: 'PATCH /repos/octo/app/git/refs/heads/main',
      body: { sha: 'abc' },
      answers: { '/repos/octo/app': { id: 1 } },
      expect: { operations: ['git/update-ref'] },
    },
    {
      request: 'PATCH /repos/octo/app/git/refs/heads/main',
      body: { sha: 'abc', force: true },
      answers: { '/repos/octo/app': { id: 1 } },
      expect: { operations: ['git/update-ref', 'git/update-ref.force'] },
    },
    {
      request: 'POST /repos/octo/app/pulls/7/reviews',
      body: { body: 'fine', event: 'APPROVE' },
      answers: { '/repos/octo/app': { id: 1 } },
      expect: { operations: ['pulls/create-review', 'pulls/create-review.approve'] },
    },
    {
      request: 'PATCH /repos/octo/app/issues/7',
      body: { title: 'x', labels: [] },
      answers: { '/repos/octo/app': { id: 1 } },
      expect: { operations: ['issues/update', 'issues/update.labels'] },
    },
    {
      request: 'GET /repos/octo/app/issues?state=open&page=2',
      answers: { '/repos/octo/app': { id: 1 } },
      expect: { operations: ['issues/list-for-repo'], environment: ['repository/1'] },
    },
    { request: 'GET /repos/octo/gone/issues', expect: { refused: 'environment_mismatch' } },
    { request: 'GET /repos/octo%2Fapp/issues', expect: { refused: 'ambiguous_request' } },
    {
      request: 'POST /graphql',
      body: { query: '{viewer{login}}' },
      expect: { refused: 'unknown_operation' },
    },
    { request: 'GET /repos/octo/app/issues/', expect: { refused: 'ambiguous_request' } },
    {
      request: 'PATCH /repos/octo/app',
      body: { owner: 'x' },
      expect: { refused: 'unknown_operation' },
    },
  ],
});
