/**
 * Standard base64, RFC 4648 section 4, strict: one text per bytes, so that no signed line has a
 * second form.
 */

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** Null unless the text is the one encoding of its bytes: padded, no spaces, no other alphabet. */
export function decodeBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
