/** A client secret says whose it is, to whoever holds the key, and nothing else passes for one. */
import { readFileSync } from 'node:fs';
import { Secret, uuidv7 } from '@countersign/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientSecretMac, generateSigningKey } from '../src/index.ts';

const { secret: vector } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/client-secret.json', import.meta.url), 'utf8'),
);
const PREFIX = 'countersign_secret_';
const keyOf = (d: string) => new Secret('key', JSON.stringify({ kty: 'OKP', crv: 'Ed25519', d }));
const mac = clientSecretMac(keyOf(vector.d));
const read = (text: string) => mac.agentOf(new Secret('client secret', text));
const agents = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => uuidv7({ now: () => 1_800_000_000_000 }, { bytes: () => bytes }));
const randoms = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('is what another implementation makes of the same bytes', () => {
  const random = { bytes: () => Buffer.from(vector.random, 'hex') };
  expect(mac.make(vector.agent, random).reveal()).toBe(vector.secret);
  expect(read(vector.secret)).toBe(vector.agent);
});

test('names its agent, and can be found by a scanner', () => {
  fc.assert(
    fc.property(agents, randoms, (agent, random) => {
      const secret = mac.make(agent, { bytes: () => random });
      expect(secret.reveal()).toMatch(/^countersign_secret_[A-Za-z0-9_-]{88}$/);
      expect(mac.agentOf(secret)).toBe(agent);
      expect(String(secret)).toBe('[secret client secret]');
    }),
  );
});

test('with any one bit flipped is none', () => {
  fc.assert(
    fc.property(agents, randoms, fc.nat(66 * 8 - 1), (agent, random, bit) => {
      const text = mac.make(agent, { bytes: () => random }).reveal();
      const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(read(PREFIX + bytes.toString('base64url'))).toBeNull();
    }),
  );
});

test('with any one character replaced is none', () => {
  fc.assert(
    fc.property(fc.nat(vector.secret.length - 1), fc.string({ maxLength: 2 }), (at, other) => {
      const text = `${vector.secret.slice(0, at)}${other}${vector.secret.slice(at + 1)}`;
      fc.pre(text !== vector.secret);
      expect(read(text)).toBeNull();
    }),
  );
});

describe('none is', () => {
  test.each([
    ['nothing', ''],
    ['the prefix alone', PREFIX],
    ['one without its prefix', vector.secret.slice(PREFIX.length)],
    ['one with another prefix', vector.secret.replace('secret', 'SECRET')],
    ['one that goes on', `${vector.secret}A`],
    ['one with a line break', `${vector.secret}\n`],
    ['one in base64 of the other alphabet', vector.secret.replace('-', '+')],
    ['zeros', PREFIX + 'A'.repeat(88)],
    ['a megabyte', PREFIX + 'A'.repeat(1_000_000)],
  ])('%s', (_, text) => {
    expect(read(text)).toBeNull();
  });

  test('one of another key', async () => {
    const other = clientSecretMac((await generateSigningKey()).privateJwk);
    expect(other.agentOf(new Secret('client secret', vector.secret))).toBeNull();
  });
});

test('is made for ids only', () => {
  const random = { bytes: () => Buffer.alloc(32) };
  expect(() => mac.make('cursor', random)).toThrow(/agent id/);
});

test.each(['', '{}', 'null', '{"kty":"OKP","d":"short"}', '{"kty":"EC","d":"x"}'])(
  'needs a private key; %s is none, and is not repeated',
  (text) => {
    expect(() => clientSecretMac(new Secret('key', text))).toThrow(
      'The key of client secrets is not an Ed25519 private key.',
    );
  },
);
