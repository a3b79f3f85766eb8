/**
 * JSON with one reading (Law 3): what two parsers could understand differently is refused here, before
 * any schema sees it. `JSON.parse` judges the grammar; this adds what it silently forgives.
 */
import { inputError } from '@countersign/core';

const MAX_DEPTH = 32;
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]|-?\d[\d.eE+-]*/g;

/**
 * Parses a request body as I-JSON (RFC 7493): UTF-8 without a byte order mark, no duplicate member
 * names however escaped, no lone surrogates, no numbers a double cannot hold, at most 32 levels.
 * U+0000 and `__proto__` are refused too, since what stores or reads them may drop them.
 *
 * @throws CountersignError `invalid_request`
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value = parse(text);
  // The grammar holds, so tokens can be told apart without a state machine.
  const open: (Set<string> | null)[] = [];
  let latest = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') takeName(open.at(-1), latest);
    else if (token.startsWith('"')) latest = readString(token);
    else checkNumber(token);
    if (open.length > MAX_DEPTH) {
      throw inputError('invalid_request', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    }
  }
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw inputError('invalid_request', 'The body is not valid UTF-8.');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words quote the body.
    throw inputError('invalid_request', 'The body is not valid JSON.');
  }
}

function readString(token: string): string {
  if (!token.includes('\\')) return token.slice(1, -1);
  const value: unknown = JSON.parse(token);
  if (typeof value !== 'string' || !value.isWellFormed() || value.includes('\0')) {
    throw inputError('invalid_request', 'The body has a string that is not Unicode text.');
  }
  return value;
}

function takeName(names: Set<string> | null | undefined, name: string): void {
  if (names?.has(name) === true || name === '__proto__') {
    throw inputError(
      'invalid_request',
      'The body has a member twice, or one that no one may send.',
    );
  }
  names?.add(name);
}

function checkNumber(token: string): void {
  const value = Number(token);
  if (!Number.isFinite(value) || (/^-?\d+$/.test(token) && !Number.isSafeInteger(value))) {
    throw inputError('invalid_request', 'The body has a number too large to be read exactly.');
  }
}
