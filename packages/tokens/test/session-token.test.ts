import { describe, expect, test } from 'vitest';
import {
  mintAccessToken,
  mintSessionToken,
  verifyAccessToken,
  verifySessionToken,
} from '../src/index.ts';
import { accessClaims, broker, expected, header, sessionClaims, signer } from './own-tokens.ts';
import { everyMutationIsRefused, expectRefusal, forge, NOW_S } from './support.ts';

const session = { ...header, typ: 'countersign-session+jwt' };

test('a session of eight hours', async () => {
  const token = await mintSessionToken(signer, sessionClaims);
  expect(await verifySessionToken(token, expected)).toEqual(sessionClaims);
});

test('says its kind in its header', async () => {
  const [said = ''] = (await mintSessionToken(signer, sessionClaims)).split('.');
  expect(JSON.parse(Buffer.from(said, 'base64url').toString())).toEqual(session);
});

describe('kinds never stand in for each other', () => {
  test('a session is no access token', async () => {
    await expectRefusal(
      verifyAccessToken(await mintSessionToken(signer, sessionClaims), expected),
      'invalid_token',
      /typ/,
    );
  });
  test('an access token is no session', async () => {
    const token = await mintAccessToken(signer, accessClaims);
    await expectRefusal(verifySessionToken(token, expected), 'invalid_token', /typ/);
  });
  test('nor with the other typ', async () => {
    await expectRefusal(
      verifySessionToken(forge(session, accessClaims, broker), expected),
      'invalid_token',
    );
    await expectRefusal(
      verifyAccessToken(forge(header, sessionClaims, broker), expected),
      'invalid_token',
    );
  });
  test.each<[string, object]>([
    ['over eight hours', { exp: NOW_S + 8 * 3600 + 1 }],
    ['unbound', { cnf: undefined }],
    ['without device key', { device_kid: undefined }],
    ['with grants', { grants: [] }],
  ])('a session %s', async (_, over) => {
    const token = forge(session, { ...sessionClaims, ...over }, broker);
    await expectRefusal(verifySessionToken(token, expected), 'invalid_token');
  });
  test('a session expires', async () => {
    const token = await mintSessionToken(signer, sessionClaims);
    const late = { ...expected, now: sessionClaims.exp * 1000 };
    await expectRefusal(verifySessionToken(token, late), 'token_expired');
  });
});

test('every single-character mutation is refused', async () => {
  const token = await mintSessionToken(signer, sessionClaims);
  await everyMutationIsRefused(token, (it) => verifySessionToken(it, expected));
});
