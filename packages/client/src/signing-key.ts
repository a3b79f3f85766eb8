/** A private key that proves things to the broker: Ed25519 or P-256, and nothing else. */
import { Ed25519Jwk, P256Jwk } from '@countersign/contract';
import { inputError, Secret } from '@countersign/core';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose';

type PublicJwk =
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };

export interface SigningKey {
  readonly privateKey: CryptoKey;
  /** Exactly the RFC 7638 members. */
  readonly publicJwk: PublicJwk;
  readonly alg: 'EdDSA' | 'ES256';
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
}

/** @param privateJwk a private JWK as JSON. @throws CountersignError `invalid_request`, never with its text */
export async function signingKeyOf(privateJwk: Secret): Promise<SigningKey> {
  const jwk = parsePrivate(privateJwk);
  const publicJwk = publicPartOf(jwk);
  if (publicJwk === null || typeof jwk.d !== 'string') throw unusable();
  const alg = publicJwk.kty === 'OKP' ? 'EdDSA' : 'ES256';
  const imported = await importPrivate(publicJwk, jwk.d, alg);
  const thumbprint = await calculateJwkThumbprint(publicJwk, 'sha256');
  return { privateKey: imported, publicJwk, alg, thumbprint };
}

/** A new Ed25519 key as a private JWK. */
export async function newPrivateJwk(label: string): Promise<Secret> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { kty, crv, x, d } = await exportJWK(privateKey);
  return new Secret(label, JSON.stringify({ kty, crv, x, d }));
}

function parsePrivate(privateJwk: Secret): JWK {
  try {
    const value: unknown = JSON.parse(privateJwk.reveal());
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The parser's message would quote the key.
  }
  throw unusable();
}

/** The public members of a JWK; null for a kind of key the broker does not know. */
function publicPartOf(jwk: JWK): PublicJwk | null {
  const { kty, crv, x, y } = jwk;
  const okp = Ed25519Jwk.safeParse({ kty, crv, x });
  if (okp.success) return okp.data;
  const ec = P256Jwk.safeParse({ kty, crv, x, y });
  return ec.success ? ec.data : null;
}

async function importPrivate(publicJwk: PublicJwk, d: string, alg: string): Promise<CryptoKey> {
  try {
    const key = await importJWK({ ...publicJwk, d }, alg);
    if (!(key instanceof Uint8Array)) return key;
  } catch {
    // The library's message may quote the key.
  }
  throw unusable();
}

function unusable(): Error {
  return inputError('invalid_request', 'The key is not a private Ed25519 or P-256 JSON Web Key.');
}
