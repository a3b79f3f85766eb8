/** A JSON body as text with one reading (Law 3): bytes that are not UTF-8 have several. */
import { inputError, parseJsonText } from '@countersign/core';

/**
 * Parses a request body as I-JSON (RFC 7493), see `parseJsonText`.
 *
 * @throws CountersignError `invalid_request`
 */
export function parseJson(bytes: Uint8Array): unknown {
  return parseJsonText(decode(bytes), 'The body');
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw inputError('invalid_request', 'The body is not valid UTF-8.');
  }
}
