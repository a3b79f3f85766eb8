/** Statements on the wire: what is no envelope, no key and no signature is told from what is. */
import { Secret } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import {
  decodeStatement,
  parseEnvelope,
  shapeProblem,
  signStatement,
  verifySignature,
} from '../src/index.ts';
import { environmentBody } from './support/bodies.ts';
import { Deployment, payloadOf } from './support/deployment.ts';
import { keyOf, sha256, signed } from './support/device-keys.ts';

const alice = keyOf('alice');
const broker = new Deployment();
const payload = payloadOf({
  ...broker.draft('environment.set', environmentBody('x', 'x')),
  broker: sha256('genesis'),
});

describe('an envelope', () => {
  test.each<[string, unknown, string]>([
    ['nothing', null, 'Not a statement envelope: Invalid input: expected object, received null.'],
    [
      'no signatures',
      { payload, assertions: [] },
      'Not a statement envelope: signatures: Invalid input: expected array, received undefined.',
    ],
  ])('is not %s', (_name, value, message) => {
    expect(() => parseEnvelope(value)).toThrow(
      expect.objectContaining({ code: 'invalid_request', message }),
    );
  });

  test('that is none for no reason is said to be of another shape', () => {
    expect(shapeProblem({ issues: [] })).toBe('not of the expected shape');
  });
});

describe('a device key', () => {
  const decoded = decodeStatement(payload);
  const own = JSON.parse(alice.privateJwk);

  test('signs, and what it signed verifies under it and under no other', async () => {
    const signature = await signStatement(decoded, new Secret('key', alice.privateJwk));
    expect(await verifySignature(payload, signature, alice.jwk)).toBe(true);
    expect(await verifySignature(payload, signature, keyOf('bob').jwk)).toBe(false);
    const spelled = { ...signature, signature: `${signature.signature}=` };
    expect(await verifySignature(payload, spelled, alice.jwk)).toBe(false);
    expect(await verifySignature('', signed('', alice), alice.jwk)).toBe(false);
  });

  test.each<[string, unknown]>([
    ['no object', 'x'],
    ['nothing', null],
    ['no type', { ...own, kty: undefined }],
    ['of another type', { ...own, kty: 'EC' }],
    ['no curve', { ...own, crv: undefined }],
    ['on another curve', { ...own, crv: 'X25519' }],
    ['no public half', { ...own, x: undefined }],
    ['a public half that is no text', { ...own, x: 1 }],
    ['no private half', { ...own, d: undefined }],
    ['a private half that is no text', { ...own, d: 1 }],
  ])('is not %s', async (_name, jwk) => {
    await expect(
      signStatement(decoded, new Secret('key', JSON.stringify(jwk))),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'The device key is not an Ed25519 private key.',
    });
  });
});
