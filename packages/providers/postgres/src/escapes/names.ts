/**
 * Names of escapes and the SQL that closes them, as text that is safe to show and to paste. PostgreSQL
 * quotes its identifiers; what could still steer a terminal, or would not survive a paste, is written
 * in PostgreSQL's own escape for it, `U&"…"`.
 */
import { createHash } from 'node:crypto';

/** Longest canonical name, in UTF-16 code units. */
const LONGEST_OBJECT = 1024;
const QUOTED = /"(?:[^"]|"")*"/g;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

/** The same SQL, with every quoted identifier that holds something unprintable as `U&"…"`. */
export function printable(sql: string): string {
  return sql.replace(QUOTED, (quoted) => {
    if (!UNPRINTABLE.test(quoted)) return quoted;
    const escaped = [...quoted.replaceAll('\\', '\\\\')].map((character) =>
      UNPRINTABLE.test(character) ? escapeOf(character) : character,
    );
    return `U&${escaped.join('')}`;
  });
}

function escapeOf(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length <= 4 ? `\\${code.padStart(4, '0')}` : `\\+${code.padStart(6, '0')}`;
}

/** Canonical and at most 1024 characters; a longer one ends in the digest of all of it. */
export function objectName(text: string): string {
  const name = printable(text);
  if (name.length <= LONGEST_OBJECT) return name;
  const digest = createHash('sha256').update(name).digest('base64url');
  const kept = name.slice(0, LONGEST_OBJECT - digest.length - 2);
  return `${kept.replace(/[\uD800-\uDBFF]$/, '')}… ${digest}`;
}

/** base64url SHA-256 over what an object is called and everything that says what it does. */
export function definitionDigest(object: string, definition: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([1, object, definition]))
    .digest('base64url');
}
