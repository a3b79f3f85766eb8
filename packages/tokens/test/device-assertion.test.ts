import { describe, expect, test } from 'vitest';
import { peekDeviceKid, verifyClientAssertion, verifyDeviceAssertion } from '../src/index.ts';
import {
  everyMutationIsRefused,
  expectRefusal,
  forge,
  ISSUER,
  NOW,
  NOW_S,
  newHolder,
  TOKEN_ENDPOINT,
  withDuplicate,
} from './support.ts';

const device = await newHolder();
const ec = await newHolder('P-256');
const other = await newHolder();
const expected = { issuer: ISSUER, tokenEndpoint: TOKEN_ENDPOINT, jwk: device.jwk, now: NOW };
const header = { alg: 'EdDSA', kid: device.kid, typ: 'countersign-signin+jwt' };
const claims = {
  iss: device.kid,
  sub: device.kid,
  aud: ISSUER,
  jti: 'signin-1',
  iat: NOW_S,
  exp: NOW_S + 60,
};
const verify = (assertion: string, over: object = {}) =>
  verifyDeviceAssertion(assertion, { ...expected, ...over });

test.each<[string, object]>([
  ['a minute', {}],
  ['five minutes', { exp: NOW_S + 300 }],
  ['token endpoint as audience', { aud: TOKEN_ENDPOINT }],
])('a sign-in: %s', async (_, over) => {
  const assertion = forge(header, { ...claims, ...over }, device);
  expect(peekDeviceKid(assertion)).toBe(device.kid);
  expect(await verify(assertion)).toMatchObject({ kid: device.kid, jti: 'signin-1' });
});

test('a P-256 device key', async () => {
  const body = { ...claims, iss: ec.kid, sub: ec.kid };
  const assertion = forge({ ...header, alg: 'ES256', kid: ec.kid }, body, ec);
  expect(await verify(assertion, { jwk: ec.jwk })).toMatchObject({ kid: ec.kid });
});

describe('attacks', () => {
  const attacks: [string, object | string, object | string, typeof device][] = [
    ['a client assertion', { alg: 'EdDSA', kid: device.kid, typ: 'JWT' }, claims, device],
    ['no typ', { alg: 'EdDSA', kid: device.kid }, claims, device],
    ['a statement', { ...header, typ: 'countersign-statement' }, claims, device],
    ['a DPoP proof', { ...header, typ: 'dpop+jwt' }, claims, device],
    ['a session', { ...header, typ: 'countersign-session+jwt' }, claims, device],
    ['signed by another key', header, claims, other],
    ['no kid', { alg: 'EdDSA', typ: header.typ }, claims, device],
    ['another kid', { ...header, kid: other.kid }, claims, device],
    ['another subject', header, { ...claims, iss: other.kid, sub: other.kid }, device],
    ['iss is not sub', header, { ...claims, iss: other.kid }, device],
    ['ES256 for an Ed25519 key', { ...header, alg: 'ES256' }, claims, ec],
    ['another broker’s aud', header, { ...claims, aud: 'https://other.example' }, device],
    ['301 s', header, { ...claims, exp: NOW_S + 301 }, device],
    ['a life of a year', header, { ...claims, exp: NOW_S + 31_536_000 }, device],
    ['expired', header, { ...claims, exp: NOW_S }, device],
    ['iat ahead', header, { ...claims, iat: NOW_S + 31 }, device],
    ['no jti', header, { ...claims, jti: undefined }, device],
    ['crit', { ...header, crit: ['exp'], exp: 1 }, claims, device],
    ['embedded jwk', { ...header, jwk: other.jwk }, claims, other],
    ['a duplicate claim', header, withDuplicate(claims, 'exp', 9e9), device],
  ];
  test.each(attacks)('%s', async (_, head, body, key) => {
    const attempt = verify(forge(head, body, key));
    await expectRefusal(attempt, 'unauthenticated', /^The assertion was not accepted\.$/);
  });

  test('a sign-in is no client assertion', async () => {
    const attempt = verifyClientAssertion(forge(header, claims, device), {
      issuer: ISSUER,
      tokenEndpoint: TOKEN_ENDPOINT,
      clientId: device.kid,
      jwks: { keys: [device.jwk] },
      now: NOW,
    });
    await expectRefusal(attempt, 'unauthenticated');
  });

  test('every single-character mutation', async () => {
    await everyMutationIsRefused(forge(header, claims, device), verify);
  });
});
