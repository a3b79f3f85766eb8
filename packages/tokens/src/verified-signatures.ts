/**
 * Signatures that verified before. That these bytes are signed by that key stays true, so a token that is shown
 * a thousand times is verified once; whether the key still counts, and the token, is asked each time elsewhere.
 */
import { createHash } from 'node:crypto';
import { type CompactJws, isSignedBy } from './compact-jws.ts';
import type { AsymmetricAlgorithm, PublicJwk } from './public-jwk.ts';

/** The oldest goes when there are more. */
const MOST = 4096;
const verified = new Set<string>();

/** As `isSignedBy`. @param kid thumbprint of `jwk`, which says which key it is (RFC 7638) */
export async function wasSignedBy(
  jws: CompactJws,
  alg: AsymmetricAlgorithm,
  { jwk, kid }: { readonly jwk: PublicJwk; readonly kid: string },
): Promise<boolean> {
  const name = createHash('sha256').update(`${alg} ${kid} ${jws.text}`).digest('base64');
  if (verified.has(name)) return true;
  if (!(await isSignedBy(jws, alg, jwk))) return false;
  verified.add(name);
  const [oldest] = verified;
  if (verified.size > MOST && oldest !== undefined) verified.delete(oldest);
  return true;
}
