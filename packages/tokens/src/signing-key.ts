import { createPrivateKey, type KeyObject, sign as signBytes } from 'node:crypto';
import { inputError, Secret } from '@countersign/core';
import { exportJWK, generateKeyPair, importJWK } from 'jose';
import { z } from 'zod';
import { type PublicJwk, parsePublicJwk, thumbprint } from './public-jwk.ts';

/**
 * The broker's own Ed25519 keys. The private half exists as a `Secret` on its way to and from sealed
 * storage and as a key object inside a signer, nowhere else.
 */
export interface TokenSigner {
  /** RFC 7638 SHA-256 thumbprint of `publicJwk`. */
  readonly kid: string;
  readonly alg: 'EdDSA';
  readonly publicJwk: PublicJwk;
  /** A compact JWT, RFC 7519, with the protected header exactly `{alg, kid, typ}`. */
  sign(typ: string, claims: object): string;
}

/** A new key. `privateJwk` is a private JWK (RFC 8037 section 2) as JSON text. */
export async function generateSigningKey(): Promise<{
  readonly publicJwk: PublicJwk;
  readonly privateJwk: Secret;
}> {
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const privateJwk = new Secret('signing key', JSON.stringify(await exportJWK(pair.privateKey)));
  return { publicJwk: parsePublicJwk(await exportJWK(pair.publicKey)), privateJwk };
}

/**
 * A signer from what `generateSigningKey` made.
 *
 * Throws CountersignError `invalid_request` for anything but an Ed25519 private JWK whose two halves
 * belong together: with a foreign `x` the signer would sign under another key's name.
 */
export async function importSigner(privateJwk: Secret): Promise<TokenSigner> {
  const { publicJwk, key } = await openPrivateJwk(privateJwk);
  const kid = await thumbprint(publicJwk);
  const sign = (typ: string, claims: object) => compactJws(key, { alg: 'EdDSA', kid, typ }, claims);
  return { kid, alg: 'EdDSA', publicJwk, sign };
}

/**
 * RFC 7515 section 7.1. Not by jose, which signs on another thread: to wake that up and be woken by it takes
 * the processor longer than the signature itself.
 */
function compactJws(key: KeyObject, header: object, claims: object): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${signBytes(null, Buffer.from(input), key).toString('base64url')}`;
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const privateMembers = z.looseObject({ kty: z.literal('OKP'), d: z.string() });

// No cause is kept: a parser's error quotes what it could not parse.
async function openPrivateJwk(privateJwk: Secret) {
  try {
    const { d, ...rest } = privateMembers.parse(JSON.parse(privateJwk.reveal()));
    const publicJwk = parsePublicJwk(rest);
    // WebCrypto refuses a `d` that is not the secret of `x`.
    const whole = await importJWK({ ...publicJwk, d }, 'EdDSA', { extractable: false });
    if (whole instanceof Uint8Array || whole.type !== 'private') throw notASigningKey();
    return { publicJwk, key: createPrivateKey({ format: 'jwk', key: { ...publicJwk, d } }) };
  } catch {
    throw notASigningKey();
  }
}

function notASigningKey() {
  return inputError('invalid_request', 'The signing key is not a whole Ed25519 private key.');
}
