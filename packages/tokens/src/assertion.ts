import { z } from 'zod';
import { rememberUntil } from './clock-skew.ts';
import { type CompactJws, parseCompactJws } from './compact-jws.ts';
import { ASYMMETRIC_ALGORITHMS, type AsymmetricAlgorithm } from './public-jwk.ts';
import { demand, demandShape, toDenial } from './refusal.ts';

/**
 * What client assertions and device sign-ins share: a short-lived JWT by which the holder of a
 * registered key says who it is, to this broker and no other (RFC 7523 section 3).
 */
export interface AssertionExpectation {
  /** The broker's issuer identifier, the audience to use. */
  readonly issuer: string;
  /** Accepted as audience for older clients. */
  readonly tokenEndpoint: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface OpenAssertion {
  readonly jws: CompactJws;
  readonly alg: AsymmetricAlgorithm;
  readonly kid: string | undefined;
  readonly subject: string;
  readonly jti: string;
  /** Milliseconds: see `rememberUntil`. */
  readonly expiresAt: number;
}

/** Longest assertion in characters. */
const MAX_LENGTH = 8 * 1024;
/** Milliseconds by which a client's clock may run ahead of ours. */
const CLIENT_SKEW = 30_000;

const numericDate = z
  .number()
  .positive()
  .max(Number.MAX_SAFE_INTEGER / 1000);

const headerShape = z.strictObject({
  alg: z.enum(ASYMMETRIC_ALGORITHMS),
  kid: z.string().min(1).max(256).optional(),
  typ: z.string().optional(),
});

/** Text: what is no Unicode, or holds U+0000, cannot be looked up or remembered as it was sent. */
const text = z
  .string()
  .min(1)
  .max(256)
  .refine((value) => value.isWellFormed() && !value.includes('\0'));

const claimsShape = z.looseObject({
  iss: text,
  sub: text,
  aud: z.string(),
  exp: numericDate,
  iat: numericDate.optional(),
  nbf: numericDate.optional(),
  jti: text,
});

const subjectShape = claimsShape.pick({ iss: true, sub: true });

/** One message for every reason: it says nothing of which agents, humans or keys exist. */
export const describeAssertionRefusal = () => 'The assertion was not accepted.';

/**
 * Every check that needs no key, so that a stranger and a known client fail alike. The header holds
 * `alg`, `kid`, `typ` and nothing else. `maxLife` in milliseconds from now. Throws Refusal.
 */
export function openAssertion(
  assertion: unknown,
  rules: { readonly typs: readonly (string | undefined)[]; readonly maxLife: number },
  expected: AssertionExpectation,
): OpenAssertion {
  const { now } = expected;
  demand(Number.isFinite(now), 'the time is not known');
  const jws = parseCompactJws(assertion, MAX_LENGTH);
  const header = demandShape(headerShape, jws.header, 'header');
  demand(rules.typs.includes(header.typ), 'its typ is that of another kind of token');

  const claims = demandShape(claimsShape, jws.claims, 'claims');
  demand(claims.iss === claims.sub, 'its iss and sub differ');
  demand(
    claims.aud === expected.issuer || claims.aud === expected.tokenEndpoint,
    'its aud is another audience',
  );
  const expiry = claims.exp * 1000;
  demand(now < expiry, 'it has expired');
  demand(expiry <= now + rules.maxLife, 'its life is too long');
  for (const start of [claims.iat, claims.nbf]) {
    demand(start === undefined || start * 1000 <= now + CLIENT_SKEW, 'it is not valid yet');
  }
  return {
    jws,
    alg: header.alg,
    kid: header.kid,
    subject: claims.sub,
    jti: claims.jti,
    expiresAt: rememberUntil(expiry),
  };
}

/** `iss` = `sub` of an assertion nobody has verified: a name to look up, never an identity. */
export function peekSubject(assertion: unknown): string {
  try {
    const { claims } = parseCompactJws(assertion, MAX_LENGTH);
    const { iss, sub } = demandShape(subjectShape, claims, 'claims');
    demand(iss === sub, 'its iss and sub differ');
    return sub;
  } catch (error) {
    throw toDenial(error, 'unauthenticated', describeAssertionRefusal);
  }
}
