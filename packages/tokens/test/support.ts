import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Code } from '@countersign/core';
import fc from 'fast-check';
import { expect } from 'vitest';
import { type PublicJwk, parsePublicJwk, thumbprint } from '../src/index.ts';

/**
 * Makes the tokens an attacker would make. Signatures come from node:crypto over exactly the text
 * given, so a test can write what no JOSE library would.
 */
export const NOW = Date.parse('2026-11-20T12:00:00.000Z');
export const NOW_S = NOW / 1000;
export const ISSUER = 'https://broker.example';
export const TOKEN_ENDPOINT = 'https://broker.example/oauth/token';

export interface Holder {
  readonly alg: 'EdDSA' | 'ES256';
  readonly jwk: PublicJwk;
  readonly kid: string;
  readonly privateKey: KeyObject;
}

export async function newHolder(crv: 'Ed25519' | 'P-256' = 'Ed25519'): Promise<Holder> {
  const pair =
    crv === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = parsePublicJwk(pair.publicKey.export({ format: 'jwk' }));
  const alg = crv === 'Ed25519' ? 'EdDSA' : 'ES256';
  return { alg, jwk, kid: await thumbprint(jwk), privateKey: pair.privateKey };
}

/** The private half, as an embedded `jwk` would leak it. */
export function privateJwkOf(holder: Holder): object {
  return holder.privateKey.export({ format: 'jwk' });
}

export type Part = object | string;

export function encode(part: Part): string {
  const text = typeof part === 'string' ? part : JSON.stringify(part);
  return Buffer.from(text).toString('base64url');
}

/** A compact JWS over exactly these parts; strings are taken as the JSON text itself. */
export function forge(header: Part, payload: Part, holder: Holder): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature =
    holder.alg === 'ES256'
      ? sign('sha256', Buffer.from(input), { key: holder.privateKey, dsaEncoding: 'ieee-p1363' })
      : sign(null, Buffer.from(input), holder.privateKey);
  return `${input}.${signature.toString('base64url')}`;
}

/** HS256 with bytes everyone knows as the secret. */
export function forgeHmac(header: Part, payload: Part, secret: string): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** The JSON of `value` with one more `"key":…` member in front, so that the genuine one wins in JSON.parse. */
export function withDuplicate(value: object, key: string, planted: unknown): string {
  return `{"${key}":${JSON.stringify(planted)},${JSON.stringify(value).slice(1)}`;
}

export async function expectRefusal(attempt: Promise<unknown>, code: Code, why?: RegExp) {
  const error = await attempt.then(
    () => expect.fail('accepted what must be refused'),
    (refusal: unknown) => refusal,
  );
  expect(error).toMatchObject({ name: 'CountersignError', code });
  if (why !== undefined) expect(error).toHaveProperty('message', expect.stringMatching(why));
}

/** The law of every kind of token: change one character, wherever, and it is refused. */
export function everyMutationIsRefused(
  token: string,
  verify: (token: string) => Promise<unknown>,
): Promise<void> {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n,"';
  return fc.assert(
    fc.asyncProperty(
      fc.nat(token.length - 1),
      fc.constantFrom(...alphabet, ''),
      fc.constantFrom('replace', 'insert'),
      async (at, character, how) => {
        const tail = token.slice(how === 'replace' ? at + 1 : at);
        const mutated = token.slice(0, at) + character + tail;
        fc.pre(mutated !== token);
        await expect(verify(mutated)).rejects.toMatchObject({ name: 'CountersignError' });
      },
    ),
    { numRuns: 300 },
  );
}

/** The unused bits of the last character, all of them: same bytes to a lenient decoder. */
export function lastCharacterVariants(token: string): string[] {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return [...alphabet].map((last) => token.slice(0, -1) + last).filter((it) => it !== token);
}
