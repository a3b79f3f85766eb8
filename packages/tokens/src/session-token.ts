import { z } from 'zod';
import {
  confirmationClaim,
  mintOwnToken,
  type OwnTokenExpectation,
  type OwnTokenKind,
  type RegisteredClaims,
  registeredClaims,
  thumbprintClaim,
  verifyOwnToken,
} from './own-token.ts';
import type { TokenSigner } from './signing-key.ts';

/**
 * A human's signed-in session. It may read and draft and nothing more (Law 1), is always bound to
 * the session's ephemeral key, and its `typ` keeps it from ever passing as an agent's access token.
 */
export interface SessionTokenClaims extends RegisteredClaims {
  /** Thumbprint of the device key that opened the session: revoking that key ends it. */
  readonly device_kid: string;
  /** The ephemeral key a sender must prove with DPoP, RFC 9449 section 6.1. */
  readonly cnf: { readonly jkt: string };
}

/** Seconds: a working day. */
const MAX_LIFE = 8 * 60 * 60;

const SESSION_TOKEN: OwnTokenKind<SessionTokenClaims> = {
  typ: 'countersign-session+jwt',
  maxLife: MAX_LIFE,
  claims: z.strictObject({
    ...registeredClaims,
    device_kid: thumbprintClaim,
    cnf: confirmationClaim,
  }),
};

/** Signs a session; `sub` is the human's id. Throws CountersignError `invalid_request`, `too_large`. */
export function mintSessionToken(signer: TokenSigner, claims: SessionTokenClaims): Promise<string> {
  return mintOwnToken(signer, SESSION_TOKEN, claims);
}

/**
 * Verifies a session as `verifyAccessToken` verifies an access token; `now` in ms. Whether the human
 * and the device key still stand, and the proof of `cnf.jkt`, are the caller's.
 *
 * Throws CountersignError `token_expired` for a session that was genuine, else `invalid_token`.
 */
export function verifySessionToken(
  token: string,
  expected: OwnTokenExpectation,
): Promise<SessionTokenClaims> {
  return verifyOwnToken(token, SESSION_TOKEN, expected);
}
