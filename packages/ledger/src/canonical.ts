/**
 * RFC 8785 canonical JSON, both ways and strict. One value has one encoding, so a hash or signature
 * over the bytes speaks for the value; the library alone would silently drop or convert what is not
 * JSON.
 */
import { inputError } from '@countersign/core';
import canonicalize from 'canonicalize';

/** Deeper nesting than this is refused; it also ends cycles. */
const MAX_DEPTH = 64;

/**
 * RFC 8785 UTF-8 bytes of a JSON value. Throws `invalid_request` for what is not JSON: undefined,
 * NaN, infinities, lone surrogates, class instances, holes in arrays, and nesting deeper than 64.
 */
export function encodeCanonical(value: unknown): Uint8Array {
  requireJson(value, 0);
  const text = canonicalize(value);
  if (text === undefined) throw notJson('a value without a JSON form');
  return Buffer.from(text, 'utf8');
}

/**
 * The value of RFC 8785 bytes. Throws `invalid_request` when they are not UTF-8, not JSON, or not
 * their own canonical form. Law 1: the comparison refuses duplicate keys, of which a parser would
 * silently keep the last.
 */
export function decodeCanonical(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw inputError('invalid_request', 'The bytes are not UTF-8 JSON.');
  }
  if (Buffer.compare(encodeCanonical(value), bytes) !== 0) {
    throw inputError('invalid_request', 'The bytes are not in canonical form (RFC 8785).');
  }
  return value;
}

/** True for a plain object: what JSON calls an object, and no class instance. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function requireJson(value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw notJson(`more than ${MAX_DEPTH} levels`);
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson('a number that is not finite');
  } else if (typeof value === 'string') {
    if (!value.isWellFormed()) throw notJson('a lone surrogate');
  } else if (Array.isArray(value)) {
    for (const element of value) requireJson(element, depth + 1);
  } else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      if (!key.isWellFormed()) throw notJson('a lone surrogate');
      requireJson(member, depth + 1);
    }
  } else {
    throw notJson('a value without a JSON form');
  }
}

function notJson(what: string): Error {
  return inputError('invalid_request', `The value is not JSON: it holds ${what}.`);
}
