/**
 * Negative conformance: each case is named after the attack, makes one thing wrong, and expects one refusal.
 * What `test/attacks/tokens.test.ts` has is not here again.
 */
import { createHash, randomUUID } from 'node:crypto';
import { ACCESS_TOKEN_TYPE, CLIENT_ASSERTION_JWT, TOKEN_EXCHANGE } from '@countersign/contract';
import { base64url, exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Deployment, deploy } from '../support/deployment.ts';
import { newKey } from '../support/people.ts';

const Refusal = z.object({ code: z.string(), error: z.string().optional() });
const now = (): number => Math.floor(Date.now() / 1000);

type Claims = Readonly<Record<string, unknown>>;
type Key = Parameters<SignJWT['sign']>[0];

let deployment: Deployment;
let url: string;
let stranger: Awaited<ReturnType<typeof newKey>>['key'];
let token: string;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  url = deployment.broker.url;
  stranger = (await newKey('stranger')).key;
  await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
  token = (await deployment.cursor.agent.token(null)).token.reveal();
});
afterAll(() => deployment?.stop());

/** Signs whatever it is given. Undefined claims and header members are left out. */
async function sign(key: Key, claims: Claims, header: Claims): Promise<string> {
  // The header is the attacker's to choose.
  return await new SignJWT(claims).setProtectedHeader(header as JWTHeaderParameters).sign(key);
}

/** JSON and a signature made of bytes, for what no library signs. */
function unsigned(header: Claims, claims: Claims, signature = ''): string {
  return [JSON.stringify(header), JSON.stringify(claims), signature]
    .map((part) => base64url.encode(part))
    .join('.');
}

async function post(form: Readonly<Record<string, string>>, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  });
  const { error } = Refusal.partial().parse(await answer.json());
  return answer.status === 200 ? 'allowed' : `${answer.status} ${error}`;
}

const honestAssertion = () => ({
  iss: 'cursor',
  sub: 'cursor',
  aud: url,
  iat: now(),
  exp: now() + 60,
  jti: randomUUID(),
});

async function authenticate(claims: Claims, header: Claims = {}): Promise<string> {
  const { privateKey, alg } = deployment.cursor.key;
  const client_assertion = await sign(
    privateKey,
    { ...honestAssertion(), ...claims },
    { alg, typ: 'client-authentication+jwt', ...header },
  );
  return await post({
    grant_type: 'client_credentials',
    client_assertion_type: CLIENT_ASSERTION_JWT,
    client_assertion,
  });
}

describe('a client assertion (RFC 7523)', () => {
  test('that is honest passes', async () => {
    expect(await authenticate({})).toBe('allowed');
  });

  test.each<[string, () => Claims, Claims?]>([
    ['without an issuer', () => ({ iss: undefined })],
    ['without a subject', () => ({ sub: undefined })],
    ['without an audience', () => ({ aud: undefined })],
    ['for this broker among others', () => ({ aud: [url, 'https://elsewhere.example'] })],
    ['for a list of this broker alone', () => ({ aud: [url] })],
    ['for this broker with a slash', () => ({ aud: `${url}/` })],
    ['for this broker in capitals', () => ({ aud: url.toUpperCase() })],
    ['for the JWKS', () => ({ aud: `${url}/.well-known/jwks.json` })],
    ['issued tomorrow', () => ({ iat: now() + 86_400, exp: now() + 86_460 })],
    ['not before tomorrow', () => ({ nbf: now() + 86_400 })],
    ['with an end in words', () => ({ exp: 'tomorrow' })],
    ['with an end as text', () => ({ exp: String(now() + 60) })],
    ['with an end of 1e400', () => ({ exp: 1e308 })],
    ['with an id of 64 KB', () => ({ jti: 'x'.repeat(65_536) })],
    ['with an id that is a number', () => ({ jti: 7 })],
    ['with a subject that is a list', () => ({ sub: ['cursor'] })],
    ['with a subject in capitals', () => ({ iss: 'CURSOR', sub: 'CURSOR' })],
    ['with a subject and a NUL', () => ({ iss: 'cursor\0', sub: 'cursor\0' })],
    ['with a subject and a newline', () => ({ iss: 'cursor\n', sub: 'cursor\n' })],
    ['with a subject in SQL', () => ({ iss: "x' OR '1'='1", sub: "x' OR '1'='1" })],
    ['with an x5u', () => ({}), { x5u: 'https://elsewhere.example/cert.pem' }],
    ['with b64', () => ({}), { b64: true, crit: ['b64'] }],
    ['with the typ of an ID token', () => ({}), { typ: 'id+jwt' }],
    ['with the typ of a session', () => ({}), { typ: 'countersign-session+jwt' }],
  ])('%s', async (_, claims, header) => {
    expect(await authenticate(claims(), header)).toMatch(
      /^(401 invalid_client|400 invalid_request)$/,
    );
  });

  test.each(['nobody', '../../../../dev/null', "' OR 1=1"])(
    'may say the kid %s: only keys of the agent are tried, and one of them signed it',
    async (kid) => {
      expect(await authenticate({}, { kid })).toBe('allowed');
      const client_assertion = await sign(stranger.privateKey, honestAssertion(), {
        alg: 'EdDSA',
        kid,
      });
      const form = {
        grant_type: 'client_credentials',
        client_assertion_type: CLIENT_ASSERTION_JWT,
      };
      expect(await post({ ...form, client_assertion })).toBe('401 invalid_client');
    },
  );

  test.each<[string, Claims]>([
    ['alg None', { alg: 'None' }],
    ['alg nOnE', { alg: 'nOnE' }],
    ['no alg', {}],
    ['alg RS256', { alg: 'RS256' }],
    ['alg ES256 over an Ed25519 key', { alg: 'ES256' }],
  ])('with %s', async (_, header) => {
    const client_assertion = unsigned(header, honestAssertion(), 'x'.repeat(64));
    const form = { grant_type: 'client_credentials', client_assertion_type: CLIENT_ASSERTION_JWT };
    expect(await post({ ...form, client_assertion })).toMatch(/^40[01] /);
  });

  test('of another type (SAML, RFC 7522)', async () => {
    const client_assertion = await sign(deployment.cursor.key.privateKey, honestAssertion(), {
      alg: 'EdDSA',
    });
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer';
    expect(
      await post({ grant_type: 'client_credentials', client_assertion_type, client_assertion }),
    ).toBe('400 invalid_request');
  });
});

