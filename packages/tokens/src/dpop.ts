import { createHash } from 'node:crypto';
import { CountersignError } from '@countersign/core';
import { z } from 'zod';
import { rememberUntil } from './clock-skew.ts';
import { isSignedBy, parseCompactJws } from './compact-jws.ts';
import { normaliseHtu, normaliseRequestUrl } from './htu.ts';
import {
  ASYMMETRIC_ALGORITHMS,
  type AsymmetricAlgorithm,
  fits,
  type PublicJwk,
  parsePublicJwk,
  thumbprint,
} from './public-jwk.ts';
import { demand, demandShape, Refusal, refuseAs } from './refusal.ts';

/**
 * Proof of possession, RFC 9449: that whoever sends a request holds a key. A proof covers method and
 * URL, not the body, so the caller must refuse a `replayId` it has seen until `expiresAt`.
 */
export interface DpopExpectation {
  /** The request's method, as `htm` must spell it. */
  readonly method: string;
  /** The request's URL as this broker names itself, never as a Host header does. Query is ignored. */
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The access token sent with the proof: `ath` must be its hash. Absent: `ath` must be too. */
  readonly accessToken?: string;
  /** The token's `cnf.jkt`: the proof must be by this key. */
  readonly jkt?: string;
  /** The request's body, where the URL does not say what is asked: `bdh` must be its digest. */
  readonly body?: Uint8Array;
  /** Default: `EdDSA`, `Ed25519`, `ES256`. */
  readonly algorithms?: readonly AsymmetricAlgorithm[];
}

export interface DpopProof {
  /** RFC 7638 thumbprint of the key that signed. */
  readonly jkt: string;
  readonly jti: string;
  /** Seconds since the epoch, as the sender's clock said. */
  readonly iat: number;
  /** base64url SHA-256 of key, `jti` and URL: one proof, one id. */
  readonly replayId: string;
  /** Milliseconds since the epoch until which `replayId` must be remembered. */
  readonly expiresAt: number;
}

/** Longest proof in characters. */
const MAX_LENGTH = 8 * 1024;
/** Milliseconds. */
const MAX_AGE = 60_000;
/** Milliseconds. */
const MAX_AHEAD = 5_000;

// Exactly these members: `crit`, `kid`, `jku`, `x5c`, `b64` have no business in a proof.
const headerShape = z.strictObject({
  typ: z.literal('dpop+jwt'),
  alg: z.enum(ASYMMETRIC_ALGORITHMS),
  jwk: z.unknown(),
});

const claimsShape = z.looseObject({
  jti: z.string().min(1).max(256),
  htm: z.string(),
  htu: z.string().max(4096),
  iat: z
    .number()
    .positive()
    .max(Number.MAX_SAFE_INTEGER / 1000),
  ath: z.string().optional(),
  /** Ours, no member of RFC 9449: base64url SHA-256 of the body, which htm and htu do not cover. */
  bdh: z.string().optional(),
});

/**
 * Verifies the DPoP header of a request by the list of RFC 9449 section 4.3. `header` is its raw value:
 * exactly one is accepted, neither an array of two nor two joined by a comma. A proof is good from 5 s
 * ahead of `now` until 60 s behind.
 *
 * Throws CountersignError `sender_mismatch` when a genuine proof is bound to another key (`jkt`) or another
 * or no access token (`ath`), else `invalid_token` with the check that failed in its message (which the token
 * endpoint calls `invalid_dpop_proof`).
 */
export function verifyDpopProof(
  header: string | readonly string[] | undefined,
  request: DpopExpectation,
): Promise<DpopProof> {
  return refuseAs('invalid_token', describe, async () => {
    demand(Number.isFinite(request.now), 'the time is not known');
    const jws = parseCompactJws(theOneOf(header), MAX_LENGTH);
    const { alg, jwk: embedded } = demandShape(headerShape, jws.header, 'header');
    demand((request.algorithms ?? ASYMMETRIC_ALGORITHMS).includes(alg), 'its alg is not allowed');
    const jwk = readEmbeddedKey(embedded);
    demand(fits(alg, jwk), 'its alg does not fit its jwk');
    demand(await isSignedBy(jws, alg, jwk), 'its signature does not verify');

    const claims = demandShape(claimsShape, jws.claims, 'claims');
    demand(claims.htm === request.method, 'its htm is another method');
    const htu = normaliseHtu(claims.htu);
    demand(htu === normaliseRequestUrl(request.url), 'its htu is another URL');
    const issuedAt = claims.iat * 1000;
    demand(issuedAt <= request.now + MAX_AHEAD, 'its iat is ahead');
    demand(request.now < issuedAt + MAX_AGE, 'its iat is too old');

    const jkt = await thumbprint(jwk);
    demandBinding(claims.ath, jkt, request);
    demandBody(claims.bdh, request);
    return {
      jkt,
      jti: claims.jti,
      iat: claims.iat,
      replayId: digest(`${jkt}\0${claims.jti}${htu}`),
      expiresAt: rememberUntil(issuedAt + MAX_AGE),
    };
  });
}

function describe(why: string): string {
  return `The DPoP proof was refused: ${why}.`;
}

// Section 4.3 check 1. HTTP servers join repeated headers with a comma, which no JWS contains.
function theOneOf(header: string | readonly string[] | undefined): string {
  const values = typeof header === 'string' ? [header] : (header ?? []);
  const [only] = values;
  demand(only !== undefined, 'it is missing');
  demand(values.length === 1 && !only.includes(','), 'there is more than one');
  return only;
}

function readEmbeddedKey(embedded: unknown): PublicJwk {
  try {
    return parsePublicJwk(embedded);
  } catch {
    throw new Refusal('its jwk is not a public Ed25519 or P-256 key and nothing else');
  }
}

function demandBinding(ath: string | undefined, jkt: string, request: DpopExpectation): void {
  if (request.jkt !== undefined && jkt !== request.jkt) {
    throw mismatch('The DPoP proof was signed by another key than the token is bound to.');
  }
  if (request.accessToken === undefined) {
    demand(ath === undefined, 'its ath names a token that was not sent');
  } else if (ath !== digest(request.accessToken)) {
    throw mismatch('The DPoP proof does not name the access token it was sent with.');
  }
}

function demandBody(bdh: string | undefined, { body }: DpopExpectation): void {
  if (body === undefined) return;
  if (bdh !== createHash('sha256').update(body).digest('base64url')) {
    throw mismatch(
      'The DPoP proof does not name the body it was sent with: bdh is its SHA-256 in base64url.',
    );
  }
}

function mismatch(message: string): CountersignError {
  return new CountersignError('sender_mismatch', message);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
