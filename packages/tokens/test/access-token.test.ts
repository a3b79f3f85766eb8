import { jwtVerify, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import {
  type AccessTokenClaims,
  mintAccessToken,
  thumbprint,
  verifyAccessToken,
} from '../src/index.ts';
import {
  broker,
  accessClaims as claims,
  expected,
  header,
  retired,
  signer,
  stranger,
} from './own-tokens.ts';
import {
  encode,
  everyMutationIsRefused,
  expectRefusal,
  forge,
  forgeHmac,
  ISSUER,
  lastCharacterVariants,
  NOW,
  NOW_S,
  newHolder,
  withDuplicate,
} from './support.ts';

const ec = await newHolder('P-256');
const { cnf: _cnf, act: _act, ...bearerClaims } = claims;
const verify = (token: string, over: object = {}) =>
  verifyAccessToken(token, { ...expected, ...over });

describe('what the broker mints it accepts', () => {
  test.each<[string, AccessTokenClaims]>([
    ['bound and delegated', claims],
    ['bearer', bearerClaims],
    ['empty', { ...bearerClaims, authorization_details: [], grants: [] }],
    ['900 s', { ...claims, exp: NOW_S + 900 }],
  ])('%s', async (_, minted) => {
    expect(await verify(await mintAccessToken(signer, minted))).toEqual(minted);
  });

  test('any RFC 9068 resource server would, too', async () => {
    const token = await mintAccessToken(signer, claims);
    const options = { issuer: ISSUER, audience: ISSUER, typ: 'at+jwt', currentDate: new Date(NOW) };
    await expect(jwtVerify(token, broker.jwk, options)).resolves.toBeDefined();
  });
});

describe('a token that verified before', () => {
  test.each<[string, (token: string) => string, object, string]>([
    ['has expired', (token) => token, { now: (NOW_S + 301) * 1000 }, 'token_expired'],
    [
      'is of a key withdrawn since',
      (token) => token,
      { keys: { keys: [retired.jwk] } },
      'invalid_token',
    ],
    [
      'is of another broker',
      (token) => token,
      { issuer: 'https://other.example' },
      'invalid_token',
    ],
    [
      'has other claims now',
      (token) =>
        [token.split('.')[0], encode({ ...claims, jti: 'x' }), token.split('.')[2]].join('.'),
      {},
      'invalid_token',
    ],
  ])('and %s is refused all the same', async (_, change, over, code) => {
    const token = await mintAccessToken(signer, claims);
    expect(await verify(token)).toEqual(claims);
    expect(await verify(token)).toEqual(claims);
    await expect(verify(change(token), over)).rejects.toMatchObject({ code });
  });
});

describe('nothing is minted that would not verify', () => {
  test.each<[string, object]>([
    ['901 s', { exp: NOW_S + 901 }],
    ['no life', { exp: NOW_S }],
    ['another audience', { aud: 'https://other.example' }],
    ['an unknown claim', { scope: 'all' }],
    ['milliseconds', { exp: NOW + 300_000, iat: NOW, nbf: NOW }],
    ['a fraction of a second', { exp: NOW_S + 0.5 }],
    ['act without end', { act: { sub: 'a', act: deepActor(9) } }],
  ])('%s', async (_, over) => {
    await expectRefusal(mintAccessToken(signer, { ...claims, ...over }), 'invalid_request');
  });

  test('more than 16 KiB', async () => {
    const grants = Array.from({ length: 500 }, () => claims.grants[0] ?? '');
    await expectRefusal(mintAccessToken(signer, { ...claims, grants }), 'too_large');
  });
});

function deepActor(depth: number): object {
  return depth === 0 ? { sub: 'a' } : { sub: 'a', act: deepActor(depth - 1) };
}

describe('attacks on the token', () => {
  const none = `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`;
  const attacks: [string, string, RegExp][] = [
    ['alg none', none, /canonical/],
    ['alg none with a signature', forge({ ...header, alg: 'none' }, claims, broker), /alg/],
    [
      'HS256 with the public key (JWK)',
      forgeHmac({ ...header, alg: 'HS256' }, claims, JSON.stringify(broker.jwk)),
      /alg/,
    ],
    [
      'HS256 with the public key (x)',
      forgeHmac({ ...header, alg: 'HS256' }, claims, broker.jwk.x),
      /alg/,
    ],
    ['alg in the other spelling', forge({ ...header, alg: 'Ed25519' }, claims, broker), /alg/],
    ['crit', forge({ ...header, crit: ['exp'], exp: 1 }, claims, broker), /not allowed/],
    ['b64 false', forge({ ...header, b64: false, crit: ['b64'] }, claims, broker), /not allowed/],
    ['embedded jwk', forge({ ...header, jwk: stranger.jwk }, claims, stranger), /not allowed/],
    [
      'jku',
      forge({ ...header, jku: 'https://evil.example/jwks' }, claims, stranger),
      /not allowed/,
    ],
    ['x5u', forge({ ...header, x5u: 'https://evil.example/x' }, claims, stranger), /not allowed/],
    ['x5c', forge({ ...header, x5c: ['MIIB'] }, claims, stranger), /not allowed/],
    ['kid with a path', forge({ ...header, kid: '../../dev/null' }, claims, broker), /kid/],
    ['kid of no key', forge({ ...header, kid: stranger.kid }, claims, stranger), /names no key/],
    [
      'kid of another of our keys',
      forge({ ...header, kid: retired.kid }, claims, broker),
      /verify/,
    ],
    ['no kid', forge({ alg: 'EdDSA', typ: 'at+jwt' }, claims, broker), /kid/],
    ['kid __proto__', forge({ ...header, kid: '__proto__' }, claims, broker), /kid/],
    ['signed by another key', forge(header, claims, stranger), /verify/],
    ['ES256 under our kid', forge({ ...header, alg: 'ES256' }, claims, ec), /alg/],
    ['no typ', forge({ alg: 'EdDSA', kid: broker.kid }, claims, broker), /typ/],
    ['an ID token', forge({ ...header, typ: 'JWT' }, claims, broker), /typ/],
    ['a DPoP proof', forge({ ...header, typ: 'dpop+jwt' }, claims, broker), /typ/],
    ['a statement', forge({ ...header, typ: 'countersign-statement' }, claims, broker), /typ/],
    ['typ in capitals', forge({ ...header, typ: 'AT+JWT' }, claims, broker), /typ/],
    [
      'typ with application/',
      forge({ ...header, typ: 'application/at+jwt' }, claims, broker),
      /typ/,
    ],
    ['a 1 MB token', `${encode(header)}.${'A'.repeat(1 << 20)}.AAAA`, /too long/],
    ['a duplicate claim', forge(header, withDuplicate(claims, 'sub', 'x'), broker), /twice/],
    ['an escaped one', forge(header, withDuplicate(claims, 's\\u0075b', 'x'), broker), /twice/],
    [
      'a duplicate in the header',
      forge(withDuplicate(header, 'alg', 'none'), claims, broker),
      /twice/,
    ],
    ['two parts', 'a.b', /none of this broker's/],
    ['five parts', 'a.b.c.d.e', /none of this broker's/],
    ['empty', '', /none of this broker's/],
    ['a payload that is an array', forge(header, '[]', broker), /objects/],
    ['a byte order mark', forge(header, `\ufeff${JSON.stringify(claims)}`, broker), /JSON/],
    [
      'no UTF-8',
      `${encode(header)}.${Buffer.from('7b22ff227d', 'hex').toString('base64url')}.AAAA`,
      /UTF-8/,
    ],
    [
      'a bottomless array',
      forge(header, `{"a":${'['.repeat(6000)}${']'.repeat(6000)}}`, broker),
      /./,
    ],
  ];
  test.each(attacks)('%s', async (_, token, why) => {
    await expectRefusal(verify(token), 'invalid_token', why);
  });

  test.each<[string, object]>([
    ['another issuer', { iss: 'https://broker.example.evil' }],
    ['issuer with a slash', { iss: `${ISSUER}/` }],
    ['another audience', { aud: 'https://other.example' }],
    ['an audience list', { aud: [ISSUER] }],
    ['no audience', { aud: undefined }],
    ['nbf ahead', { nbf: NOW_S + 60 }],
    ['iat ahead', { iat: NOW_S + 60, nbf: NOW_S + 60 }],
    ['iat after exp', { iat: NOW_S + 301 }],
    ['exp missing', { exp: undefined }],
    ['exp as a string', { exp: String(NOW_S + 300) }],
    ['exp negative', { exp: -1 }],
    ['a life of 901 s', { exp: NOW_S + 901 }],
    ['a life of a year', { exp: NOW_S + 31_536_000 }],
    ['an unknown claim', { admin: true }],
    ['an unknown member in cnf', { cnf: { jkt: stranger.kid, jwk: {} } }],
    ['cnf without jkt', { cnf: {} }],
    ['more than a thumbprint', { cnf: { jkt: `${stranger.kid}A` } }],
    ['something before a thumbprint', { cnf: { jkt: `A${stranger.kid}` } }],
    ['cnf null', { cnf: null }],
    ['an unknown member of a detail', { authorization_details: [{ type: 'countersign', all: 1 }] }],
    ['exp inside act', { act: { sub: 'a', exp: 1 } }],
    ['a deep act', { act: deepActor(9) }],
  ])('claims: %s', async (_, over) => {
    await expectRefusal(verify(forge(header, { ...claims, ...over }, broker)), 'invalid_token');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('a clock that says %s', async (now) => {
    await expectRefusal(verify(await mintAccessToken(signer, claims), { now }), 'invalid_token');
  });

  test('no keys', async () => {
    const token = await mintAccessToken(signer, claims);
    await expectRefusal(verify(token, { keys: { keys: [] } }), 'invalid_token');
  });

  test('a key named P-256 where EdDSA is meant', async () => {
    const keys = { keys: [ec.jwk] };
    const token = forge({ ...header, kid: ec.kid }, claims, ec);
    await expectRefusal(verify(token, { keys }), 'invalid_token');
  });

  test('a small-order key, under which anyone could sign', async () => {
    const identity = Buffer.from(`01${'00'.repeat(31)}`, 'hex').toString('base64url');
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: identity } as const;
    const input = `${encode({ ...header, kid: await thumbprint(jwk) })}.${encode(claims)}`;
    const forged = Buffer.alloc(64);
    forged[0] = 1;
    const token = `${input}.${forged.toString('base64url')}`;
    await expectRefusal(verify(token, { keys: { keys: [jwk] } }), 'invalid_token', /verify/);
  });
});

describe('clock edges', () => {
  const end = (NOW_S + 300) * 1000;
  test('alive one millisecond before exp', async () => {
    const token = await mintAccessToken(signer, claims);
    await expect(verify(token, { now: end - 1 })).resolves.toEqual(claims);
  });

  test.each([end, end + 1, end + 1e9])('expired at %i, without leeway', async (now) => {
    await expectRefusal(verify(await mintAccessToken(signer, claims), { now }), 'token_expired');
  });

  test('a replica whose clock is ten seconds behind accepts, eleven refuses', async () => {
    const token = await mintAccessToken(signer, claims);
    await expect(verify(token, { now: NOW - 10_000 })).resolves.toEqual(claims);
    await expectRefusal(verify(token, { now: NOW - 10_001 }), 'invalid_token', /not valid yet/);
  });

  test('a forged token is never called expired', async () => {
    await expectRefusal(verify(forge(header, claims, stranger), { now: end }), 'invalid_token');
  });
});

describe('every single-character mutation is refused', () => {
  test('access token', async () => {
    await everyMutationIsRefused(await mintAccessToken(signer, claims), verify);
  });
  test('the unused bits of the signature', async () => {
    for (const variant of lastCharacterVariants(await mintAccessToken(signer, claims))) {
      await expectRefusal(verify(variant), 'invalid_token');
    }
  });
});

test('a token made by jose with the same claims is the same token', async () => {
  const made = await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid: broker.kid, typ: 'at+jwt' })
    .sign(broker.privateKey);
  expect(await verify(made)).toEqual(claims);
});
