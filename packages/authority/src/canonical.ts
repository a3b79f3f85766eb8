/** RFC 8785 bytes. A document whose bytes are not their own canonical form is refused. */
import { createHash } from 'node:crypto';
import { inputError } from '@countersign/core';
import canonicalize from 'canonicalize';

/** The RFC 8785 form as UTF-8. @throws CountersignError `invalid_request` for what JSON cannot hold. */
export function canonicalBytes(value: unknown): Uint8Array {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch (cause) {
    throw new Error('not representable as canonical JSON', { cause });
  }
  if (text === undefined || !text.isWellFormed()) {
    throw inputError('invalid_request', 'The document is not JSON, or holds a lone surrogate.');
  }
  return new TextEncoder().encode(text);
}

/**
 * Parses bytes that must be their own canonical form, which refuses duplicate keys, other number
 * forms, whitespace and byte order marks. @throws CountersignError `invalid_request`
 */
export function parseCanonical(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw inputError('invalid_request', 'The document is not UTF-8 JSON.');
  }
  if (!Buffer.from(canonicalBytes(value)).equals(Buffer.from(bytes))) {
    throw inputError(
      'invalid_request',
      'The document is not in RFC 8785 canonical form (duplicate keys, order, spacing or numbers).',
    );
  }
  return value;
}

/** base64url SHA-256 of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}

/** base64url SHA-256 of a document's canonical bytes. */
export function digestOfDocument(value: unknown): string {
  return digestOf(canonicalBytes(value));
}

/** base64url to bytes, refusing any second spelling. @throws CountersignError `invalid_request` */
export function bytesOfBase64Url(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) {
    throw inputError('invalid_request', 'A value is not canonical base64url.');
  }
  return bytes;
}
