/** A human signs in with a device key (RFC 7523): a DPoP-bound session that may read and draft. */

import { signingHuman } from '@countersign/authority';
import { CountersignError, Secret, toInstant, uuidv7 } from '@countersign/core';
import { mintSessionToken, peekDeviceKid, verifyDeviceAssertion } from '@countersign/tokens';
import { type ShownKey, Unauthenticated, verifyShownKey } from './authenticate.ts';
import { type At, type Attempt, decideAndCommit } from './decide-and-commit.ts';
import { requireStartBefore, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import type { Decided, Session, SignInInput } from './use-cases.ts';

/** Seconds. */
const SESSION_LIFE = 8 * 3600;

export async function signIn(deps: Deps, input: SignInInput): Promise<Decided<Session>> {
  if (input.proof === null) {
    throw new CountersignError(
      'invalid_request',
      'A session is bound to a key: send a DPoP proof.',
    );
  }
  const shown = await verifyShownKey(deps, input.proof, { method: 'POST', url: input.url });
  return await decideAndCommit(deps, async (at) => await attempt(deps, input.assertion, shown, at));
}

async function attempt(
  deps: Deps,
  assertion: string,
  shown: ShownKey,
  { now }: At,
): Promise<Attempt<Decided<Session>>> {
  const signer = await readAssertion(deps, assertion, now);
  const iat = Math.floor(now / 1000);
  const exp = iat + SESSION_LIFE;
  const jti = uuidv7(deps.clock, deps.random);
  const decision = uuidv7(deps.clock, deps.random);
  const body = {
    human: signer.human,
    kid: signer.kid,
    session: { jti, jkt: shown.jkt, expires_at: toInstant(exp * 1000) },
  };
  return {
    intent: entryIntent(decision, 'session.opened', body, [signer.once, shown.once]),
    async settle({ outcome }, deadline) {
      if (outcome === 'replayed') {
        throw new Unauthenticated('replayed', 'This assertion or proof was used before.');
      }
      if (outcome !== 'committed') throw UNAVAILABLE();
      const token = await mintSessionToken(deps.tokenKeys.signer(), {
        iss: deps.issuer,
        sub: signer.human,
        aud: deps.issuer,
        iat,
        nbf: iat,
        exp,
        jti,
        device_kid: signer.kid,
        cnf: { jkt: shown.jkt },
      });
      requireStartBefore(deadline);
      return {
        allowed: true,
        decision,
        value: { accessToken: new Secret('session token', token), expiresIn: SESSION_LIFE },
      };
    },
  };
}

/** Whose device key made the assertion. @throws Unauthenticated */
async function readAssertion(deps: Deps, text: string, now: number) {
  const { state } = deps.authority;
  try {
    const kid = peekDeviceKid(text);
    // Enrolled a moment ago on another replica: look once more before saying no.
    if (!state.keys.has(kid)) await deps.authority.refresh();
    const key = state.keys.get(kid);
    const human = signingHuman(state, kid);
    if (key !== undefined && human !== null) {
      const { jti, expiresAt } = await verifyDeviceAssertion(text, {
        issuer: deps.issuer,
        tokenEndpoint: `${deps.issuer}/oauth/token`,
        jwk: key.jwk,
        now,
      });
      return { kid, human: human.id, once: { id: `device/${kid}/${jti}`, expiresAt } };
    }
  } catch (error) {
    if (!(error instanceof CountersignError) || error.code === 'broker_unavailable') throw error;
  }
  deps.denials.unauthenticated('unauthenticated');
  throw new Unauthenticated(
    'unauthenticated',
    'This key may not sign in here: not enrolled yet, revoked, or the assertion is not by it.',
  );
}
