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
  let text: string;
  let value: unknown;
  try {
    text = UTF_8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw inputError('invalid_request', 'The bytes are not UTF-8 JSON.');
  }
  if (JSON.stringify(value) === text && isOrdered(value, 0)) return value;
  if (Buffer.compare(encodeCanonical(value), bytes) !== 0) {
    throw inputError('invalid_request', 'The bytes are not in canonical form (RFC 8785).');
  }
  return value;
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * ECMAScript writes numbers, strings and spaces as RFC 8785 does, so that text which it writes again as it was
 * lacks only the order of members. False says nothing: a member named like a number stands elsewhere there.
 */
function isOrdered(value: unknown, depth: number): boolean {
  if (depth > MAX_DEPTH) return false;
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((element) => isOrdered(element, depth + 1));
  let before = '';
  for (const [name, member] of Object.entries(value)) {
    // The empty name comes first, and once; `__proto__` is not trusted to be a member.
    if (name <= before && !(name === '' && before === '')) return false;
    if (name === '__proto__' || !name.isWellFormed() || !isOrdered(member, depth + 1)) return false;
    before = name;
  }
  return true;
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