/** A proof for `GET /v1/me` with what an attacker makes of it. */
async function proof(claims: Claims, header: Claims = {}, key?: Key): Promise<string> {
  const { privateKey, alg, publicJwk } = deployment.cursor.key;
  const honest = {
    htm: 'GET',
    htu: `${url}/v1/me`,
    iat: now(),
    jti: randomUUID(),
    ath: createHash('sha256').update(token).digest('base64url'),
  };
  return await sign(
    key ?? privateKey,
    { ...honest, ...claims },
    { alg, typ: 'dpop+jwt', jwk: publicJwk, ...header },
  );
}

async function show(headers: Readonly<Record<string, string>>): Promise<string> {
  const answer = await fetch(`${url}/v1/me`, { headers });
  if (answer.status === 200) return 'allowed';
  const { code } = Refusal.parse(await answer.json());
  return `${answer.status} ${code}`;
}

describe('a DPoP proof (RFC 9449 section 4.3)', () => {
  test('that is honest passes', async () => {
    expect(await show({ authorization: `DPoP ${token}`, dpop: await proof({}) })).toBe('allowed');
  });

  test.each<[string, () => Claims, (() => Claims | Promise<Claims>)?]>([
    ['without a method', () => ({ htm: undefined })],
    ['for a method in small letters', () => ({ htm: 'get' })],
    ['for HEAD', () => ({ htm: 'HEAD' })],
    ['without a URL', () => ({ htu: undefined })],
    ['for another path', () => ({ htu: `${url}/v1/grants` })],
    ['for another host', () => ({ htu: 'https://elsewhere.example/v1/me' })],
    ['for another port', () => ({ htu: 'http://localhost:1/v1/me' })],
    ['for another scheme', () => ({ htu: `${url}/v1/me`.replace('http:', 'https:') })],
    ['for a URL with a user', () => ({ htu: `${url}/v1/me`.replace('//', '//admin@') })],
    ['for a path in capitals', () => ({ htu: `${url}/V1/ME` })],
    ['without an id', () => ({ jti: undefined })],
    ['with an id of 64 KB', () => ({ jti: 'x'.repeat(65_536) })],
    ['without a time', () => ({ iat: undefined })],
    ['made an hour ago', () => ({ iat: now() - 3600 })],
    ['made in an hour', () => ({ iat: now() + 3600 })],
    ['with a time as text', () => ({ iat: String(now()) })],
    ['for another token', () => ({ ath: createHash('sha256').update('x').digest('base64url') })],
    ['with the token itself for its hash', () => ({ ath: token })],
    ['with the typ of a JWT', () => ({}), () => ({ typ: 'JWT' })],
    ['without a typ', () => ({}), () => ({ typ: undefined })],
    ['without a key', () => ({}), () => ({ jwk: undefined })],
    ['with the key of another', () => ({}), () => ({ jwk: stranger.publicJwk })],
    ['with a kid for a key', () => ({}), () => ({ jwk: undefined, kid: 'cursor' })],
    ['with a symmetric key', () => ({}), () => ({ jwk: { kty: 'oct', k: 'AAAA' } })],
    [
      'with a private key in jwk',
      () => ({}),
      async () => {
        const pair = await generateKeyPair('EdDSA', { extractable: true });
        return { jwk: await exportJWK(pair.privateKey) };
      },
    ],
  ])('%s', async (_, claims, header) => {
    const dpop = await proof(claims(), await header?.());
    expect(await show({ authorization: `DPoP ${token}`, dpop })).toMatch(
      /^(401 (sender_mismatch|invalid_token|replayed)|431 )/,
    );
  });

  test('made by another key for a token bound to this one', async () => {
    const dpop = await proof({}, { jwk: stranger.publicJwk }, stranger.privateKey);
    expect(await show({ authorization: `DPoP ${token}`, dpop })).toBe('401 sender_mismatch');
  });

  test.each(['none', 'HS256', 'RS256'])('with alg %s', async (alg) => {
    const { publicJwk } = deployment.cursor.key;
    const header = { alg, typ: 'dpop+jwt', jwk: publicJwk };
    const claims = { htm: 'GET', htu: `${url}/v1/me`, iat: now(), jti: randomUUID() };
    const dpop = unsigned(header, claims, 'x'.repeat(64));
    expect(await show({ authorization: `DPoP ${token}`, dpop })).toMatch(
      /^401 (sender_mismatch|invalid_token)$/,
    );
  });
});

