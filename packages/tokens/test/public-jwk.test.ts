import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, test } from 'vitest';
import { parsePublicJwk, thumbprint } from '../src/index.ts';
import { verifyingKey } from '../src/public-jwk.ts';
import { newHolder, privateJwkOf } from './support.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/rfc-jose.json', import.meta.url), 'utf8'),
);
const ed = await newHolder();
const ec = await newHolder('P-256');
const rsa = await generateKeyPair('RS256');
const p384 = await generateKeyPair('ES384');
const x25519 = await generateKeyPair('ECDH-ES', { crv: 'X25519' });

describe('a public key has one minimal form', () => {
  test.each([
    ['Ed25519', ed],
    ['P-256', ec],
  ])('%s loses its metadata', (_, { jwk, alg }) => {
    const dressed = { ...jwk, kid: 'any/../name', alg, use: 'sig', key_ops: ['verify'] };
    expect(parsePublicJwk(dressed)).toEqual(jwk);
  });

  test('and is frozen, so that it stays what its thumbprint says', () => {
    expect(Object.isFrozen(parsePublicJwk({ ...ed.jwk }))).toBe(true);
  });
});

test('the thumbprint is RFC 7638 over the minimal form', async () => {
  expect(await thumbprint(parsePublicJwk(vectors.rfc8037.jwk))).toBe(vectors.rfc8037.thumbprint);
  expect(await thumbprint({ ...ed.jwk })).toBe(ed.kid);
});

const otherEd = await newHolder();
const otherEc = await newHolder('P-256');

describe('what was worked out of a key', () => {
  const { y } = otherEc.jwk.kty === 'EC' ? otherEc.jwk : { y: '' };

  test('is worked out once', () => {
    const jwk = { ...ed.jwk };
    expect(thumbprint(jwk)).toBe(thumbprint(jwk));
    expect(verifyingKey(jwk)).toBe(verifyingKey(jwk));
  });

  // Whoever holds the object may write into it.
  test.each([
    ['x of another key', ed.jwk, { x: otherEd.jwk.x }],
    ['y of another key', ec.jwk, { y }],
    ['both of another key', ec.jwk, otherEc.jwk],
    ['a key of another type', ed.jwk, ec.jwk],
    ['another type alone', ec.jwk, { kty: 'OKP', crv: 'Ed25519' }],
  ])('is not of what it says later: %s', async (_, before, change) => {
    const jwk = { ...before };
    const first = await thumbprint(jwk);
    const key = verifyingKey(jwk);
    await key;
    Object.assign(jwk, change);
    expect(await thumbprint(jwk)).toBe(await thumbprint({ ...jwk }));
    expect(await thumbprint(jwk)).not.toBe(first);
    const again = verifyingKey(jwk);
    expect(again).not.toBe(key);
    // A point that is on no curve is no key, and no former one either.
    await again.catch((error: unknown) => expect(error).toBeInstanceOf(Error));
  });
});

const refused: [string, unknown][] = [
  ['nothing', undefined],
  ['a string', JSON.stringify(ed.jwk)],
  ['an array', [ed.jwk]],
  ['a private Ed25519 key', privateJwkOf(ed)],
  ['a private P-256 key', privateJwkOf(ec)],
  ['an empty d', { ...ed.jwk, d: '' }],
  ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0' }],
  ['an RSA key', await exportJWK(rsa.publicKey)],
  ['P-384', await exportJWK(p384.publicKey)],
  ['X25519', await exportJWK(x25519.publicKey)],
  ['Ed25519 with a y', { ...ed.jwk, y: ed.jwk.x }],
  ['P-256 without y', { kty: 'EC', crv: 'P-256', x: ec.jwk.x }],
  ['a curve of the other type', { ...ed.jwk, kty: 'EC' }],
  ['31 bytes', { ...ed.jwk, x: Buffer.alloc(31, 1).toString('base64url') }],
  ['33 bytes', { ...ed.jwk, x: Buffer.alloc(33, 1).toString('base64url') }],
  ['padding', { ...ed.jwk, x: `${ed.jwk.x}=` }],
  ['unused bits set in x', { ...ed.jwk, x: `${'A'.repeat(42)}B` }],
  ['plain base64', { ...ed.jwk, x: Buffer.alloc(32, 0xff).toString('base64').slice(0, 43) }],
  ['a point off the curve', { ...ec.jwk, x: Buffer.alloc(32, 1).toString('base64url') }],
  ['an encryption key', { ...ed.jwk, use: 'enc' }],
  ['a key for signing only', { ...ed.jwk, key_ops: ['sign'] }],
  ['an alg that does not fit', { ...ed.jwk, alg: 'ES256' }],
  ['alg HS256', { ...ed.jwk, alg: 'HS256' }],
  ['a certificate chain', { ...ec.jwk, x5c: ['MIIB'] }],
  ['an unknown member', { ...ed.jwk, ext: true }],
];

test.each(refused)('refused: %s', (_, value) => {
  expect(() => parsePublicJwk(value)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
});
