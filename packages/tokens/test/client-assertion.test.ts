import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { peekClientId, verifyClientAssertion } from '../src/index.ts';
import {
  encode,
  everyMutationIsRefused,
  expectRefusal,
  forge,
  forgeHmac,
  ISSUER,
  NOW,
  NOW_S,
  newHolder,
  TOKEN_ENDPOINT,
  withDuplicate,
} from './support.ts';

const agent = await newHolder();
const next = await newHolder();
const ec = await newHolder('P-256');
const stranger = await newHolder();
const expected = {
  issuer: ISSUER,
  tokenEndpoint: TOKEN_ENDPOINT,
  clientId: 'agent-1',
  jwks: { keys: [next.jwk, ec.jwk, agent.jwk] },
  now: NOW,
};
const header = { alg: 'EdDSA', kid: agent.kid };
const claims = {
  iss: 'agent-1',
  sub: 'agent-1',
  aud: ISSUER,
  jti: 'assertion-1',
  iat: NOW_S,
  nbf: NOW_S,
  exp: NOW_S + 60,
};
const verify = (assertion: string, over: object = {}) =>
  verifyClientAssertion(assertion, { ...expected, ...over });

describe('accepted', () => {
  test.each<[string, object, object, typeof agent]>([
    ['kid = thumbprint', header, claims, agent],
    ['no kid', { alg: 'EdDSA' }, claims, agent],
    ['a kid of the client’s own', { alg: 'EdDSA', kid: 'keys/2026' }, claims, agent],
    ['the newer name of the algorithm', { alg: 'Ed25519' }, claims, agent],
    ['ES256', { alg: 'ES256' }, claims, ec],
    ['typ JWT', { ...header, typ: 'JWT' }, claims, agent],
    ['typ of its own', { ...header, typ: 'client-authentication+jwt' }, claims, agent],
    ['token endpoint as audience', header, { ...claims, aud: TOKEN_ENDPOINT }, agent],
    ['ten minutes', header, { ...claims, exp: NOW_S + 600 }, agent],
    ['a clock 30 s ahead', header, { ...claims, iat: NOW_S + 30, nbf: NOW_S + 30 }, agent],
    ['no iat', header, { ...claims, iat: undefined, nbf: undefined }, agent],
    ['a claim we do not know', header, { ...claims, extra: { a: 1 } }, agent],
  ])('%s', async (_, head, body, key) => {
    expect(await verify(forge(head, body, key))).toMatchObject({
      clientId: 'agent-1',
      jti: 'assertion-1',
      thumbprint: key.kid,
    });
  });

  test('made by jose', async () => {
    const assertion = await new SignJWT({ jti: 'j' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('agent-1')
      .setSubject('agent-1')
      .setAudience(ISSUER)
      .setIssuedAt(NOW_S)
      .setExpirationTime(NOW_S + 60)
      .sign(ec.privateKey);
    expect(await verify(assertion)).toMatchObject({ jti: 'j', thumbprint: ec.kid });
  });

  test('spaced and escaped as other languages write JSON', async () => {
    const text = `{ "iss": "agent\\u002d1",\n "sub":"agent-1", "aud":"${ISSUER}", "jti":"a:\\"b\\\\", "exp":${NOW_S + 60}.0 }`;
    expect(await verify(forge(header, text, agent))).toMatchObject({ jti: 'a:"b\\' });
  });

  test('its jti is to be remembered for as long as any replica might accept it', async () => {
    const { expiresAt } = await verify(forge(header, claims, agent));
    expect(expiresAt).toBe((NOW_S + 60) * 1000 + 10_000);
    await expectRefusal(
      verify(forge(header, claims, agent), { now: expiresAt }),
      'unauthenticated',
    );
  });
});

describe('attacks', () => {
  const jku = 'https://evil.example/jwks';
  const attacks: [string, string][] = [
    ['alg none', `${encode({ alg: 'none' })}.${encode(claims)}.`],
    ['HS256 with the public key', forgeHmac({ alg: 'HS256' }, claims, JSON.stringify(agent.jwk))],
    ['signed by another key', forge(header, claims, stranger)],
    ['kid of another registered key', forge({ ...header, kid: next.kid }, claims, agent)],
    ['alg of another key type', forge({ ...header, alg: 'ES256' }, claims, agent)],
    ['crit', forge({ ...header, crit: ['exp'], exp: 1 }, claims, agent)],
    ['embedded jwk', forge({ alg: 'EdDSA', jwk: stranger.jwk }, claims, stranger)],
    ['jku', forge({ alg: 'EdDSA', jku }, claims, stranger)],
    ['x5u', forge({ alg: 'EdDSA', x5u: jku }, claims, stranger)],
    ['an access token', forge({ ...header, typ: 'at+jwt' }, claims, agent)],
    ['a DPoP proof', forge({ ...header, typ: 'dpop+jwt' }, claims, agent)],
    ['a sign-in', forge({ ...header, typ: 'countersign-signin+jwt' }, claims, agent)],
    ['a statement', forge({ ...header, typ: 'countersign-statement' }, claims, agent)],
    ['a duplicate claim', forge(header, withDuplicate(claims, 'aud', 'https://x.example'), agent)],
    ['9 KiB', forge(header, { ...claims, pad: 'a'.repeat(9 * 1024) }, agent)],
    ['1 MB', `${encode(header)}.${'A'.repeat(1 << 20)}.AAAA`],
    ['garbage', 'garbage'],
  ];
  const badClaims: [string, object][] = [
    ['another broker’s aud', { aud: 'https://other.example' }],
    ['aud as a list', { aud: [ISSUER] }],
    ['aud injected beside ours', { aud: [ISSUER, 'https://other.example'] }],
    ['aud with a slash', { aud: `${ISSUER}/` }],
    ['a life of a year', { exp: NOW_S + 31_536_000 }],
    ['a life of 601 s', { exp: NOW_S + 601 }],
    ['expired', { exp: NOW_S }],
    ['no exp', { exp: undefined }],
    ['exp infinite', { exp: 1e300 }],
    ['iat ahead', { iat: NOW_S + 31 }],
    ['nbf ahead', { nbf: NOW_S + 31 }],
    ['no jti', { jti: undefined }],
    ['empty jti', { jti: '' }],
    ['jti of 257', { jti: 'j'.repeat(257) }],
    ['jti with U+0000', { jti: 'j\0' }],
    ['jti with a lone surrogate', { jti: 'j\ud800' }],
    ['another sub', { sub: 'agent-2' }],
    ['another client', { iss: 'agent-2', sub: 'agent-2' }],
    ['no iss', { iss: undefined }],
  ];
  const all: [string, string][] = [
    ...attacks,
    ...badClaims.map(([name, over]): [string, string] => [
      name,
      forge(header, { ...claims, ...over }, agent),
    ]),
  ];
  test.each(all)('%s', async (_, assertion) => {
    await expectRefusal(verify(assertion), 'unauthenticated', /^The assertion was not accepted\.$/);
  });

  test('an agent that does not exist is refused in the same words', async () => {
    for (const [head, key] of [
      [header, agent],
      [{ alg: 'ES256' }, ec],
    ] as const) {
      const attempt = verify(forge(head, claims, key), { jwks: { keys: [] } });
      await expectRefusal(attempt, 'unauthenticated', /^The assertion was not accepted\.$/);
    }
  });

  test('a fifth key is not tried', async () => {
    const four = await Promise.all([1, 2, 3, 4].map(() => newHolder()));
    const jwks = { keys: [...four.map((it) => it.jwk), agent.jwk] };
    await expectRefusal(
      verify(forge({ alg: 'EdDSA' }, claims, agent), { jwks }),
      'unauthenticated',
    );
  });

  test('every single-character mutation', async () => {
    await everyMutationIsRefused(forge(header, claims, agent), verify);
  });
});

describe('the client id before verification', () => {
  test('is iss = sub', () => {
    expect(peekClientId(forge(header, claims, stranger))).toBe('agent-1');
  });

  test.each<[string, string]>([
    ['iss and sub differ', forge(header, { ...claims, sub: 'agent-2' }, agent)],
    ['too long a name', forge(header, { iss: 'a'.repeat(257), sub: 'a'.repeat(257) }, agent)],
    ['not a string', forge(header, { iss: { a: 1 }, sub: { a: 1 } }, agent)],
    ['two of them', forge(header, withDuplicate(claims, 'sub', 'agent-2'), agent)],
    ['1 MB', 'A'.repeat(1 << 20)],
    ['garbage', '..'],
  ])('refused: %s', async (_, assertion) => {
    const peek = async () => peekClientId(assertion);
    await expectRefusal(peek(), 'unauthenticated', /^The assertion was not accepted\.$/);
  });
});
