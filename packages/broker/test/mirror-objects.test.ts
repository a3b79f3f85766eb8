/** What a mirror holds counts under the one name that it was signed for. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { NoteSigner } from '@countersign/ledger';
import { describe, expect, test } from 'vitest';
import { decodePoint, encodeLine, encodePoint, isLine, type Line } from '../src/mirror-objects.ts';

const ORIGIN = 'broker.example/countersign';
const FIRST: Line = { number: 0, id: 'genesis' };
const LATER: Line = { number: 1, id: '0199a5c0-0000-7000-8000-000000000001' };
const POINT = { size: 18, root: Buffer.alloc(32, 1), chain: Buffer.alloc(32, 2) };

function signerOf(): NoteSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return {
    name: ORIGIN,
    publicKey: Buffer.from(x, 'base64url'),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

const ours = signerOf();
const theirs = signerOf();

describe('a checkpoint', () => {
  test('is one of its own line', async () => {
    const bytes = await encodePoint(ORIGIN, LATER, POINT, ours);
    expect(decodePoint(bytes, ours.publicKey, LATER)).toMatchObject({ size: 18 });
  });

  test.each<[string, NoteSigner, Line]>([
    ['copied into another line', ours, FIRST],
    ["signed by another broker's key", theirs, LATER],
  ])('%s is none', async (_, signer, line) => {
    const bytes = await encodePoint(ORIGIN, line, POINT, signer);
    expect(() => decodePoint(bytes, ours.publicKey, LATER)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('a line', () => {
  test.each<[string, () => Promise<Uint8Array>, boolean]>([
    ['signed as that', () => encodeLine(ORIGIN, LATER, ours), true],
    ['signed as another', () => encodeLine(ORIGIN, FIRST, ours), false],
    ['signed by another broker', () => encodeLine(ORIGIN, LATER, theirs), false],
    ['of a checkpoint', () => encodePoint(ORIGIN, LATER, POINT, ours), false],
    ['of nothing', async () => Buffer.alloc(0), false],
  ])('%s: %#', async (_, bytes, is) => {
    expect(isLine(await bytes(), ours.publicKey, LATER)).toBe(is);
  });
});
