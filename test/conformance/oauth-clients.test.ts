/**
 * The broker to OAuth clients that know nothing of it: oauth4webapi, which accepts no answer that a
 * standard does not allow, and openid-client. Both read every refusal as the error it is.
 */
import { ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE } from '@countersign/contract';
import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { registerSecretAgent } from '../support/secret-agent.ts';

const ASKED = JSON.stringify(details(['postgres:select'], ['public.bookings']));
const INSECURE = { [oauth.allowInsecureRequests]: true };

let deployment: Deployment;
let issuer: URL;
let server: oauth.AuthorizationServer;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  issuer = new URL(deployment.broker.url);
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE });
  server = await oauth.processDiscoveryResponse(issuer, answer);
});
afterAll(() => deployment?.stop());

/** A new agent with a key of this kind, and a grant to read bookings. */
async function agentWith(name: string, alg: string) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const { kty, crv, x, y } = await exportJWK(pair.publicKey);
  const key = kty === 'EC' ? { kty, crv, x, y } : { kty, crv, x };
  await deployment.alice.propose({
    kind: 'agent.register',
    // The draft's schema, which the server applies, knows both kinds of key.
    body: { name, auth: { method: 'private_key_jwt', jwks: { keys: [key as never] } } },
  });
  await deployment.grant({
    agent: name,
    operations: ['postgres:select'],
    resources: ['public.bookings'],
  });
  return {
    client: { client_id: name },
    authentication: oauth.PrivateKeyJwt(pair.privateKey),
    pair,
  };
}

test('the metadata is complete for these clients (RFC 8414, RFC 9728)', async () => {
  expect(server).toMatchObject({
    issuer: deployment.broker.url,
    token_endpoint_auth_methods_supported: expect.arrayContaining(['private_key_jwt']),
    authorization_details_types_supported: ['countersign'],
  });
  const answer = await oauth.resourceDiscoveryRequest(issuer, INSECURE);
  const resource = await oauth.processResourceDiscoveryResponse(issuer, answer);
  expect(resource.authorization_servers).toEqual([server.issuer]);
});

describe.each(['EdDSA', 'ES256'])('oauth4webapi with %s', (alg) => {
  let agent: Awaited<ReturnType<typeof agentWith>>;
  beforeAll(async () => {
    agent = await agentWith(`strict-${alg.toLowerCase()}`, alg);
  });

  async function mint(parameters: Record<string, string>, DPoP?: oauth.DPoPHandle) {
    const { client, authentication } = agent;
    const options: oauth.ClientCredentialsGrantRequestOptions = {
      ...INSECURE,
      ...(DPoP === undefined ? {} : { DPoP }),
    };
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      authentication,
      parameters,
      options,
    );
    return await oauth.processClientCredentialsResponse(server, client, answer);
  }

  test('mints a bearer token for what it asked (RFC 6749, 7523, 9396)', async () => {
    const token = await mint({ authorization_details: ASKED });
    expect(token).toMatchObject({ token_type: 'bearer', expires_in: 300 });
    expect(token.authorization_details).toMatchObject(JSON.parse(ASKED));
  });

  test('mints, shows and has judged a bound token (RFC 9449, 9068)', async () => {
    const keys = await oauth.generateKeyPair(alg === 'EdDSA' ? 'Ed25519' : alg);
    const DPoP = oauth.DPoP({}, keys);
    const token = await mint({ authorization_details: ASKED }, DPoP);
    expect(token.token_type).toBe('dpop');
    const me = new URL('/v1/me', issuer);
    const shown: Request[] = [];
    const answer = await oauth.protectedResourceRequest(
      token.access_token,
      'GET',
      me,
      undefined,
      undefined,
      {
        ...INSECURE,
        DPoP,
        [oauth.customFetch]: async (url, { method, headers }) => {
          shown.push(new Request(url, { method, headers }));
          return await fetch(url, { method, headers });
        },
      },
    );
    expect(answer.status).toBe(200);
    const [request] = shown;
    if (request === undefined) throw new Error('nothing was sent');
    // A resource server that knows the issuer and nothing else reads the token as its own.
    const claims = await oauth.validateJwtAccessToken(server, request, server.issuer, {
      ...INSECURE,
      requireDPoP: true,
      signingAlgorithms: ['EdDSA', 'Ed25519', 'ES256'],
    });
    expect(claims).toMatchObject({
      client_id: expect.any(String),
      cnf: { jkt: expect.any(String) },
    });
  });

  test('exchanges a token for a credential (RFC 8693)', async () => {
    const { client, authentication } = agent;
    const token = await mint({ authorization_details: ASKED });
    const answer = await oauth.genericTokenEndpointRequest(
      server,
      client,
      authentication,
      TOKEN_EXCHANGE,
      { subject_token: token.access_token, subject_token_type: ACCESS_TOKEN_TYPE },
      INSECURE,
    );
    const exchanged = await oauth.processGenericTokenEndpointResponse(server, client, answer, {
      recognizedTokenTypes: { n_a: () => undefined },
    });
    expect(exchanged).toMatchObject({
      issued_token_type: 'urn:countersign:params:oauth:token-type:postgres',
      credential: { username: expect.any(String) },
    });
  });

  test.each<[string, Record<string, string>, string, number, string]>([
    [
      'what nobody granted',
      { authorization_details: JSON.stringify(details(['postgres:delete'], ['public.bookings'])) },
      'invalid_authorization_details',
      400,
      'needs_signature',
    ],
    [
      'another resource',
      { authorization_details: JSON.stringify(details(['postgres:select'], ['public.customers'])) },
      'invalid_authorization_details',
      400,
      'resource_not_granted',
    ],
    [
      'an unknown connection',
      { authorization_details: JSON.stringify(details(null, null, { connection: 'nowhere' })) },
      'invalid_target',
      400,
      'unknown_connection',
    ],
    [
      'another type',
      { authorization_details: '[{"type":"payment"}]' },
      'invalid_authorization_details',
      400,
      'unparseable_request',
    ],
    ['a scope', { scope: 'admin' }, 'invalid_scope', 400, 'invalid_request'],
    [
      'an unknown parameter',
      { audience: 'https://elsewhere.example' },
      'invalid_request',
      400,
      'invalid_request',
    ],
  ])('reads the refusal of %s', async (_, parameters, error, status, code) => {
    const refusal = await mint(parameters).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(refusal instanceof oauth.ResponseBodyError)) throw refusal ?? new Error('it was allowed');
    expect({ error: refusal.error, status: refusal.status, code: refusal.cause['code'] }).toEqual({
      error,
      status,
      code,
    });
  });

  test('reads the refusal of an assertion by another key', async () => {
    const { privateKey } = await generateKeyPair(alg);
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      agent.client,
      oauth.PrivateKeyJwt(privateKey),
      {},
      INSECURE,
    );
    await expect(
      oauth.processClientCredentialsResponse(server, agent.client, answer),
    ).rejects.toMatchObject({ error: 'invalid_client', status: 401 });
  });

  test('reads the challenge of a protected resource (RFC 9110, 6750, 9728)', async () => {
    const answer = await fetch(new URL('/v1/me', issuer), {
      headers: { authorization: 'Bearer none' },
    });
    expect(answer.status).toBe(401);
    const failed = await oauth
      .protectedResourceRequest(
        'none',
        'GET',
        new URL('/v1/me', issuer),
        undefined,
        undefined,
        INSECURE,
      )
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    if (!(failed instanceof oauth.WWWAuthenticateChallengeError))
      throw new Error('no challenge read');
    expect(failed.cause[0]).toMatchObject({
      scheme: 'bearer',
      parameters: {
        error: 'invalid_token',
        resource_metadata: expect.stringContaining(issuer.origin),
      },
    });
  });
});

