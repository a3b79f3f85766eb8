/**
 * Keys and signatures for tests, made with node:crypto and canonical JSON written here, so that the code
 * under test never vouches for itself. A key is a function of its seed: runs repeat, and keys are cached.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { StatementSignature } from '@countersign/contract';

export interface TestKey {
  readonly jwk: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly privateJwk: string;
}

/** The DER of an Ed25519 private key up to its 32 bytes (RFC 8410 section 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const made = new Map<string, TestKey>();

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}

export function keyOf(seed: string): TestKey {
  const known = made.get(seed);
  if (known !== undefined) return known;
  const raw = createHash('sha256').update(`test key ${seed}`).digest();
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8, raw]),
    format: 'der',
    type: 'pkcs8',
  });
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const jwk = { kty: 'OKP', crv: 'Ed25519', x } as const;
  const key = {
    jwk,
    kid: sha256(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`),
    privateKey,
    privateJwk: JSON.stringify({ ...jwk, d: raw.toString('base64url') }),
  };
  made.set(seed, key);
  return key;
}

/** RFC 8785 for what statements hold: strings, integers, booleans, null, arrays, objects. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`).join(',')}}`;
}

export function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

export function headerOf(key: TestKey): Record<string, unknown> {
  return { alg: 'EdDSA', kid: key.kid, typ: 'countersign-statement+jws' };
}

/** One signature over a payload as it is on the wire; `header` replaces the protected header's text. */
export function signed(
  payload: string,
  key: TestKey,
  header: string = canonicalText(headerOf(key)),
): StatementSignature {
  const protectedHeader = base64url(header);
  const signature = sign(null, Buffer.from(`${protectedHeader}.${payload}`), key.privateKey);
  return { protected: protectedHeader, signature: signature.toString('base64url') };
}
