import {
  CLIENT_ASSERTION_JWT,
  JWT_BEARER,
  OAuthProblem,
  TOKEN_EXCHANGE,
  TokenAnswer,
} from '@countersign/contract';
import type { Secret } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { brokerApp } from './broker-app.ts';
import { DECISION, deny, ID, ISSUER, SECRETS } from './fake-use-cases.ts';

const client = {
  client_id: 'cursor',
  client_assertion_type: CLIENT_ASSERTION_JWT,
  client_assertion: 'a.b.c',
};
const exchange = { grant_type: TOKEN_EXCHANGE, subject_token: 's', subject_token_type: 't' };

function post(
  app: ReturnType<typeof brokerApp>['app'],
  body: Record<string, string> | string,
  headers: Record<string, string> = {},
) {
  return app.request('/oauth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: typeof body === 'string' ? body : new URLSearchParams(body).toString(),
  });
}

describe('answers', () => {
  test('client_credentials mints a token', async () => {
    const { app, calls } = brokerApp();
    const response = await post(
      app,
      { grant_type: 'client_credentials', ...client, authorization_details: '[]' },
      { dpop: 'x.y.z' },
    );
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'countersign-decision': DECISION,
    });
    expect(TokenAnswer.strict().parse(await response.json())).toMatchObject({
      access_token: SECRETS.accessToken,
      token_type: 'DPoP',
      expires_in: 300,
    });
    expect(calls).toEqual([
      {
        name: 'issue',
        args: [
          {
            clientId: 'cursor',
            clientAssertion: 'a.b.c',
            clientSecret: null,
            authorizationDetails: '[]',
            proof: 'x.y.z',
            url: `${ISSUER}/oauth/token`,
          },
        ],
      },
    ]);
  });

  test('an exchange reveals the credential, here only', async () => {
    const { app, calls } = brokerApp();
    const response = await post(app, exchange);
    expect(TokenAnswer.strict().parse(await response.json())).toMatchObject({
      access_token: SECRETS.password,
      issued_token_type: 'urn:countersign:params:oauth:token-type:postgres',
      token_type: 'N_A',
      expires_in: 300,
      lease_id: ID,
      credential: { host: 'db', port: 5432, username: 'u', password: SECRETS.password },
    });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('countersign-decision')).toBe(DECISION);
    expect(calls).toMatchObject([
      { name: 'exchange', args: [{ subjectToken: 's', requestedTokenType: null, clientId: null }] },
    ]);
  });

  test('a device assertion signs a human in', async () => {
    const { app, calls } = brokerApp();
    const response = await post(app, { grant_type: JWT_BEARER, assertion: 'a.b.c' });
    expect(await response.json()).toEqual({
      access_token: SECRETS.session,
      token_type: 'DPoP',
      expires_in: 28_800,
    });
    expect(calls).toMatchObject([{ name: 'signIn', args: [{ assertion: 'a.b.c', proof: null }] }]);
  });

  test('a parameter without a value counts as omitted', async () => {
    const { app, calls } = brokerApp();
    await post(app, { grant_type: 'client_credentials', client_id: '', scope: '' });
    expect(calls).toMatchObject([{ name: 'issue', args: [{ clientId: null }] }]);
  });
});

describe('a client secret', () => {
  const cc = { grant_type: 'client_credentials' };
  const basic = { authorization: `Basic ${Buffer.from('cursor:s%3A1').toString('base64')}` };

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['by Basic', cc, basic],
    ['by Basic, with the same client_id in the form', { ...cc, client_id: 'cursor' }, basic],
    ['in the form', { ...cc, client_id: 'cursor', client_secret: 's:1' }, {}],
  ])('%s reaches the use case as a Secret', async (_, body, headers) => {
    const { app, calls } = brokerApp();
    expect((await post(app, body, headers)).status).toBe(200);
    expect(calls).toMatchObject([
      { name: 'issue', args: [{ clientId: 'cursor', clientAssertion: null }] },
    ]);
    const [input] = calls[0]?.args ?? [];
    const { clientSecret } = input as { clientSecret: Secret };
    expect([String(clientSecret), clientSecret.reveal()]).toEqual([
      '[secret client secret]',
      's:1',
    ]);
  });

  test('may go with an exchange too', async () => {
    const { app, calls } = brokerApp();
    expect((await post(app, exchange, basic)).status).toBe(200);
    expect(calls).toMatchObject([{ name: 'exchange', args: [{ clientId: 'cursor' }] }]);
  });

  test('that came by Basic and was refused is answered with its challenge', async () => {
    const refusing = () => deny({ oauthError: 'invalid_client', code: 'replayed' });
    const { app } = brokerApp({ issue: refusing });
    const byHeader = await post(app, cc, basic);
    expect(byHeader.status).toBe(401);
    expect(byHeader.headers.get('www-authenticate')).toBe('Basic realm="countersign"');
    const inForm = await post(app, { ...cc, client_id: 'cursor', client_secret: 'x' });
    expect([inForm.status, inForm.headers.has('www-authenticate')]).toEqual([401, false]);
  });
});

