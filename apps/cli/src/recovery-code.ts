/**
 * The code that a human alone is shown, once, and with which a lost key can be replaced one day. It stands
 * for a key: who has the code signs with that key, and shows the code to nobody.
 */
import { createPrivateKey, hkdfSync, randomBytes } from 'node:crypto';
import { signingKeyOf } from '@countersign/client';
import { Secret } from '@countersign/core';

/** Crockford's base32: no I, L, O or U to misread. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BYTES = 20;
const SYMBOLS = (BYTES * 8) / 5;

/** RFC 8410 section 7: what stands before the 32 bytes of an Ed25519 key in PKCS #8. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** 160 random bits as eight groups of four. */
export function newRecoveryCode(): Secret {
  let bits = BigInt(`0x${randomBytes(BYTES).toString('hex')}`);
  let code = '';
  for (let symbol = 0; symbol < SYMBOLS; symbol += 1) {
    code = (ALPHABET[Number(bits % 32n)] ?? '') + code;
    bits /= 32n;
  }
  return new Secret('recovery code', (code.match(/.{4}/g) ?? []).join('-'));
}

/** Whether it could be a code at all, so that a slip of the pen is told at once. */
export function isRecoveryCode(code: Secret): boolean {
  return new RegExp(`^[${ALPHABET}]{${SYMBOLS}}$`).test(normalised(code.reveal()));
}

/** The Ed25519 key a code stands for, as a private JWK: HKDF-SHA256 (RFC 5869) of its normalised ASCII. */
export function recoveryKeyOf(code: Secret): Secret {
  const seed = hkdfSync('sha256', normalised(code.reveal()), '', 'countersign recovery key 1', 32);
  const der = Buffer.concat([PKCS8, Buffer.from(seed)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return new Secret('recovery key', JSON.stringify(key.export({ format: 'jwk' })));
}

/** What a statement holds of it: the RFC 7638 thumbprint of its key. */
export async function recoveryCommitment(code: Secret): Promise<string> {
  return (await signingKeyOf(recoveryKeyOf(code))).thumbprint;
}

/** However it was written down: case, dashes, spaces and look-alikes do not matter. */
function normalised(code: string): string {
  return code.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
}
