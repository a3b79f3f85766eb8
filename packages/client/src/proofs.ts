/** The three short-lived JWTs by which a caller proves who it is. Each names its purpose in `typ`. */
import { createHash, randomUUID } from 'node:crypto';
import type { Secret } from '@countersign/core';
import { SignJWT } from 'jose';
import type { SigningKey } from './signing-key.ts';

/** Seconds. */
const SIGN_IN_LIFE = 120;
const CLIENT_ASSERTION_LIFE = 60;

/**
 * RFC 9449 section 4.2. `url` is the request's as the broker names itself; `now` in milliseconds.
 * Without an access token it is a proof for the token endpoint.
 */
export function dpopProof(
  key: SigningKey,
  request: {
    readonly method: string;
    readonly url: string;
    readonly now: number;
    readonly accessToken: Secret | null;
    /** Left out where the URL says what is asked; at the gateway the body does (`bdh`). */
    readonly body?: Uint8Array;
  },
): Promise<string> {
  const claims = {
    htm: request.method,
    htu: request.url,
    ...(request.accessToken === null ? {} : { ath: sha256(request.accessToken.reveal()) }),
    ...(request.body === undefined ? {} : { bdh: sha256(request.body) }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: key.alg, jwk: key.publicJwk })
    .setJti(randomUUID())
    .setIssuedAt(seconds(request.now))
    .sign(key.privateKey);
}

/** How a device key signs in: RFC 7523 section 2.1, with a `typ` no statement signature has. */
export function deviceAssertion(key: SigningKey, issuer: string, now: number): Promise<string> {
  return assertion(key, {
    typ: 'countersign-signin+jwt',
    subject: key.thumbprint,
    issuer,
    now,
    life: SIGN_IN_LIFE,
  });
}

/** `private_key_jwt`, RFC 7523 section 2.2. The client id is the agent's name. */
export function clientAssertion(
  key: SigningKey,
  agent: string,
  issuer: string,
  now: number,
): Promise<string> {
  return assertion(key, {
    typ: 'client-authentication+jwt',
    subject: agent,
    issuer,
    now,
    life: CLIENT_ASSERTION_LIFE,
  });
}

function assertion(
  key: SigningKey,
  said: {
    readonly typ: string;
    readonly subject: string;
    readonly issuer: string;
    readonly now: number;
    readonly life: number;
  },
): Promise<string> {
  const now = seconds(said.now);
  return new SignJWT()
    .setProtectedHeader({ alg: key.alg, kid: key.thumbprint, typ: said.typ })
    .setIssuer(said.subject)
    .setSubject(said.subject)
    .setAudience(said.issuer)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + said.life)
    .sign(key.privateKey);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url');
}
