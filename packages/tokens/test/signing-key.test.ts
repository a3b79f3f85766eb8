import { inspect } from 'node:util';
import { Secret } from '@countersign/core';
import { jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { generateSigningKey, importSigner, thumbprint } from '../src/index.ts';
import { expectRefusal, newHolder, privateJwkOf } from './support.ts';

const generated = await generateSigningKey();
const members = JSON.parse(generated.privateJwk.reveal());

test('a generated key signs, after a round trip through storage, what its public half verifies', async () => {
  const signer = await importSigner(new Secret('stored', generated.privateJwk.reveal()));
  expect(signer.publicJwk).toEqual(generated.publicJwk);
  expect(signer.kid).toBe(await thumbprint(generated.publicJwk));
  const token = await signer.sign('at+jwt', { sub: 'a' });
  const verified = await jwtVerify(token, generated.publicJwk);
  expect(verified.protectedHeader).toEqual({ alg: 'EdDSA', kid: signer.kid, typ: 'at+jwt' });
  expect(verified.payload).toEqual({ sub: 'a' });
});

test('neither the key nor the signer shows the private half', async () => {
  const signer = await importSigner(generated.privateJwk);
  const shown = inspect([generated, signer], { depth: 9 }) + JSON.stringify([generated, signer]);
  expect(shown).not.toContain(members.d);
});

const other = await generateSigningKey();
const ec = await newHolder('P-256');
test.each([
  ['the public half alone', generated.publicJwk],
  ['the public half of another key', { ...members, x: other.publicJwk.x }],
  ['a P-256 key', privateJwkOf(ec)],
  ['a short d', { ...members, d: members.d.slice(4) }],
  ['null', null],
])('not a signing key: %s', async (_, jwk) => {
  await expectRefusal(importSigner(new Secret('k', JSON.stringify(jwk))), 'invalid_request');
});

test('a key that cannot be parsed is not quoted in the error', async () => {
  const attempt = importSigner(new Secret('k', `{"d":"${members.d}`));
  const error = await attempt.catch((it: unknown) => it);
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(members.d.slice(0, 6));
});
