/** The one-time code of a start before genesis: whoever can read the server's stdout may begin it. */
import { randomBytes } from 'node:crypto';
import { codeHash, type Deps } from '@countersign/broker';
import { Secret } from '@countersign/core';

/** Crockford base32: nothing that is mistaken for another sign when read aloud. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A fresh code, 80 random bits, that voids the one of an earlier start; null once genesis exists. */
export async function offerGenesisCode(deps: Deps): Promise<Secret | null> {
  if (deps.authority.state.broker !== null) return null;
  const letters = [...randomBytes(16)].map((byte) => ALPHABET[byte % 32]).join('');
  const code = letters.match(/.{4}/g)?.join('-') ?? letters;
  await deps.codes.setGenesisCode(codeHash(code));
  return new Secret('genesis code', code);
}
