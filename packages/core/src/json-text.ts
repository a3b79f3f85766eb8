/**
 * JSON with one reading (Law 3): what two parsers could understand differently is refused here, before
 * any schema sees it. `JSON.parse` judges the grammar; this adds what it silently forgives.
 */
import { inputError } from './errors.ts';

const MAX_DEPTH = 32;
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]|-?\d[\d.eE+-]*/g;

/**
 * Parses I-JSON (RFC 7493): no byte order mark, no duplicate member names however escaped, no lone
 * surrogates, no numbers a double cannot hold, at most 32 levels. U+0000 and `__proto__` are refused
 * too, since what stores or reads them may drop them.
 *
 * @param what the subject of the refusal's sentence, e.g. `The body`; nothing of the text is repeated
 * @throws CountersignError `invalid_request`
 */
export function parseJsonText(text: string, what: string): unknown {
  const value = parse(text, what);
  // The grammar holds, so tokens can be told apart without a state machine.
  const open: (Set<string> | null)[] = [];
  let latest = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') takeName(open.at(-1), latest, what);
    else if (token.startsWith('"')) latest = readString(token, what);
    else checkNumber(token, what);
    if (open.length > MAX_DEPTH) {
      throw inputError('invalid_request', `${what} is nested deeper than ${MAX_DEPTH} levels.`);
    }
  }
  return value;
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words quote the text.
    throw inputError('invalid_request', `${what} is not valid JSON.`);
  }
}

function readString(token: string, what: string): string {
  const value: unknown = token.includes('\\') ? JSON.parse(token) : token.slice(1, -1);
  if (typeof value !== 'string' || !value.isWellFormed() || value.includes('\0')) {
    throw inputError('invalid_request', `${what} has a string that is not Unicode text.`);
  }
  return value;
}

function takeName(names: Set<string> | null | undefined, name: string, what: string): void {
  if (names?.has(name) === true || name === '__proto__') {
    throw inputError('invalid_request', `${what} has a member twice, or one that no one may send.`);
  }
  names?.add(name);
}

function checkNumber(token: string, what: string): void {
  const value = Number(token);
  if (!Number.isFinite(value) || (/^-?\d+$/.test(token) && !Number.isSafeInteger(value))) {
    throw inputError('invalid_request', `${what} has a number too large to be read exactly.`);
  }
}
