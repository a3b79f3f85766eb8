/** One-time codes: kept, looked up and compared only as hashes. */
import { createHash } from 'node:crypto';

/** base64url SHA-256 of a code, blanks around it ignored. */
export function codeHash(code: string): string {
  return createHash('sha256').update(code.trim(), 'utf8').digest('base64url');
}
