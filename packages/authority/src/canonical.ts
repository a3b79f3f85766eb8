/** RFC 8785 bytes. A document whose bytes are not their own canonical form is refused. */
import { createHash } from 'node:crypto';
import { inputError } from '@countersign/core';
import canonicalize from 'canonicalize';

/** The RFC 8785 form as UTF-8. @throws CountersignError `invalid_request` for what JSON cannot hold. */
export function canonicalBytes(value: unknown): Uint8Array {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch {
    // A lone surrogate or a number beyond a double: refused below.
  }
  if (text === undefined || !text.isWellFormed()) {
    throw inputError(
      'invalid_request',
      'The document has no RFC 8785 form (a lone surrogate, or a number out of range).',
    );
  }
  return new TextEncoder().encode(text);
}

/** Levels of arrays and objects. A stack's own limit would differ from replica to replica. */
const DEEPEST = 64;

function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => deeperThan(member, levels - 1));
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
  if (deeperThan(value, DEEPEST)) {
    throw inputError('invalid_request', `The document is nested deeper than ${DEEPEST} levels.`);
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
