/** Client assertions by the thousand, signed before the clock starts. */
import { createPrivateKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { Secret } from '@countersign/core';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export interface AssertionKey {
  readonly privateKey: KeyObject;
  readonly kid: string;
}

export function assertionKey(privateJwk: Secret, kid: string): AssertionKey {
  return {
    privateKey: createPrivateKey({ key: JSON.parse(privateJwk.reveal()), format: 'jwk' }),
    kid,
  };
}

/** RFC 7523 `private_key_jwt`, EdDSA, good for 55 s: no longer than the strictest subject takes. */
export function assertion(key: AssertionKey, client: string, audience: string): string {
  const now = Math.floor(Date.now() / 1000);
  const header = encode({ alg: 'EdDSA', kid: key.kid, typ: 'client-authentication+jwt' });
  const claims = encode({
    iss: client,
    sub: client,
    aud: audience,
    jti: randomUUID(),
    iat: now,
    exp: now + 55,
  });
  const signature = sign(null, Buffer.from(`${header}.${claims}`), key.privateKey);
  return `${header}.${claims}.${signature.toString('base64url')}`;
}