describe('an access token (RFC 9068)', () => {
  /** The claims of a real one, signed by whoever wants to be the broker. */
  async function forged(claims: Claims, header: Claims, key: Key = stranger.privateKey) {
    const [, payload = ''] = token.split('.');
    const real: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const { cnf: _, ...unbound } = z.record(z.string(), z.unknown()).parse(real);
    return await sign(key, { ...unbound, jti: randomUUID(), ...claims }, header);
  }

  async function brokersKey(): Promise<{ kid: string; jwk: Claims }> {
    const answer = await fetch(`${url}/.well-known/jwks.json`);
    const { keys } = z
      .object({ keys: z.array(z.looseObject({ kid: z.string() })).min(1) })
      .parse(await answer.json());
    const [jwk] = keys;
    if (jwk === undefined) throw new Error('the broker shows no key');
    return { kid: jwk.kid, jwk };
  }

  test.each<[string, () => Promise<string>]>([
    [
      'forged under the kid of the broker',
      async () => await forged({}, { alg: 'EdDSA', typ: 'at+jwt', kid: (await brokersKey()).kid }),
    ],
    [
      'that brings its key along',
      async () => await forged({}, { alg: 'EdDSA', typ: 'at+jwt', jwk: stranger.publicJwk }),
    ],
    [
      'that says where its key is',
      async () =>
        await forged({}, { alg: 'EdDSA', typ: 'at+jwt', jku: 'https://elsewhere.example/jwks' }),
    ],
    [
      "signed by the agent's own key",
      async () =>
        await forged({}, { alg: 'EdDSA', typ: 'at+jwt' }, deployment.cursor.key.privateKey),
    ],
    [
      'under HS256 with the public key',
      async () => {
        const { kid, jwk } = await brokersKey();
        const secret = new TextEncoder().encode(JSON.stringify(jwk));
        return await forged({}, { alg: 'HS256', typ: 'at+jwt', kid }, secret);
      },
    ],
    [
      'that is a client assertion',
      async () =>
        await sign(deployment.cursor.key.privateKey, honestAssertion(), {
          alg: 'EdDSA',
          typ: 'client-authentication+jwt',
        }),
    ],
    ['that is a DPoP proof', async () => await proof({})],
    ['that is no JWT', async () => 'AAAA.BBBB.CCCC'],
    ['with five parts', async () => 'a.b.c.d.e'],
    ['without a signature', async () => token.replace(/[^.]*$/, '')],
    [
      'with the algorithm taken away',
      async () => unsigned({ alg: 'none', typ: 'at+jwt' }, { sub: 'cursor' }),
    ],
  ])('%s', async (_, make) => {
    const text = await make();
    expect(await show({ authorization: `Bearer ${text}` })).toBe('401 invalid_token');
    const { privateKey, alg } = deployment.cursor.key;
    const exchanged = await post({
      grant_type: TOKEN_EXCHANGE,
      client_assertion_type: CLIENT_ASSERTION_JWT,
      client_assertion: await sign(privateKey, honestAssertion(), { alg }),
      subject_token: text,
      subject_token_type: ACCESS_TOKEN_TYPE,
    });
    expect(exchanged).toBe('400 invalid_request');
  });
});

describe('a token request (RFC 6749)', () => {
  test.each<[string, Record<string, string>, string]>([
    [
      'for a password',
      { grant_type: 'password', username: 'x', password: 'y' },
      '400 unsupported_grant_type',
    ],
    ['for a code', { grant_type: 'authorization_code', code: 'x' }, '400 unsupported_grant_type'],
    [
      'for a refresh token',
      { grant_type: 'refresh_token', refresh_token: 'x' },
      '400 unsupported_grant_type',
    ],
    ['in capitals', { grant_type: 'CLIENT_CREDENTIALS' }, '400 unsupported_grant_type'],
    [
      'of a client without credentials',
      { grant_type: 'client_credentials', client_id: 'cursor' },
      '401 invalid_client',
    ],
  ])('%s', async (_, form, refusal) => {
    expect(await post(form)).toBe(refusal);
  });
});
