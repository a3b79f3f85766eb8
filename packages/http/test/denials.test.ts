import { OAuthProblem, Problem } from '@countersign/contract';
import { CountersignError, DENIAL_CODES, INPUT_CODES, statusOf } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { brokerApp, objectOf, requestTo } from './broker-app.ts';
import { DECISION, deny, ISSUER } from './fake-use-cases.ts';

const asked = [
  {
    type: 'countersign' as const,
    connection: 'pg',
    environment: 'production',
    operations: ['postgres:drop'],
  },
];

describe.each(DENIAL_CODES)('denied with %s', (code) => {
  test('is a problem that halts the agent', async () => {
    const { app, requests } = brokerApp({
      fileAccessRequest: () => deny({ code, request: asked }),
    });
    const response = await app.fetch(requestTo('fileAccessRequest'));
    const problem = await objectOf(response);

    expect(response.status).toBe(statusOf(code));
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('countersign-decision')).toBe(DECISION);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(Problem.strict().parse(problem)).toMatchObject({
      type: `urn:countersign:problem:${code}`,
      status: statusOf(code),
      code,
      decision: DECISION,
      halt: true,
      request_access: {
        method: 'POST',
        href: `${ISSUER}/v1/access-requests`,
        body: { authorization_details: asked },
      },
    });
    expect(problem['agent_instruction']).toMatch(
      /^Stop\..*do not look for another credential.*request_access/,
    );
    expect(response.headers.has('retry-after')).toBe([429, 503].includes(statusOf(code)));
    expect(requests).toMatchObject([{ code, decision: DECISION, agent: 'cursor', human: null }]);
  });

  test('offers no way to ask where asking would not help', async () => {
    const { app } = brokerApp({ fileAccessRequest: () => deny({ code, decision: null }) });
    const response = await app.fetch(requestTo('fileAccessRequest'));
    const problem = await objectOf(response);
    expect(problem).not.toHaveProperty('request_access');
    expect(problem).not.toHaveProperty('decision');
    expect(problem['agent_instruction']).not.toContain('request_access');
    expect(response.headers.has('countersign-decision')).toBe(false);
  });

  test('is an RFC 6749 error with the same members at the token endpoint', async () => {
    const { app } = brokerApp({
      signIn: () => deny({ code, request: asked, oauthError: 'invalid_authorization_details' }),
    });
    const response = await app.fetch(requestTo('token'));
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('countersign-decision')).toBe(DECISION);
    expect(OAuthProblem.strict().parse(await response.json())).toMatchObject({
      error: 'invalid_authorization_details',
      error_description: expect.stringMatching(/^No grant covers/),
      code,
      status: 400,
      decision: DECISION,
      halt: true,
      request_access: { method: 'POST' },
    });
  });

  test('thrown by a use case, it is the same without a decision', async () => {
    const { app } = brokerApp({
      me: () => Promise.reject(new CountersignError(code, 'One sentence.')),
    });
    const response = await app.fetch(requestTo('me'));
    expect(response.status).toBe(statusOf(code));
    // What stands in the way inside is the operator's to read, not the caller's.
    const detail = code === 'broker_unavailable' ? /could not answer/ : /^One sentence\.$/;
    expect(await response.json()).toMatchObject({
      code,
      halt: true,
      detail: expect.stringMatching(detail),
    });
  });
});

test.each(INPUT_CODES)('%s is a problem, and no denial', async (code) => {
  const { app } = brokerApp({
    grant: () => Promise.reject(new CountersignError(code, 'One sentence.')),
  });
  const response = await app.fetch(requestTo('grant'));
  const problem = await objectOf(response);
  expect(response.status).toBe(statusOf(code));
  expect(Problem.strict().parse(problem)).toMatchObject({ code, detail: 'One sentence.' });
  expect(problem).not.toHaveProperty('halt');
});

describe('what the 401 challenges for', () => {
  const metadata = `resource_metadata="${ISSUER}/.well-known/oauth-protected-resource"`;
  test.each([
    ['nothing', {}, `DPoP algs="EdDSA Ed25519 ES256", ${metadata}, Bearer ${metadata}`],
    [
      'a Bearer token',
      { authorization: 'Bearer bad' },
      `Bearer error="invalid_token", ${metadata}`,
    ],
    [
      'a DPoP token',
      { authorization: 'DPoP bad', dpop: 'a.b.c' },
      `DPoP error="invalid_token", algs="EdDSA Ed25519 ES256", ${metadata}`,
    ],
    [
      'two proofs',
      { authorization: 'DPoP agent', dpop: 'a.b.c, a.b.c' },
      `DPoP error="invalid_dpop_proof", algs="EdDSA Ed25519 ES256", ${metadata}`,
    ],
  ])('%s was shown', async (_what, headers, challenge) => {
    const { app, calls } = brokerApp();
    const response = await app.request('/v1/me', { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(challenge);
    expect(calls).toEqual([]);
  });
});

test('what may have been done is not to be sent again', async () => {
  const { app } = brokerApp({
    fileAccessRequest: () => deny({ code: 'provider_unavailable', mayBeDone: true }),
  });
  const response = await app.fetch(requestTo('fileAccessRequest'));
  expect(response.status).toBe(503);
  expect(response.headers.has('retry-after')).toBe(false);
  const problem = await objectOf(response);
  expect(problem['agent_instruction']).toMatch(/^Stop\..*do not send it again/);
  expect(problem['agent_instruction']).not.toContain('Come back');
});
