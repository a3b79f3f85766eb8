/**
 * `application/x-www-form-urlencoded` with one reading (Law 3), for forms and query strings alike:
 * each parameter once, every escape valid, nothing guessed.
 */
import { inputError } from '@countersign/core';

const MAX_PARAMETERS = 32;
const PRINTABLE_ASCII = /^[\x21-\x7e]*$/;

/**
 * @param text the raw form body, or the query without its `?`
 * @returns parameters by name
 * @throws CountersignError `invalid_request` for duplicates, bad escapes, more than 32 parameters
 */
export function parseForm(text: string): Readonly<Record<string, string>> {
  if (text === '') return {};
  if (!PRINTABLE_ASCII.test(text)) {
    throw inputError('invalid_request', 'Parameters must be percent-encoded.');
  }
  const pairs = text.split('&');
  if (pairs.length > MAX_PARAMETERS) {
    throw inputError('invalid_request', `There are more than ${MAX_PARAMETERS} parameters.`);
  }
  const parameters = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw inputError('invalid_request', 'A parameter has no name or no value.');
    const name = decodeParameter(pair.slice(0, at));
    if (parameters.has(name) || name === '__proto__') {
      throw inputError('invalid_request', 'A parameter is there twice, or no one may send it.');
    }
    parameters.set(name, decodeParameter(pair.slice(at + 1)));
  }
  return Object.fromEntries(parameters);
}

/** `decodeURIComponent` refuses invalid escapes and invalid UTF-8, overlong forms included. */
export function decodeParameter(text: string): string {
  let value: string;
  try {
    value = decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw inputError('invalid_request', 'A parameter is not valid percent-encoding.');
  }
  if (value.includes('\0')) {
    throw inputError('invalid_request', 'A parameter holds U+0000.');
  }
  return value;
}
