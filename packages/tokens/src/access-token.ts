import { z } from 'zod';
import {
  confirmationClaim,
  idClaim,
  mintOwnToken,
  type OwnTokenExpectation,
  type OwnTokenKind,
  type RegisteredClaims,
  registeredClaims,
  verifyOwnToken,
} from './own-token.ts';
import type { TokenSigner } from './signing-key.ts';

/**
 * Access tokens, RFC 9068. A token points to authority and is never authority itself: `grants` and
 * `authorization_details` say where to look, the decision looks afresh each time.
 */
export interface AccessTokenClaims extends RegisteredClaims {
  readonly client_id: string;
  /** As granted, RFC 9396 section 9.1. May be empty: enough to ask for more. */
  readonly authorization_details: readonly GrantedDetail[];
  /** The key a sender must prove with DPoP, RFC 9449 section 6.1. */
  readonly cnf?: { readonly jkt: string };
  /** Who acts, when delegated, RFC 8693 section 4.1; prior actors are nested. */
  readonly act?: Actor;
  /** Ids of the grants the token was minted from. */
  readonly grants: readonly string[];
}

/** Operations × resources of one connection in one environment. */
export interface GrantedDetail {
  readonly type: 'countersign';
  readonly connection: string;
  readonly environment: string;
  readonly operations?: readonly string[];
  readonly resources?: readonly string[];
}

export interface Actor {
  readonly sub: string;
  readonly act?: Actor;
}

/** Seconds. */
const MAX_LIFE = 900;
const MAX_ACTORS = 8;

const detail: z.ZodType<GrantedDetail> = z.strictObject({
  type: z.literal('countersign'),
  connection: idClaim,
  environment: idClaim,
  operations: z.array(idClaim).exactOptional(),
  resources: z.array(z.string().min(1).max(2048)).exactOptional(),
});

function actorOfDepth(depth: number): z.ZodType<Actor> {
  if (depth === 1) return z.strictObject({ sub: idClaim });
  return z.strictObject({ sub: idClaim, act: actorOfDepth(depth - 1).exactOptional() });
}

const ACCESS_TOKEN: OwnTokenKind<AccessTokenClaims> = {
  typ: 'at+jwt',
  maxLife: MAX_LIFE,
  claims: z.strictObject({
    ...registeredClaims,
    client_id: idClaim,
    authorization_details: z.array(detail),
    cnf: confirmationClaim.exactOptional(),
    act: actorOfDepth(MAX_ACTORS).exactOptional(),
    grants: z.array(idClaim),
  }),
};

/**
 * Signs an access token: `typ: at+jwt` (RFC 9068 section 2.1), EdDSA.
 *
 * Throws CountersignError `invalid_request` for claims that would not verify (a life over 900 s, an
 * audience that is not the issuer), `too_large` for a token over 16 KiB.
 */
export function mintAccessToken(signer: TokenSigner, claims: AccessTokenClaims): Promise<string> {
  return mintOwnToken(signer, ACCESS_TOKEN, claims);
}

/**
 * Verifies an access token, RFC 9068 section 4: header exactly `{alg, kid, typ}`, signed by a key of
 * the set, `iss` and `aud` this issuer, no claim unknown, alive at `now` (ms) with no leeway. Revocation
 * and the proof of `cnf.jkt` are the caller's.
 *
 * Throws CountersignError `token_expired` for a token that was genuine, else `invalid_token`.
 */
export function verifyAccessToken(
  token: string,
  expected: OwnTokenExpectation,
): Promise<AccessTokenClaims> {
  return verifyOwnToken(token, ACCESS_TOKEN, expected);
}
