/** How a human's device key opens a session: reading and drafting, bound to a key of its own (Law 1). */
import { JWT_BEARER } from '@countersign/contract';
import { Secret } from '@countersign/core';
import type { Client } from './client.ts';
import { notABroker } from './problem.ts';
import { deviceAssertion } from './proofs.ts';
import type { SigningKey } from './signing-key.ts';

export interface Session {
  readonly token: Secret;
  /** The session's ephemeral key, never the device key. */
  readonly key: SigningKey;
  /** Milliseconds. */
  readonly expiresAt: number;
}

/** @throws ProblemError `unauthenticated` for a key that is not enrolled, or not yet */
export async function signIn(
  client: Client,
  keys: { readonly device: SigningKey; readonly session: SigningKey },
): Promise<Session> {
  const now = client.clock.now();
  const assertion = await deviceAssertion(keys.device, await client.issuer(), now);
  const answer = await client.token({ body: { grant_type: JWT_BEARER, assertion } }, keys.session);
  if (answer.token_type !== 'DPoP') throw notABroker('the session is not bound to its key');
  return {
    token: new Secret('session', answer.access_token),
    key: keys.session,
    expiresAt: now + answer.expires_in * 1000,
  };
}
