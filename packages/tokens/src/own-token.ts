import { CountersignError, inputError } from '@countersign/core';
import { z } from 'zod';
import { REPLICA_SKEW } from './clock-skew.ts';
import { parseCompactJws, parseJwsHeader } from './compact-jws.ts';
import { fits, type JwkSet, keyNamed } from './public-jwk.ts';
import { demand, demandShape, Refusal, refuseAs } from './refusal.ts';
import type { TokenSigner } from './signing-key.ts';
import { wasSignedBy } from './verified-signatures.ts';

/**
 * JWTs that the broker itself mints and is the only audience of. One strict path for all kinds; the
 * kinds differ in `typ`, claims and longest life, and none ever verifies as another (RFC 8725 3.11).
 */
export interface OwnTokenKind<Claims extends RegisteredClaims> {
  readonly typ: string;
  /** Seconds from `iat` to `exp`. */
  readonly maxLife: number;
  readonly claims: z.ZodType<Claims>;
}

/** RFC 7519 section 4.1, all required here. Times in whole seconds since the epoch. */
export interface RegisteredClaims {
  readonly iss: string;
  readonly sub: string;
  /** One string, equal to `iss`: the broker is the only audience of its tokens. */
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
}

/** What a token is verified against. `now` in milliseconds since the epoch. */
export interface OwnTokenExpectation {
  /** The broker's keys; a token's `kid` must be the thumbprint of one. */
  readonly keys: JwkSet;
  readonly issuer: string;
  readonly now: number;
}

/** Longest token in characters, minted or accepted. */
const MAX_LENGTH = 16 * 1024;

const seconds = z.int().min(1);
export const thumbprintClaim = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
export const idClaim = z.string().min(1).max(256);

export const registeredClaims = {
  iss: z.string().min(1).max(2048),
  sub: idClaim,
  aud: z.string().min(1).max(2048),
  exp: seconds,
  iat: seconds,
  nbf: seconds,
  jti: idClaim,
};

// Exactly these members: `crit`, `jwk`, `jku`, `x5u`, `x5c`, `b64` are refused unread.
const headerShape = z.strictObject({
  alg: z.literal('EdDSA'),
  kid: thumbprintClaim,
  typ: z.string(),
});

export const confirmationClaim = z.strictObject({ jkt: thumbprintClaim });

/** Signs claims that would verify, and no others. Throws CountersignError `invalid_request`, `too_large`. */
export async function mintOwnToken<Claims extends RegisteredClaims>(
  signer: TokenSigner,
  kind: OwnTokenKind<Claims>,
  claims: Claims,
): Promise<string> {
  try {
    demandClaims(kind, claims, claims.iss);
  } catch (error) {
    const why = error instanceof Refusal ? error.message : 'the claims could not be checked';
    throw inputError('invalid_request', `No ${kind.typ} can be minted: ${why}.`);
  }
  const token = signer.sign(kind.typ, claims);
  if (token.length > MAX_LENGTH) {
    throw inputError('too_large', `The ${kind.typ} would be too long: ask for fewer operations.`);
  }
  return token;
}

/** The claims of a token that is genuine and alive. Throws CountersignError `invalid_token`, `token_expired`. */
export function verifyOwnToken<Claims extends RegisteredClaims>(
  token: string,
  kind: OwnTokenKind<Claims>,
  expected: OwnTokenExpectation,
): Promise<Claims> {
  return refuseAs('invalid_token', describe, async () => {
    demand(Number.isFinite(expected.now), 'the time is not known');
    // Said apart: what comes in its place is most often a provider's own credential.
    demand(
      token.split('.', 4).length === 3,
      "it is none of this broker's. Ask its token endpoint for one",
    );
    const jws = parseCompactJws(token, MAX_LENGTH);
    const header = demandShape(headerShape, jws.header, 'header');
    demand(header.typ === kind.typ, 'its typ is that of another kind of token');
    const jwk = await keyNamed(expected.keys, header.kid);
    demand(jwk !== undefined && fits(header.alg, jwk), 'its kid names no key of this broker');
    const isSigned = await wasSignedBy(jws, header.alg, { jwk, kid: header.kid });
    demand(isSigned, 'its signature does not verify');

    const claims = demandClaims(kind, jws.claims, expected.issuer);
    demand(claims.nbf * 1000 <= expected.now + REPLICA_SKEW, 'it is not valid yet');
    // Last, so that only what was a genuine token is ever called expired. No leeway.
    if (expected.now >= claims.exp * 1000) {
      throw new CountersignError('token_expired', 'The token has expired: ask for a new one.');
    }
    return claims;
  });
}

/** The key a token names, unverified: good for looking whether it is known. Null for what names none. */
export function peekTokenKid(token: string): string | null {
  try {
    return headerShape.parse(parseJwsHeader(token, MAX_LENGTH)).kid;
  } catch {
    return null;
  }
}

function describe(why: string): string {
  return `The token was refused: ${why}.`;
}

function demandClaims<Claims extends RegisteredClaims>(
  kind: OwnTokenKind<Claims>,
  value: unknown,
  issuer: string,
): Claims {
  const claims = demandShape(kind.claims, value, 'claims');
  demand(claims.iss === issuer, 'its iss is another issuer');
  demand(claims.aud === issuer, 'its aud is another audience');
  demand(claims.iat <= claims.nbf && claims.nbf < claims.exp, 'its times contradict each other');
  demand(claims.exp - claims.iat <= kind.maxLife, 'its life is too long');
  return claims;
}
