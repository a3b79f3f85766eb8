/** One-time codes: made to be read aloud and typed, kept and compared only as hashes. */
import { createHash } from 'node:crypto';
import type { Random } from '@countersign/core';

/** Crockford base32: nothing that is mistaken for another sign. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Five bits each. */
const SIGNS = 20;

/** A fresh code of 100 random bits, in groups of four. */
export function newCode(random: Random): string {
  const signs = [...random.bytes(SIGNS)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
  return signs.match(/.{4}/g)?.join('-') ?? signs;
}

/** base64url SHA-256 of a code; letter case, blanks and dashes do not matter. */
export function codeHash(code: string): string {
  const plain = code.replace(/[\s-]/g, '').toUpperCase();
  return createHash('sha256').update(plain, 'utf8').digest('base64url');
}
