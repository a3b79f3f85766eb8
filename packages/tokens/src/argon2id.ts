/**
 * argon2id (RFC 9106) in the PHC string form, by Node's own OpenSSL: how a client secret stands in the
 * statement that registers its agent. One set of parameters, so that no statement can name costlier ones.
 */
import { argon2, timingSafeEqual } from 'node:crypto';
import { CountersignError } from '@countersign/core';

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const;
export const ARGON2ID_SALT_BYTES = 16;
const TAG_BYTES = 32;
const PREFIX = `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$`;

/** Off the event loop, in Node's thread pool. @param salt 16 bytes, new for each hash */
export async function hashArgon2id(message: Uint8Array, salt: Uint8Array): Promise<string> {
  return `${PREFIX}${unpadded(salt)}$${unpadded(await derive(message, salt))}`;
}

/** Off the event loop. False also for what is not a hash made by `hashArgon2id`. */
export async function verifyArgon2id(phc: string, message: Uint8Array): Promise<boolean> {
  const [salt, tag, ...rest] = phc.startsWith(PREFIX) ? phc.slice(PREFIX.length).split('$') : [];
  if (salt === undefined || tag === undefined || rest.length > 0) return false;
  const [nonce, expected] = [Buffer.from(salt, 'base64'), Buffer.from(tag, 'base64')];
  if (nonce.length !== ARGON2ID_SALT_BYTES || expected.length !== TAG_BYTES) return false;
  return timingSafeEqual(await derive(message, nonce), expected);
}

function derive(message: Uint8Array, nonce: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2('argon2id', { ...COST, message, nonce, tagLength: TAG_BYTES }, (error, tag) => {
      // The cause is not kept: nothing of a secret's hashing belongs into a log.
      if (error === null) resolve(tag);
      else reject(new CountersignError('broker_unavailable', 'A secret could not be hashed.'));
    });
  });
}

/** base64 without padding, as the PHC string format has it. */
function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}
