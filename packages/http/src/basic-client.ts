/**
 * `client_secret_basic`: the Authorization header of a token request, with one reading (RFC 6749 section
 * 2.3.1, RFC 7617). Id and secret are form-urlencoded before they are joined, so the colon between them
 * is the only one.
 */
import { Secret } from '@countersign/core';
import { decodeParameter } from './form-text.ts';
import { TokenError } from './refusal.ts';

export interface BasicClient {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

const MAX_HEADER_LENGTH = 2_048;
const BASIC = /^basic ([A-Za-z0-9+/]+={0,2})$/i;
const PAIR = /^([\x21-\x39\x3b-\x7e]+):([\x21-\x39\x3b-\x7e]+)$/;

/** @throws TokenError `invalid_client` for any other scheme and any other form of this one */
export function readClientAuthorization(headers: Headers): BasicClient | null {
  const header = headers.get('authorization');
  if (header === null) return null;
  const [, encoded] = header.length > MAX_HEADER_LENGTH ? [] : (BASIC.exec(header) ?? []);
  if (encoded === undefined) throw malformed();
  const bytes = Buffer.from(encoded, 'base64');
  // What does not encode back to itself has a second spelling.
  if (bytes.toString('base64') !== encoded) throw malformed();
  const [, id, secret] = PAIR.exec(bytes.toString('latin1')) ?? [];
  if (id === undefined || secret === undefined) throw malformed();
  try {
    const clientId = decodeParameter(id);
    return { clientId, clientSecret: new Secret('client secret', decodeParameter(secret)) };
  } catch {
    throw malformed();
  }
}

function malformed(): TokenError {
  return new TokenError(
    'invalid_client',
    'unauthenticated',
    'The Authorization header of a token request is Basic with the client id and its secret, each form-urlencoded, or absent.',
  );
}
