/** From an HTTP request to the members of a GraphQL request, where there is one reading of its bytes (Law 3). */
import { parseJsonText } from '@countersign/core';
import type { InboundRequest } from '@countersign/provider-kit';
import { isObject, unreadable } from './judgement.ts';

/** Where the API answers. */
export const ENDPOINT_PATH = '/graphql/v2';

/** Bytes. A schema's introspection query has two thousand, a generous patch fifty thousand. */
export const LONGEST_BODY = 262_144;

const CONTENT_TYPE = /^application\/json(?:\s*;\s*charset\s*=\s*"?utf-8"?)?$/i;
const MEMBERS: ReadonlySet<string> = new Set(['query', 'variables', 'operationName']);

export interface GraphqlRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | null;
}

/**
 * One operation as JSON by POST, and nothing else: no batches, persisted queries, uploads or extensions.
 * @throws RequestRefusal `unparseable_request`
 */
export function readRequest({
  method,
  path,
  query,
  headers,
  body,
}: InboundRequest): GraphqlRequest {
  if (path !== ENDPOINT_PATH || query !== null) {
    throw unreadable(`Railway’s API is at ${ENDPOINT_PATH}, without a query string.`);
  }
  if (method !== 'POST') throw unreadable('GraphQL is sent by POST.');
  if (!CONTENT_TYPE.test(headers.get('content-type') ?? '')) {
    throw unreadable('GraphQL is sent as application/json.');
  }
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') {
    throw unreadable('A request is sent without an encoding.');
  }
  if (body.length > LONGEST_BODY) throw unreadable(`A body has at most ${LONGEST_BODY} bytes.`);
  const { query: text, variables, operationName } = readMembers(body);
  if (typeof text !== 'string') {
    throw unreadable('The body needs the whole query: a hash of one is not enough.');
  }
  if (variables !== undefined && variables !== null && !isObject(variables)) {
    throw unreadable('variables has to be an object.');
  }
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') {
    throw unreadable('operationName has to be a string.');
  }
  return { query: text, variables: variables ?? {}, operationName: operationName ?? null };
}

function readMembers(body: Uint8Array): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    parsed = parseJsonText(text, 'The body');
  } catch {
    throw unreadable(
      'The body has to be JSON in UTF-8 with one reading: no name twice, no mark before it.',
    );
  }
  if (!isObject(parsed))
    throw unreadable('The body has to be one object: operations come one by one.');
  if (!Object.keys(parsed).every((name) => MEMBERS.has(name))) {
    throw unreadable('The body has query, variables and operationName, and nothing else.');
  }
  return parsed;
}
