/** argon2id by Node, held against the RFC and against another implementation. */
import { argon2Sync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hashArgon2id, verifyArgon2id } from '../src/index.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/client-secret.json', import.meta.url), 'utf8'),
);
const hex = (text: string) => Buffer.from(text, 'hex');
const SALT = Buffer.alloc(16, 7);
const MESSAGE = Buffer.from('message');

test("Node's argon2id is the one of RFC 9106", () => {
  const { message, salt, secret, associated_data, parallelism, memory, passes, tag } =
    vectors.rfc9106;
  const made = argon2Sync('argon2id', {
    message: hex(message),
    nonce: hex(salt),
    secret: hex(secret),
    associatedData: hex(associated_data),
    parallelism,
    memory,
    passes,
    tagLength: 32,
  });
  expect(made.toString('hex')).toBe(tag);
});

test.each<{ message: string; salt: string; phc: string }>(vectors.phc.hashes)(
  'hashes and verifies $message as another implementation does',
  async ({ message, salt, phc }) => {
    expect(await hashArgon2id(Buffer.from(message), hex(salt))).toBe(phc);
    expect(await verifyArgon2id(phc, Buffer.from(message))).toBe(true);
    expect(await verifyArgon2id(phc, Buffer.from(`${message}.`))).toBe(false);
  },
);

describe('verifying', async () => {
  const good = await hashArgon2id(MESSAGE, SALT);

  test.each([
    ['nothing', ''],
    ['the message itself', 'message'],
    ['another variant', good.replace('argon2id', 'argon2i')],
    ['another version', good.replace('v=19', 'v=16')],
    ['more memory', good.replace('m=19456', 'm=4194304')],
    ['no work at all', good.replace('m=19456,t=2', 'm=8,t=1')],
    ['a short tag', good.slice(0, -4)],
    ['no tag', good.slice(0, good.lastIndexOf('$'))],
    ['an empty tag', good.slice(0, good.lastIndexOf('$') + 1)],
    ['a short salt', good.replace(/\$[^$]{22}\$/, '$AAAA$')],
    ['a part too many', `${good}$AAAA`],
  ])('against %s is false, not an error', async (_, phc) => {
    expect(await verifyArgon2id(phc, MESSAGE)).toBe(false);
  });
});
