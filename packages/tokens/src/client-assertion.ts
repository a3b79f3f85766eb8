import {
  type AssertionExpectation,
  describeAssertionRefusal,
  type OpenAssertion,
  openAssertion,
  peekSubject,
} from './assertion.ts';
import { isSignedBy } from './compact-jws.ts';
import {
  type AsymmetricAlgorithm,
  fits,
  type JwkSet,
  type PublicJwk,
  thumbprint,
} from './public-jwk.ts';
import { demand, Refusal, refuseAs } from './refusal.ts';

/**
 * How an agent proves who it is at the token endpoint: `private_key_jwt`, RFC 7523 section 2.2. The
 * caller must refuse a `jti` it has seen from this client until `expiresAt`.
 */
export interface ClientAssertionExpectation extends AssertionExpectation {
  /** What the caller looked up by, from `peekClientId` or the request's `client_id`. */
  readonly clientId: string;
  /** The agent's registered keys; empty for an agent that does not exist. */
  readonly jwks: JwkSet;
}

export interface ClientAssertion {
  readonly clientId: string;
  readonly jti: string;
  /** Milliseconds since the epoch until which the `jti` must be remembered. */
  readonly expiresAt: number;
  /** RFC 7638 thumbprint of the key that signed. */
  readonly thumbprint: string;
}

/** Milliseconds. */
const MAX_LIFE = 10 * 60_000;
const MAX_KEYS = 4;

/**
 * Verifies a client assertion, RFC 7523 section 3: `iss` = `sub` = `clientId`, `aud` one string, the
 * issuer (or token endpoint), `exp` at most ten minutes ahead of `now` (ms), `jti`, `typ` absent, `JWT` or
 * `client-authentication+jwt`, signed by a registered key with `EdDSA`, `Ed25519` or `ES256`.
 *
 * Call it for an unknown agent too, with no keys: it then costs one verification like any other.
 *
 * Throws CountersignError `unauthenticated`, always with the same message; the reason is its cause.
 */
export function verifyClientAssertion(
  assertion: string,
  expected: ClientAssertionExpectation,
): Promise<ClientAssertion> {
  return refuseAs('unauthenticated', describeAssertionRefusal, async () => {
    const typs = [undefined, 'JWT', 'client-authentication+jwt'];
    const opened = openAssertion(assertion, { typs, maxLife: MAX_LIFE }, expected);
    demand(opened.subject === expected.clientId, 'it is of another client');
    const signer = await findSigner(opened, expected.jwks);
    return {
      clientId: opened.subject,
      jti: opened.jti,
      expiresAt: opened.expiresAt,
      thumbprint: await thumbprint(signer),
    };
  });
}

/**
 * The client id an assertion claims, unverified: good for finding the agent, for nothing else.
 *
 * Throws CountersignError `unauthenticated`.
 */
export function peekClientId(assertion: string): string {
  return peekSubject(assertion);
}

async function findSigner(opened: OpenAssertion, jwks: JwkSet): Promise<PublicJwk> {
  const { jws, alg, kid } = opened;
  const candidates = jwks.keys.filter((jwk) => fits(alg, jwk)).slice(0, MAX_KEYS);
  for (const jwk of await narrowByKid(candidates, kid)) {
    if (await isSignedBy(jws, alg, jwk)) return jwk;
  }
  if (candidates.length === 0) await isSignedBy(jws, alg, decoyFor(alg));
  throw new Refusal('no registered key has signed it');
}

/** A `kid` that is a thumbprint leaves that key alone; any other is the client's own name and says nothing. */
async function narrowByKid(candidates: PublicJwk[], kid: string | undefined): Promise<PublicJwk[]> {
  for (const jwk of candidates) {
    if ((await thumbprint(jwk)) === kid) return [jwk];
  }
  return candidates;
}

/** So that no key takes as long as a wrong one. The result is never looked at: these halves are published. */
function decoyFor(alg: AsymmetricAlgorithm): PublicJwk {
  return alg === 'ES256' ? P256_DECOY : ED25519_DECOY;
}

/** RFC 8037 appendix A.2. */
const ED25519_DECOY: PublicJwk = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};
/** RFC 7515 appendix A.3.1. */
const P256_DECOY: PublicJwk = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
