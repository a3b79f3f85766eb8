/** GitHub's published operations, each with a class: what deletes without saying so takes a second human too. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeleteCapable } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { compile } from '../src/description/index.ts';
import { readShipped } from '../src/shipped.ts';

const github = compile(readShipped('github'));
const { operations } = github.description;

/** `GET /repos/{owner}/{repo}` and its name, as GitHub's own types have them. */
function published(): { request: string; name: string }[] {
  const file = createRequire(import.meta.url).resolve('@octokit/openapi-types/types.d.ts');
  const found: { request: string; name: string }[] = [];
  let path = '';
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('export interface webhooks')) break;
    path = /^ {2}"(\/[^"]*)": \{$/.exec(line)?.[1] ?? path;
    const [, method, name] = /^ {4}(\w+): operations\["([^"]+)"\];$/.exec(line) ?? [];
    if (method === undefined || name === undefined) continue;
    found.push({ request: `${method.toUpperCase()} ${path}`, name });
  }
  return found;
}

const untyped = (request: string): string => request.replace(/:[\w.|-]+\}/g, '}');
const byRequest = new Map(operations.map((each) => [untyped(each.request), each]));

/** Its paths are those of `compare/{basehead}` too, which is the one that is judged. */
const TWICE = 'GET /repos/{owner}/{repo}/compare/{base}...{head}';

describe('the description of GitHub', () => {
  test('has every operation that GitHub publishes, by its name', () => {
    const all = published();
    expect(all.length).toBeGreaterThan(1200);
    const missing = all.filter(({ request, name }) => byRequest.get(request)?.name !== name);
    expect(missing.map(({ request }) => request)).toEqual([TWICE]);
    expect(operations.length).toBe(all.length - 1);
  });

  test('takes a second human for every DELETE', () => {
    const deletes = operations.filter(({ request }) => request.startsWith('DELETE '));
    expect(deletes.length).toBeGreaterThan(180);
    for (const { request, effect } of deletes) expect(isDeleteCapable(effect), request).toBe(true);
  });

  test.each([
    'PATCH ~/git/refs/{ref}',
    'PUT ~/contents/{path}',
    'POST ~/branches/{branch}/rename',
    'POST ~/merge-upstream',
    'POST ~/merges',
    'PUT ~/pulls/{pull_number}/merge',
    'PUT ~/pulls/{pull_number}/merge-async',
    'POST ~/transfer',
    'PATCH /orgs/{org}',
    'PUT ~/topics',
    'PUT ~/issues/{issue_number}/labels',
    'PUT ~/branches/{branch}/protection',
    'PUT ~/branches/{branch}/protection/required_status_checks/contexts',
    'PUT ~/branches/{branch}/protection/restrictions/apps',
    'PUT ~/branches/{branch}/protection/restrictions/teams',
    'PUT ~/branches/{branch}/protection/restrictions/users',
    'POST ~/rulesets',
    'PUT ~/rulesets/{ruleset_id}',
    'PUT /orgs/{org}/actions/secrets/{secret_name}/repositories',
    'PUT ~/actions/permissions',
    'PUT ~/actions/permissions/artifact-and-log-retention',
    'PUT ~/actions/cache/retention-limit',
    'PUT ~/actions/cache/storage-limit',
    'POST /orgs/{org}/attestations/delete-request',
    'POST /users/{username}/attestations/delete-request',
    'POST /enterprises/{enterprise}/teams/{enterprise-team}/memberships/remove',
    'POST /enterprises/{enterprise}/teams/{enterprise-team}/organizations/remove',
    'POST ~/stacks/{stack_number}/unstack',
    'POST ~/actions/runs/{run_id}/cancel',
    'POST ~/actions/runs/{run_id}/force-cancel',
    'PUT ~/actions/workflows/{workflow_id}/disable',
    'PUT ~/pulls/{pull_number}/reviews/{review_id}/dismissals',
    'PUT ~/issues/{issue_number}/lock',
    'PATCH /applications/{client_id}/token',
    'PUT /app/installations/{installation_id}/suspended',
    'POST /credentials/revoke',
    'PATCH ~/releases/{release_id}',
    'PATCH ~/releases/assets/{asset_id}',
    'PUT ~/environments/{environment_name}',
    'PATCH ~/secret-scanning/alerts/{alert_number}',
    'POST ~/actions/runners/registration-token',
    'POST ~/actions/runners/remove-token',
    'POST ~/actions/runners/generate-jitconfig',
    'POST ~/keys',
    'POST /user/keys',
    'POST /user/gpg_keys',
    'POST /user/ssh_signing_keys',
    'POST ~/hooks',
    'PATCH ~/hooks/{hook_id}/config',
    'PUT ~/collaborators/{username}',
    'PUT /orgs/{org}/memberships/{username}',
    'POST /orgs/{org}/invitations',
    'PUT ~/actions/secrets/{secret_name}',
    'PUT ~/environments/{environment_name}/secrets/{secret_name}',
    'PUT ~/actions/oidc/customization/sub',
    'POST ~/actions/workflows/{workflow_id}/dispatches',
    'POST ~/dispatches',
    'POST ~/actions/runs/{run_id}/rerun',
    'POST ~/actions/runs/{run_id}/approve',
    'POST /orgs/{org}/personal-access-token-requests',
    'POST /orgs/{org}/personal-access-token-requests/{pat_request_id}',
    'POST /app/installations/{installation_id}/access_tokens',
    'POST ~/git/refs',
    'GET ~/actions/artifacts/{artifact_id}/{archive_format}',
  ])('takes a second human for %s', (short) => {
    const request = short.replace('~', '/repos/{owner}/{repo}');
    expect(byRequest.get(request)?.effect, request).toSatisfy(isDeleteCapable);
  });

  test.each([
    'GET ~/issues',
    'POST ~/issues',
    'PATCH ~/issues/{issue_number}',
    'POST ~/issues/{issue_number}/comments',
    'POST ~/pulls',
    'POST ~/pulls/{pull_number}/reviews',
    'POST ~/pulls/{pull_number}/comments',
    'POST ~/git/blobs',
    'GET ~/contents/{path}',
    'GET /search/issues',
    'POST /markdown',
  ])('lets one admin grant %s', (short) => {
    const request = short.replace('~', '/repos/{owner}/{repo}');
    expect(byRequest.get(request)?.effect, request).not.toSatisfy(isDeleteCapable);
  });
});
