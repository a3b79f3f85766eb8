import { Secret } from '@countersign/core';
import { type AccessTokenClaims, importSigner, type SessionTokenClaims } from '../src/index.ts';
import { ISSUER, NOW, NOW_S, newHolder, privateJwkOf } from './support.ts';

/** One broker with a present and a retired key, and the claims it would put in each kind of token. */
export const broker = await newHolder();
export const retired = await newHolder();
export const stranger = await newHolder();
export const signer = await importSigner(new Secret('k', JSON.stringify(privateJwkOf(broker))));
export const expected = { keys: { keys: [retired.jwk, broker.jwk] }, issuer: ISSUER, now: NOW };
export const header = { alg: 'EdDSA', kid: broker.kid, typ: 'at+jwt' };

export const accessClaims: AccessTokenClaims = {
  iss: ISSUER,
  sub: 'agent-1',
  aud: ISSUER,
  exp: NOW_S + 300,
  iat: NOW_S,
  nbf: NOW_S,
  jti: 'token-1',
  client_id: 'agent-1',
  authorization_details: [
    {
      type: 'countersign',
      connection: 'pg',
      environment: 'staging',
      operations: ['postgres:select'],
      resources: ['public.orders'],
    },
  ],
  cnf: { jkt: stranger.kid },
  act: { sub: 'agent-2', act: { sub: 'agent-1' } },
  grants: ['0198a000-0000-7000-8000-000000000000'],
};
export const sessionClaims: SessionTokenClaims = {
  iss: ISSUER,
  sub: 'human-1',
  aud: ISSUER,
  exp: NOW_S + 8 * 3600,
  iat: NOW_S,
  nbf: NOW_S,
  jti: 'session-1',
  device_kid: stranger.kid,
  cnf: { jkt: retired.kid },
};
