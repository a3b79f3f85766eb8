/** What ships holds together: it compiles, its examples are as expected, and nothing in it is milder than it sounds. */
import { isDeleteCapable } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { judgeRequest } from '../src/classify.ts';
import { compile, lint, tryExamples } from '../src/description/index.ts';
import { readShipped, shippedNames } from '../src/shipped.ts';
import { inbound } from './support/tasks.ts';

test('there are some, and each is called what its file is', () => {
  expect(shippedNames().length).toBeGreaterThan(0);
  expect(readShipped('nobody')).toBeUndefined();
  expect(readShipped('../package')).toBeUndefined();
});

describe.each(shippedNames())('the description of %s', (name) => {
  const compiled = compile(readShipped(name));
  const { description } = compiled;

  test('says where it was taken from, and goes to one host', () => {
    expect(description.name).toBe(name);
    expect(description.source?.length ?? 0).toBeGreaterThan(10);
    expect(description.base).toMatch(/^https:\/\//);
  });

  test('fits into what a broker takes', () => {
    expect(JSON.stringify({ description }).length).toBeLessThan(1_048_576);
  });

  test('has examples, all as expected', async () => {
    const examples = description.examples ?? [];
    expect(examples.length).toBeGreaterThan(4);
    const tried = await tryExamples(compiled, examples);
    expect(tried.filter(({ ok }) => !ok)).toEqual([]);
  });

  test('leaves a reviewer nothing to look at but paths that are refused, and few of those', () => {
    const findings = lint(compiled);
    expect(findings.filter(({ kind }) => kind !== 'ambiguous')).toEqual([]);
    expect(findings.length).toBeLessThanOrEqual(6);
  });

  test('takes a second human for every DELETE', () => {
    const deletes = description.operations.filter(({ request }) => request.startsWith('DELETE '));
    expect(deletes.length).toBeGreaterThan(0);
    for (const { request, effect } of deletes) expect(isDeleteCapable(effect), request).toBe(true);
  });

  test('says of every operation that is milder than nobody saying anything why it is', () => {
    const unexplained = description.operations.filter(
      ({ request, effect, reason }) =>
        !request.startsWith('GET ') && !isDeleteCapable(effect) && reason === undefined,
    );
    expect(unexplained).toEqual([]);
  });
});

/** Milder operations of each that hand out what takes a second human elsewhere, or do it by a member of a body. */
describe('what shows a secret, or does more than it is called, takes a second human', () => {
  test.each<[string, ...Parameters<typeof inbound>]>([
    ['vercel', 'GET /v1/registrar/domains/acme.com/auth-code'],
    ['vercel', 'GET /v1/drains'],
    ['vercel', 'GET /v1/drains/d1'],
    ['vercel', 'GET /v1/log-drains/l1'],
    ['vercel', 'GET /v10/projects/shop/env?decrypt=true'],
    ['vercel', 'GET /storage/stores/s1'],
    ['neon', 'GET /api/v2/projects/p1/auth/email_server'],
    ['neon', 'GET /api/v2/projects/p1/auth/oauth_providers'],
    ['neon', 'GET /api/v2/projects/p1/branches/b1/auth/plugins'],
    ['neon', 'GET /api/v2/projects/p1/connection_uri?database_name=a&role_name=b'],
    ['stripe', 'GET /v1/issuing/cards/ic_1?expand[]=number'],
    ['stripe', 'GET /v1/issuing/cards/ic_1?expand[0]=cvc'],
    ['stripe', 'GET /v1/issuing/cards/ic_1?expand=pin.number'],
    ['stripe', 'GET /v1/identity/verification_sessions/vs_1?expand[]=verified_outputs.id_number'],
    ['stripe', 'GET /v1/treasury/financial_accounts/fa_1?expand[]=financial_addresses.aba'],
    ['github', 'GET /feeds'],
    ['github', 'PATCH /repos/o/r', { has_pull_requests: false }],
    ['github', 'PATCH /repos/o/r', { pull_request_creation_policy: 'all' }],
    ['github', 'PATCH /repos/o/r/issues/1', { labels: [] }],
    ['github', 'PATCH /gists/g1', { files: { a: { filename: 'b' } } }],
    ['github', 'PATCH /gists/g1', { files: { a: null } }],
    ['github', 'POST /repos/o/r/issues/1/sub_issues', { sub_issue_id: 1, replace_parent: true }],
    ['github', 'PATCH /repos/o/r/security-advisories/GHSA-1', { state: 'published' }],
    ['github', 'PATCH /repos/o/r/security-advisories/GHSA-1', { collaborating_users: ['x'] }],
    ['github', 'POST /repos/o/r/generate', { name: 'copy', private: false }],
  ])('%s: %s %j', (name, ...request) => {
    const compiled = compile(readShipped(name));
    const { calls } = judgeRequest(compiled, compiled.origin, inbound(...request));
    const effects = compiled.catalog.operations
      .filter((each) => calls.some(({ operation }) => operation === each.name))
      .flatMap((each) => each.effects.map(({ effect }) => effect));
    expect(effects.some(isDeleteCapable), effects.join()).toBe(true);
  });

  test.each([
    ['getProject', 'GET /v9/projects/shop', (project: unknown) => project],
    ['getProjects', 'GET /v10/projects', (project: unknown) => ({ projects: [project] })],
    ['getProjects, as a list', 'GET /v10/projects', (project: unknown) => [project]],
  ])('vercel’s %s shows none in passing', (_name, request, around) => {
    const vercel = compile(readShipped('vercel'));
    const { conceal } = judgeRequest(vercel, vercel.origin, inbound(request));
    const answer = around({
      id: 'prj_1',
      env: [{ key: 'A', value: 's3cret', type: 'plain' }],
      protectionBypass: { s3cret: { scope: 'automation-bypass' } },
      link: { type: 'github', deployHooks: [{ url: 'https://api.vercel.com/s3cret' }] },
    });
    const shown = Buffer.from(conceal?.(Buffer.from(JSON.stringify(answer))) ?? []).toString();
    expect(shown).toContain('prj_1');
    expect(shown).not.toContain('s3cret');
  });
});

/** Bodies that are the whole request, without a path or a query beside them: another type of the SDK's has them. */
test.each<[string, object]>([
  ['POST /v1/teams', { slug: 'acme', name: 'Acme' }],
  ['POST /api-keys', { purpose: 'ci', name: 'ci' }],
  ['POST /storage/stores/blob', { name: 'pictures', region: 'iad1' }],
  ['DELETE /v1/user', { reasons: [] }],
])('vercel takes %s with the members that it has, and no others', (request, body) => {
  const vercel = compile(readShipped('vercel'));
  const judge = (document: object) =>
    judgeRequest(vercel, vercel.origin, inbound(request, document));
  expect(judge(body).calls).toHaveLength(1);
  expect(() => judge({ ...body, sessionId: 's' })).toThrow(/What sessionId does to /);
});

test('vercel is asked for a project in the very team that is acted in', () => {
  const vercel = compile(readShipped('vercel'));
  const asked = vercel.operations.filter(({ placements }) =>
    placements.some(({ ask, name }) => ask !== null && name !== 'account'),
  );
  expect(asked.length).toBeGreaterThan(60);
  for (const { described, placements } of asked) {
    expect(described.query ?? [], described.name).not.toContain('slug');
    const scoping = described.query?.includes('teamId') ? ['teamId'] : [];
    if (scoping.length > 0) expect(described.resource).toMatch(/^\{query:teamId\?\}\//);
    for (const { ask, query } of placements)
      if (ask !== null) expect(query, described.name).toEqual(expect.arrayContaining(scoping));
  }
  const inTeam = vercel.operations.filter(({ template }) =>
    template.text.includes('/teams/{teamId'),
  );
  expect(inTeam.length).toBeGreaterThan(5);
  for (const { described } of inTeam) expect(described.query ?? []).not.toContain('slug');
});
