/**
 * Statements on the wire: canonical bytes in a JWS General JSON envelope (RFC 7515 section 7.2.1).
 * Each signature is verified by itself under the key its `kid` names; nothing here counts humans.
 */
import {
  Envelope,
  MAX_STATEMENT_BYTES,
  STATEMENT_SIGNATURE_TYPE,
  Statement,
  type StatementSignature,
} from '@countersign/contract';
import { CountersignError, inputError, type Secret } from '@countersign/core';
import { calculateJwkThumbprint, FlattenedSign, flattenedVerify, importJWK } from 'jose';
import { bytesOfBase64Url, canonicalBytes, digestOf, parseCanonical } from './canonical.ts';

type PublicKeyJwk =
  | { readonly kty: 'OKP'; readonly crv: string; readonly x: string }
  | { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string };

export type DeviceKey = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };

/** A statement as read from an envelope: its bytes are canonical and its shape is known. One is kept for each. */
export interface DecodedStatement {
  readonly statement: Statement;
  /** base64url SHA-256 of the bytes. Of genesis, this is the broker's fingerprint. */
  readonly digest: string;
  /** base64url of the bytes, as in the envelope. */
  readonly payload: string;
}

/** The first readable line of a zod error: where, and what was wrong. */
export function shapeProblem(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'not of the expected shape';
  const where = issue.path.map(String).join('.');
  return where === '' ? issue.message : `${where}: ${issue.message}`;
}

/** @throws CountersignError `invalid_request`, `too_large` */
export function decodeStatement(payload: string): DecodedStatement {
  const bytes = bytesOfBase64Url(payload);
  if (bytes.length > MAX_STATEMENT_BYTES) {
    throw inputError('too_large', `A statement is at most ${MAX_STATEMENT_BYTES} bytes.`);
  }
  const parsed = Statement.safeParse(parseCanonical(bytes));
  if (!parsed.success) {
    throw inputError(
      'invalid_request',
      `The statement does not have its kind's shape: ${shapeProblem(parsed.error)}.`,
    );
  }
  // What was signed is what runs: a member that the shape dropped (`__proto__`) was signed, and is not here.
  if (!Buffer.from(canonicalBytes(parsed.data)).equals(Buffer.from(bytes))) {
    throw inputError('invalid_request', 'The statement holds a member that cannot be read back.');
  }
  return { statement: parsed.data, digest: digestOf(bytes), payload };
}

/** The canonical bytes of a statement about to be signed. @throws CountersignError as `decodeStatement` */
export function encodeStatement(statement: Statement): DecodedStatement {
  return decodeStatement(Buffer.from(canonicalBytes(statement)).toString('base64url'));
}

/** @throws CountersignError `invalid_request` */
export function parseEnvelope(value: unknown): Envelope {
  const parsed = Envelope.safeParse(value);
  if (!parsed.success) {
    throw inputError('invalid_request', `Not a statement envelope: ${shapeProblem(parsed.error)}.`);
  }
  return parsed.data;
}

/** RFC 7638 thumbprint, SHA-256, base64url. */
export async function thumbprintOf(jwk: PublicKeyJwk): Promise<string> {
  return await calculateJwkThumbprint(jwk, 'sha256');
}

/** The `kid` of a signature whose protected header is exactly `{alg, kid, typ}` in canonical form. */
export function signerOf(signature: StatementSignature): string {
  const header = parseCanonical(bytesOfBase64Url(signature.protected));
  if (
    typeof header !== 'object' ||
    header === null ||
    Object.keys(header).join() !== 'alg,kid,typ' ||
    !('alg' in header && header.alg === 'EdDSA') ||
    !('typ' in header && header.typ === STATEMENT_SIGNATURE_TYPE) ||
    !('kid' in header && typeof header.kid === 'string' && header.kid.length === 43)
  ) {
    throw inputError(
      'invalid_request',
      `A signature's protected header is exactly {"alg":"EdDSA","kid":<thumbprint>,"typ":"${STATEMENT_SIGNATURE_TYPE}"}.`,
    );
  }
  return header.kid;
}

/** True when the signature over the payload verifies under this key. Never throws. */
export async function verifySignature(
  payload: string,
  signature: StatementSignature,
  key: DeviceKey,
): Promise<boolean> {
  try {
    bytesOfBase64Url(signature.signature);
    const verified = await flattenedVerify(
      { payload, protected: signature.protected, signature: signature.signature },
      await importJWK({ kty: key.kty, crv: key.crv, x: key.x }, 'EdDSA'),
      { algorithms: ['EdDSA'] },
    );
    return verified.payload.length > 0;
  } catch {
    return false;
  }
}

/** Signs a statement's bytes with a device key. The private JWK is opened here only. */
export async function signStatement(
  decoded: DecodedStatement,
  privateJwk: Secret,
): Promise<StatementSignature> {
  const jwk: unknown = JSON.parse(privateJwk.reveal());
  if (!isPrivateDeviceKey(jwk)) {
    throw new CountersignError('invalid_request', 'The device key is not an Ed25519 private key.');
  }
  const kid = await thumbprintOf({ kty: jwk.kty, crv: jwk.crv, x: jwk.x });
  const jws = await new FlattenedSign(bytesOfBase64Url(decoded.payload))
    .setProtectedHeader({ alg: 'EdDSA', kid, typ: STATEMENT_SIGNATURE_TYPE })
    .sign(await importJWK(jwk, 'EdDSA'));
  if (jws.protected === undefined) throw new Error('a flattened JWS without a protected header');
  return { protected: jws.protected, signature: jws.signature };
}

function isPrivateDeviceKey(
  jwk: unknown,
): jwk is { kty: 'OKP'; crv: 'Ed25519'; x: string; d: string } {
  return (
    typeof jwk === 'object' &&
    jwk !== null &&
    'kty' in jwk &&
    jwk.kty === 'OKP' &&
    'crv' in jwk &&
    jwk.crv === 'Ed25519' &&
    'x' in jwk &&
    typeof jwk.x === 'string' &&
    'd' in jwk &&
    typeof jwk.d === 'string'
  );
}

/** RFC 7638 thumbprints of the keys a statement introduces. */
export async function thumbprintsIn(statement: Statement): Promise<string[]> {
  switch (statement.kind) {
    case 'genesis':
    case 'human.enroll':
      return [await thumbprintOf(statement.body.key)];
    case 'recover':
      return [
        await thumbprintOf(statement.body.key),
        await thumbprintOf(statement.body.recovery_key),
      ];
    case 'agent.register':
    case 'agent.credential.set':
      return statement.body.auth.method === 'private_key_jwt'
        ? await Promise.all(statement.body.auth.jwks.keys.map(thumbprintOf))
        : [];
    default:
      return [];
  }
}
