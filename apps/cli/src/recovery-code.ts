/** The code that a human alone is shown, once, and with which a lost key can be replaced one day. */
import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '@countersign/core';

/** Crockford's base32: no I, L, O or U to misread. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BYTES = 20;

/** 160 random bits as eight groups of four. */
export function newRecoveryCode(): Secret {
  let bits = BigInt(`0x${randomBytes(BYTES).toString('hex')}`);
  let code = '';
  for (let symbol = 0; symbol < (BYTES * 8) / 5; symbol += 1) {
    code = (ALPHABET[Number(bits % 32n)] ?? '') + code;
    bits /= 32n;
  }
  return new Secret('recovery code', (code.match(/.{4}/g) ?? []).join('-'));
}

/** What a statement holds of it: base64url SHA-256 of its normalised ASCII. */
export function recoveryCommitment(code: Secret): string {
  return createHash('sha256').update(normalised(code.reveal()), 'ascii').digest('base64url');
}

/** However it was written down: case, dashes, spaces and look-alikes do not matter. */
function normalised(code: string): string {
  return code.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
}
