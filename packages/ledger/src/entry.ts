/**
 * A ledger entry: the one envelope around every statement and decision. What the body means is the
 * business of whoever wrote it; here only its form counts, since the form is what is hashed.
 */
import { inputError, isInstant, isUuidV7 } from '@countersign/core';
import { decodeCanonical, encodeCanonical, isJsonObject } from './canonical.ts';

/** The bound of a C2SP tlog-tiles entry bundle, whose length prefix has 16 bits. */
export const MAX_ENTRY_BYTES = 65_535;

export interface LedgerEntry {
  readonly v: 1;
  /** UUIDv7. */
  readonly id: string;
  /** An instant: RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** What the body is: lower case, digits, `.`, `_`, `-`; at most 64 characters. */
  readonly type: string;
  /** A JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

const KEYS = 'body,id,time,type,v';
const TIME = ',"time":"';
const TYPE = /^[a-z][a-z0-9._-]{0,63}$/;

/**
 * The RFC 8785 bytes of an entry, at most 65535 of them.
 * Throws `invalid_request` for any other shape, for what is not JSON, and for more bytes.
 */
export function encodeEntry(entry: LedgerEntry): Uint8Array {
  const bytes = encodeCanonical(requireEntry(entry));
  requireBound(bytes);
  return bytes;
}

/**
 * The bytes of the same entry at another instant, without encoding it again: RFC 8785 sorts `time` before
 * `type` and `v`, and every instant is as long, so it stands at a fixed place from the end. The bytes given
 * are left as they are. Throws `invalid_request` for what is no instant, or bytes that are not of this type.
 */
export function retimeEntry(bytes: Uint8Array, type: string, time: string): Uint8Array {
  const after = `","type":"${type}","v":1}`;
  const from = bytes.length - after.length - time.length;
  const retimed = Buffer.from(bytes);
  if (!isInstant(time) || retimed.toString('latin1', from - TIME.length, from) !== TIME) {
    throw inputError(
      'invalid_request',
      'The bytes are no entry of this type, or the time is none.',
    );
  }
  retimed.write(time, from, 'latin1');
  return retimed;
}

/**
 * The entry of its bytes. Throws `invalid_request` for bytes that are not their own canonical form,
 * for unknown, missing or malformed members, and for more than 65535 bytes.
 */
export function decodeEntry(bytes: Uint8Array): LedgerEntry {
  requireBound(bytes);
  return requireEntry(decodeCanonical(bytes));
}

function requireBound(bytes: Uint8Array): void {
  if (bytes.length > MAX_ENTRY_BYTES) {
    throw inputError('invalid_request', `An entry has at most ${MAX_ENTRY_BYTES} bytes.`);
  }
}

function requireEntry(value: unknown): LedgerEntry {
  if (!isJsonObject(value) || Object.keys(value).sort().join() !== KEYS) {
    throw inputError(
      'invalid_request',
      'An entry is an object of exactly v, id, time, type, body.',
    );
  }
  const { v, id, time, type, body } = value;
  if (v !== 1) throw inputError('invalid_request', 'The entry is not of version 1.');
  if (typeof id !== 'string' || !isUuidV7(id)) {
    throw inputError('invalid_request', 'The id of the entry is not a UUIDv7.');
  }
  if (typeof time !== 'string' || !isInstant(time)) {
    throw inputError('invalid_request', 'The time of the entry is not a UTC instant.');
  }
  if (typeof type !== 'string' || !TYPE.test(type)) {
    throw inputError('invalid_request', 'The type of the entry is not a type name.');
  }
  if (!isJsonObject(body)) {
    throw inputError('invalid_request', 'The body of the entry is not an object.');
  }
  return { v, id, time, type, body };
}
