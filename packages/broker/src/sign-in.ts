/** A human signs in with a device key (RFC 7523): a DPoP-bound session that may read and draft. */

import { signingHuman } from '@countersign/authority';
import { CountersignError, Secret, toInstant, uuidv7 } from '@countersign/core';
import { mintSessionToken, peekDeviceKid, verifyDeviceAssertion } from '@countersign/tokens';
import { Unauthenticated, verifyShownKey } from './authenticate.ts';
import { entryIntent } from './denial-log.ts';
import { startedInTime, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import type { Decided, Session, SignInInput } from './use-cases.ts';

/** Seconds. */
const SESSION_LIFE = 8 * 3600;
const ATTEMPTS = 8;

export async function signIn(deps: Deps, input: SignInInput): Promise<Decided<Session>> {
  const tokenEndpoint = `${deps.issuer}/oauth/token`;
  const refuse = (): never => {
    deps.denials.unauthenticated('unauthenticated');
    throw new Unauthenticated(
      'unauthenticated',
      'This key may not sign in here: not enrolled yet, revoked, or the assertion is not by it.',
    );
  };
  if (input.proof === null) {
    throw new CountersignError(
      'invalid_request',
      'A session is bound to a key: send a DPoP proof.',
    );
  }
  const shown = await verifyShownKey(deps, input.proof, { method: 'POST', url: input.url });
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { version, state } = deps.authority;
    const now = deps.clock.now();
    let kid = '';
    try {
      kid = peekDeviceKid(input.assertion);
    } catch {
      return refuse();
    }
    const key = state.keys.get(kid);
    const human = signingHuman(state, kid);
    if (key === undefined || human === null) return refuse();
    const assertion = await verifyDeviceAssertion(input.assertion, {
      issuer: deps.issuer,
      tokenEndpoint,
      jwk: key.jwk,
      now,
    }).catch(() => null);
    if (assertion === null) return refuse();
    const iat = Math.floor(now / 1000);
    const jti = uuidv7(deps.clock, deps.random);
    const decision = uuidv7(deps.clock, deps.random);
    const [outcome] = await deps.journal.commit([
      {
        ...entryIntent(
          decision,
          'session.opened',
          {
            human: human.id,
            kid,
            session: { jti, jkt: shown.jkt, expires_at: toInstant((iat + SESSION_LIFE) * 1000) },
          },
          [{ id: `device/${kid}/${assertion.jti}`, expiresAt: assertion.expiresAt }, shown.once],
        ),
        authorityVersion: version,
      },
    ]);
    if (outcome?.outcome === 'stale') {
      await deps.authority.refresh();
      continue;
    }
    if (outcome?.outcome === 'replayed') {
      throw new Unauthenticated('replayed', 'This assertion or proof was used before.');
    }
    if (outcome?.outcome !== 'committed') throw UNAVAILABLE();
    startedInTime(deps, outcome.time);
    const token = await mintSessionToken(deps.tokenSigner, {
      iss: deps.issuer,
      sub: human.id,
      aud: deps.issuer,
      iat,
      nbf: iat,
      exp: iat + SESSION_LIFE,
      jti,
      device_kid: kid,
      cnf: { jkt: shown.jkt },
    });
    return {
      allowed: true,
      decision,
      value: { accessToken: new Secret('session token', token), expiresIn: SESSION_LIFE },
    };
  }
  throw UNAVAILABLE();
}
