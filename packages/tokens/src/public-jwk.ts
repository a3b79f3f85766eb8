import { createPublicKey } from 'node:crypto';
import { inputError } from '@countersign/core';
import { type CryptoKey, calculateJwkThumbprint, importJWK } from 'jose';
import { z } from 'zod';

/**
 * The public keys we accept, in their one minimal form. Everything that verifies takes keys through
 * here, so a key has one shape, one thumbprint, and never a private half.
 */
export type PublicJwk =
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };

/** RFC 7517 section 5. A key is named by its RFC 7638 thumbprint, so members carry no `kid`. */
export interface JwkSet {
  readonly keys: readonly PublicJwk[];
}

/** `EdDSA` is RFC 8037's name, `Ed25519` RFC 9864's for the same; clients send either. */
export const ASYMMETRIC_ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256'] as const;
export type AsymmetricAlgorithm = (typeof ASYMMETRIC_ALGORITHMS)[number];

/** True when a signature of this algorithm can come from this kind of key. */
export function fits(alg: AsymmetricAlgorithm, jwk: PublicJwk): boolean {
  return jwk.kty === 'EC' ? alg === 'ES256' : alg !== 'ES256';
}

/** 32 bytes in their one base64url form. */
const coordinate = z
  .string()
  .length(43)
  .refine((value) => Buffer.from(value, 'base64url').toString('base64url') === value);

const metadata = {
  kid: z.string().optional(),
  use: z.literal('sig').optional(),
  key_ops: z
    .array(z.string())
    .refine((operations) => operations.includes('verify'))
    .optional(),
};

// Strict: `d`, `k`, `x5c` and whatever else is not named here refuses the key.
const jwkMembers = z.discriminatedUnion('kty', [
  z.strictObject({
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    x: coordinate,
    alg: z.enum(['EdDSA', 'Ed25519']).optional(),
    ...metadata,
  }),
  z.strictObject({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: coordinate,
    y: coordinate,
    alg: z.literal('ES256').optional(),
    ...metadata,
  }),
]);

/**
 * A public key for signatures, Ed25519 (RFC 8037) or P-256 (RFC 7518 section 6.2), in minimal form.
 * `kid`, `alg`, `use` and `key_ops` are dropped, and must not speak against verifying signatures; any
 * other member, above all a private one, a wrong length or a point off the curve refuses the key.
 *
 * Throws CountersignError `invalid_request`.
 */
export function parsePublicJwk(value: unknown): PublicJwk {
  const parsed = jwkMembers.safeParse(value);
  if (!parsed.success) throw unacceptableKey();
  const { kty, crv, x } = parsed.data;
  if (kty === 'OKP') return Object.freeze({ kty, crv, x });
  const jwk = Object.freeze({ kty, crv, x, y: parsed.data.y });
  if (!isOnCurve(jwk)) throw unacceptableKey();
  return jwk;
}

function unacceptableKey() {
  return inputError(
    'invalid_request',
    'The key must be a public Ed25519 or P-256 JSON Web Key for signatures, and hold nothing else.',
  );
}

function isOnCurve(jwk: PublicJwk): boolean {
  try {
    createPublicKey({ format: 'jwk', key: { ...jwk } });
    return true;
  } catch {
    return false;
  }
}

/** Keyed by object, and only as long as that object says what it said. */
const thumbprints = new WeakMap<
  PublicJwk,
  { readonly of: PublicJwk; readonly is: Promise<string> }
>();

/** RFC 7638 SHA-256 thumbprint, base64url without padding (43 characters). */
export function thumbprint(jwk: PublicJwk): Promise<string> {
  const known = thumbprints.get(jwk);
  if (known !== undefined && isSameKey(known.of, jwk)) return known.is;
  const is = calculateJwkThumbprint(jwk, 'sha256');
  thumbprints.set(jwk, { of: { ...jwk }, is });
  return is;
}

const imported = new WeakMap<
  PublicJwk,
  { readonly of: PublicJwk; readonly is: Promise<CryptoKey> }
>();

/** The key as jose verifies with it. Made once: to look at a JWK anew each time takes as long as all else. */
export function verifyingKey(jwk: PublicJwk): Promise<CryptoKey> {
  const known = imported.get(jwk);
  if (known !== undefined && isSameKey(known.of, jwk)) return known.is;
  const is = importVerifyingKey({ ...jwk });
  imported.set(jwk, { of: { ...jwk }, is });
  return is;
}

async function importVerifyingKey(jwk: PublicJwk): Promise<CryptoKey> {
  const key = await importJWK(jwk, jwk.kty === 'EC' ? 'ES256' : 'EdDSA');
  if (key instanceof Uint8Array || key.type !== 'public') throw unacceptableKey();
  return key;
}

function isSameKey(a: PublicJwk, b: PublicJwk): boolean {
  if (a.kty !== b.kty || a.x !== b.x) return false;
  return a.kty === 'OKP' || b.kty === 'OKP' || a.y === b.y;
}

/** The member of the set whose thumbprint is `kid`. */
export async function keyNamed(jwks: JwkSet, kid: string): Promise<PublicJwk | undefined> {
  for (const jwk of jwks.keys) {
    if ((await thumbprint(jwk)) === kid) return jwk;
  }
  return undefined;
}
