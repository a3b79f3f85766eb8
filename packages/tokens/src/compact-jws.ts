import { compactVerify } from 'jose';
import { type AsymmetricAlgorithm, type PublicJwk, verifyingKey } from './public-jwk.ts';
import { demand, Refusal } from './refusal.ts';

/**
 * A compact JWS (RFC 7515 section 7.1) that has exactly one reading: canonical base64url, UTF-8, one
 * JSON object each, no key twice. Signatures are jose's; this is what is checked around them.
 */
export interface CompactJws {
  readonly text: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Takes a JWS apart, trusting nothing in it. `maxLength` in characters. Throws Refusal. */
export function parseCompactJws(text: unknown, maxLength: number): CompactJws {
  demand(typeof text === 'string', 'it is missing');
  demand(text.length <= maxLength, 'it is too long');
  const [header, payload, signature, ...rest] = text.split('.');
  demand(
    header !== undefined && payload !== undefined && signature !== undefined && rest.length === 0,
    'it is not a JWT of three parts; make it anew',
  );
  decodeBase64url(signature);
  return { text, header: parseJsonObject(header), claims: parseJsonObject(payload) };
}

/** The header of a JWS alone, trusting nothing in it, whatever follows. `maxLength` in characters. Throws Refusal. */
export function parseJwsHeader(text: string, maxLength: number): CompactJws['header'] {
  demand(text.length <= maxLength, 'it is too long');
  const [header = ''] = text.split('.', 1);
  return parseJsonObject(header);
}

/** True when the signature is this key's under this algorithm. Never throws. */
export async function isSignedBy(
  jws: CompactJws,
  alg: AsymmetricAlgorithm,
  jwk: PublicJwk,
): Promise<boolean> {
  try {
    await compactVerify(jws.text, await verifyingKey(jwk), { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

// One byte string has one base64url form, so no character of a token can change unnoticed: the unused
// low bits of the last one, padding and white space included.
function decodeBase64url(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  demand(part !== '' && bytes.toString('base64url') === part, 'it is not canonical base64url');
  return bytes;
}

function parseJsonObject(part: string): Record<string, unknown> {
  const bytes = decodeBase64url(part);
  const text = decodeUtf8(bytes);
  const value = parseJson(text);
  demand(isJsonObject(value), 'it is not made of JSON objects');
  demand(countMembers(value) === countDeclaredMembers(text), 'it declares a JSON key twice');
  return value;
}

// `ignoreBOM` keeps a byte order mark in the text, where JSON refuses it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Refusal('it is not UTF-8');
  }
}

// The parser's own error is not kept: it quotes the text.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('it is not JSON');
  }
}

function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Members as written. In valid JSON every colon outside a string declares one member, so a count
 * above that of the parsed value means that a key was written twice, however it was escaped.
 */
function countDeclaredMembers(text: string): number {
  return text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1;
}

/** Members as parsed. Iterative, since an unverified text may nest as deep as it is long. */
function countMembers(root: unknown): number {
  let count = 0;
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null) continue;
    const children: unknown[] = Object.values(value);
    if (!Array.isArray(value)) count += children.length;
    for (const child of children) pending.push(child);
  }
  return count;
}
