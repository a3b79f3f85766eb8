/**
 * What a request shows to prove who sends it: one Authorization header and one DPoP proof, or nothing.
 * A repeated header arrives joined by a comma, which no token and no proof may hold.
 */
import type { Presented } from '@countersign/broker';
import { CountersignError } from '@countersign/core';

const MAX_TOKEN_LENGTH = 16_384;
const MAX_PROOF_LENGTH = 8192;
/** RFC 9110 section 11.4 with the token68 of RFC 6750 and RFC 9449. */
const AUTHORIZATION = /^(bearer|dpop) ([A-Za-z0-9\-._~+/]+=*)$/i;
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** `typ` of a human's session token. */
const SESSION_TYPE = 'countersign-session+jwt';

/** @throws CountersignError `invalid_token` when the header is not exactly one Bearer or DPoP token */
export function readAuthorization(headers: Headers): Pick<Presented, 'scheme' | 'token'> | null {
  const header = headers.get('authorization');
  if (header === null) return null;
  const [, scheme, token] =
    header.length > MAX_TOKEN_LENGTH ? [] : (AUTHORIZATION.exec(header) ?? []);
  if (scheme === undefined || token === undefined) {
    throw new CountersignError(
      'invalid_token',
      'The Authorization header must hold exactly one Bearer or DPoP token.',
    );
  }
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token };
}

/**
 * The DPoP proof, unverified (RFC 9449 section 4.3, check 1: not more than one).
 *
 * @throws CountersignError `sender_mismatch`
 */
export function readProof(headers: Headers): string | null {
  const header = headers.get('dpop');
  if (header === null) return null;
  if (header.length > MAX_PROOF_LENGTH || !COMPACT_JWS.test(header)) {
    throw new CountersignError('sender_mismatch', 'The DPoP header must hold exactly one proof.');
  }
  return header;
}

/**
 * Whether a token claims to be a session, by its unverified header: only chooses who verifies it, and
 * each verifier refuses the other's tokens.
 */
export function looksLikeSession(token: string): boolean {
  const encoded = token.slice(0, 1024).split('.', 1)[0] ?? '';
  try {
    const header: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString());
    return (
      typeof header === 'object' &&
      header !== null &&
      'typ' in header &&
      header.typ === SESSION_TYPE
    );
  } catch {
    return false;
  }
}