describe('refusals before any use case', () => {
  const cc = { grant_type: 'client_credentials' };
  const basic = { authorization: `Basic ${Buffer.from('cursor:s').toString('base64')}` };
  test.each<
    [string, Record<string, string> | string, Record<string, string>, number, string, string]
  >([
    ['no grant type', { scope: 'x' }, {}, 400, 'invalid_request', 'invalid_request'],
    [
      'password grant',
      { grant_type: 'password' },
      {},
      400,
      'unsupported_grant_type',
      'invalid_request',
    ],
    [
      'letter case',
      { grant_type: 'Client_Credentials' },
      {},
      400,
      'unsupported_grant_type',
      'invalid_request',
    ],
    ['a scope', { ...cc, scope: 'all' }, {}, 400, 'invalid_scope', 'invalid_request'],
    [
      'a Bearer token',
      cc,
      { authorization: 'Bearer agent' },
      401,
      'invalid_client',
      'unauthenticated',
    ],
    [
      'Basic without a colon',
      cc,
      { authorization: 'Basic YWI=' },
      401,
      'invalid_client',
      'unauthenticated',
    ],
    [
      'Basic and a secret',
      { ...cc, client_id: 'cursor', client_secret: 's' },
      basic,
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'Basic and an assertion',
      { ...cc, ...client },
      basic,
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'a secret and an assertion',
      { ...cc, ...client, client_secret: 's' },
      {},
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'Basic of another client_id',
      { ...cc, client_id: 'other' },
      basic,
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'a secret of nobody',
      { ...cc, client_secret: 's' },
      {},
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'a secret of 1 KB',
      { ...cc, client_id: 'a', client_secret: 's'.repeat(1024) },
      {},
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'a secret where a human signs in',
      { grant_type: JWT_BEARER, assertion: 'a.b.c' },
      basic,
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'an assertion without type',
      { ...cc, client_assertion: 'x' },
      {},
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'an unknown assertion type',
      { ...cc, client_assertion: 'x', client_assertion_type: 'saml' },
      {},
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'an unknown parameter',
      { ...cc, admin: 'true' },
      {},
      400,
      'invalid_request',
      'invalid_request',
    ],
    [
      'a parameter twice',
      'grant_type=client_credentials&grant_type=password',
      {},
      400,
      'invalid_request',
      'invalid_request',
    ],
    ['an actor', { ...exchange, actor_token: 'x' }, {}, 400, 'invalid_request', 'invalid_request'],
    ['no subject', { grant_type: TOKEN_EXCHANGE }, {}, 400, 'invalid_request', 'invalid_request'],
    ['two proofs', cc, { dpop: 'a.b.c, a.b.c' }, 400, 'invalid_dpop_proof', 'sender_mismatch'],
    [
      'JSON',
      '{}',
      { 'content-type': 'application/json' },
      415,
      'invalid_request',
      'unsupported_media_type',
    ],
    ['100 KB', { ...cc, x: 'x'.repeat(100_000) }, {}, 413, 'invalid_request', 'too_large'],
  ])('%s', async (_what, body, headers, status, error, code) => {
    const { app, calls } = brokerApp();
    const response = await post(app, body, headers);
    const answer = OAuthProblem.strict().parse(await response.json());
    expect({ status: response.status, error: answer.error, code: answer.code }).toEqual({
      status,
      error,
      code,
    });
    expect(answer.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.has('www-authenticate')).toBe(
      status === 401 && headers['authorization'] !== undefined,
    );
    expect(calls).toEqual([]);
  });

  test('a GET is an OAuth error too', async () => {
    const { app } = brokerApp();
    const response = await app.request('/oauth/token?grant_type=client_credentials');
    expect(response.status).toBe(405);
    expect(await response.json()).toMatchObject({
      error: 'invalid_request',
      code: 'method_not_allowed',
    });
  });
});

test.each([
  ['invalid_client', 'unauthenticated', 401],
  ['invalid_grant', 'token_expired', 400],
  ['invalid_target', 'unknown_connection', 400],
  ['access_denied', 'frozen', 400],
  ['temporarily_unavailable', 'broker_unavailable', 503],
] as const)('a denial with %s has its status of RFC 6749', async (oauthError, code, status) => {
  const { app } = brokerApp({ exchange: () => deny({ oauthError, code }) });
  const response = await post(app, exchange);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: oauthError, code, status });
  expect(response.headers.has('retry-after')).toBe(status === 503);
  expect(response.headers.has('www-authenticate')).toBe(false);
});

test('what nobody expected is temporarily_unavailable', async () => {
  const { app, errors } = brokerApp({ issue: () => Promise.reject(new Error('boom')) });
  const response = await post(app, { grant_type: 'client_credentials' });
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({
    error: 'temporarily_unavailable',
    code: 'broker_unavailable',
    halt: true,
  });
  expect(errors).toHaveLength(1);
});