describe('a client secret (RFC 6749 section 2.3.1)', () => {
  test.each([
    ['client_secret_basic', oauth.ClientSecretBasic],
    ['client_secret_post', oauth.ClientSecretPost],
  ])('%s mints a token, and a wrong one is read as invalid_client', async (method, by) => {
    const client = { client_id: `with-${method.replaceAll('_', '-')}` };
    const { secret } = await registerSecretAgent(deployment, client.client_id);
    const mint = async (text: string) => {
      const answer = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        by(text),
        {},
        INSECURE,
      );
      return await oauth.processClientCredentialsResponse(server, client, answer);
    };
    expect(server.token_endpoint_auth_methods_supported).toContain(method);
    expect((await mint(secret.reveal())).token_type).toBe('bearer');
    // A refusal with a challenge is read as the challenge.
    await expect(mint(`${secret.reveal().slice(0, -8)}AAAAAAAA`)).rejects.toMatchObject({
      status: 401,
    });
  });
});

describe('openid-client', () => {
  test('discovers, mints a bound token, uses it and exchanges it', async () => {
    const { client, pair } = await agentWith('easy', 'EdDSA');
    const configuration = await openid.discovery(
      issuer,
      client.client_id,
      {},
      openid.PrivateKeyJwt(pair.privateKey),
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
    );
    const DPoP = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair('ES256'));
    const token = await openid.clientCredentialsGrant(
      configuration,
      { authorization_details: ASKED },
      { DPoP },
    );
    expect(token.token_type).toBe('dpop');
    const me = await openid.fetchProtectedResource(
      configuration,
      token.access_token,
      new URL('/v1/me', issuer),
      'GET',
      undefined,
      undefined,
      { DPoP },
    );
    expect(me.status).toBe(200);
    await expect(
      openid.clientCredentialsGrant(configuration, { scope: 'admin' }, { DPoP }),
    ).rejects.toMatchObject({ error: 'invalid_scope' });
    await expect(
      openid.genericGrantRequest(configuration, TOKEN_EXCHANGE, {
        subject_token: token.access_token,
        subject_token_type: ACCESS_TOKEN_TYPE,
      }),
    ).rejects.toMatchObject({ error: 'invalid_dpop_proof', code: 'OAUTH_RESPONSE_BODY_ERROR' });
  });
});
