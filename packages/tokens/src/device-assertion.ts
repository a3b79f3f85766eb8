import {
  type AssertionExpectation,
  describeAssertionRefusal,
  openAssertion,
  peekSubject,
} from './assertion.ts';
import { isSignedBy } from './compact-jws.ts';
import { fits, type PublicJwk, thumbprint } from './public-jwk.ts';
import { demand, refuseAs } from './refusal.ts';

/**
 * How a human's device key signs in: the jwt-bearer grant, RFC 7523 section 2.1. The same key signs
 * statements, so a `typ` of its own is demanded: neither signature can be used as the other.
 */
export interface DeviceAssertion {
  /** RFC 7638 thumbprint of the device key. */
  readonly kid: string;
  readonly jti: string;
  /** Milliseconds since the epoch until which the `jti` must be remembered. */
  readonly expiresAt: number;
}

export interface DeviceAssertionExpectation extends AssertionExpectation {
  /** The enrolled device key that `peekDeviceKid` led to. */
  readonly jwk: PublicJwk;
}

/** Milliseconds. */
const MAX_LIFE = 5 * 60_000;

/**
 * Verifies a sign-in: header exactly `{alg, kid, typ: "countersign-signin+jwt"}`, `kid` = `iss` = `sub` =
 * the key's thumbprint, `aud` one string, the issuer (or token endpoint), `jti`, `exp` at most five minutes
 * ahead of `now` (ms). The caller must refuse a `jti` it has seen until `expiresAt`.
 *
 * Throws CountersignError `unauthenticated`, always with the same message; the reason is its cause.
 */
export function verifyDeviceAssertion(
  assertion: string,
  expected: DeviceAssertionExpectation,
): Promise<DeviceAssertion> {
  return refuseAs('unauthenticated', describeAssertionRefusal, async () => {
    const rules = { typs: ['countersign-signin+jwt'], maxLife: MAX_LIFE };
    const opened = openAssertion(assertion, rules, expected);
    const kid = await thumbprint(expected.jwk);
    demand(opened.subject === kid && opened.kid === kid, 'it is of another key');
    demand(fits(opened.alg, expected.jwk), 'its alg does not fit the key');
    demand(await isSignedBy(opened.jws, opened.alg, expected.jwk), 'its signature does not verify');
    return { kid, jti: opened.jti, expiresAt: opened.expiresAt };
  });
}

/**
 * The thumbprint a sign-in claims, unverified: good for finding the enrolled key, for nothing else.
 *
 * Throws CountersignError `unauthenticated`.
 */
export function peekDeviceKid(assertion: string): string {
  return peekSubject(assertion);
}
