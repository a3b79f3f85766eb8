/** Statements on the wire: what is no envelope, no key and no signature is told from what is. */
import { Secret } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import {
  canonicalBytes,
  decodeStatement,
  parseEnvelope,
  shapeProblem,
  signerOf,
  signStatement,
  verifySignature,
} from '../src/index.ts';
import { environmentBody } from './support/bodies.ts';
import { Deployment, payloadOf } from './support/deployment.ts';
import { base64url, canonicalText, keyOf, sha256, signed } from './support/device-keys.ts';

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

describe('the protected header of a signature', () => {
  const header = { alg: 'EdDSA', kid: alice.kid, typ: 'countersign-statement+jws' };
  const named = (value: unknown) =>
    signerOf({ protected: base64url(canonicalText(value)), signature: '' });

  test('names its key', () => {
    expect(signerOf(signed(payload, alice))).toBe(alice.kid);
  });

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a number', 1],
    ['a list', []],
    ['one without a key', { ...header, kid: undefined }],
    ['one whose key is no text', { ...header, kid: Array(43).fill('a') }],
    ['one whose key is no thumbprint', { ...header, kid: `${alice.kid}a` }],
    ['one of another algorithm', { ...header, alg: 'none' }],
    ['one of another type', { ...header, typ: 'JWT' }],
    ['one with more to it', { ...header, b64: true }],
  ])('is not %s', (_name, value) => {
    expect(() => named(JSON.parse(JSON.stringify(value)))).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: expect.stringMatching(/protected header is exactly/),
      }),
    );
  });
});

describe('bytes', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['a second spelling', () => decodeStatement('AB'), /not canonical base64url/],
    ['a lone surrogate', () => canonicalBytes({ a: '\ud800' }), /has no RFC 8785 form/],
    ['nothing at all', () => canonicalBytes(undefined), /has no RFC 8785 form/],
    ['what is no number', () => canonicalBytes(Number.NaN), /has no RFC 8785 form/],
  ])('are not those of %s', (_name, made, words) => {
    expect(made).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: expect.stringMatching(words),
      }),
    );
  });

  test('are told by where they are wrong', () => {
    const issues = [{ path: ['body', 'groups', 0], message: 'too long' }];
    expect(shapeProblem({ issues })).toBe('body.groups.0: too long');
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
