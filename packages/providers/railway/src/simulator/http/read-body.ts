/** From an HTTP request to a GraphQL request, or the status and words that refuse it. */
import { isObject } from '../args.ts';
import type { Headers } from '../caller.ts';
import type { GraphqlRequest } from '../execute.ts';

export interface Refused {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bytes. What Railway's own limit is, it does not say. */
export const LARGEST_BODY = 1_048_576;

interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/(graphql-response\+)?json(;\s*charset=utf-8)?$/i.test(contentType ?? '');
}

/** Takes one operation as `application/json` by POST at the endpoint's path, and nothing else. */
export function readBody(request: Received, endpointPath: string): GraphqlRequest | Refused {
  if (request.path.split('?')[0] !== endpointPath) return { status: 404, message: 'Not Found' };
  if (request.method !== 'POST') {
    return { status: 405, message: 'Send a POST request', headers: { allow: 'POST' } };
  }
  if (!isJson(request.headers['content-type'])) {
    return { status: 415, message: 'Send application/json' };
  }
  if (request.headers['content-encoding'] !== undefined) {
    return { status: 415, message: 'Send the body without an encoding' };
  }
  if (request.body.length > LARGEST_BODY) return { status: 413, message: 'Payload Too Large' };
  return readJson(request.body);
}

function readJson(body: Uint8Array): GraphqlRequest | Refused {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return { status: 400, message: 'The body is no JSON' };
  }
  if (Array.isArray(parsed)) return { status: 400, message: 'Batched requests are not supported' };
  if (!isObject(parsed)) return { status: 400, message: 'The body is no JSON object' };
  const { query, variables, operationName } = parsed;
  if (typeof query !== 'string') return { status: 400, message: 'Must provide query string' };
  if (variables != null && !isObject(variables)) {
    return { status: 400, message: 'Variables must be an object' };
  }
  if (operationName != null && typeof operationName !== 'string') {
    return { status: 400, message: 'operationName must be a string' };
  }
  return { query, variables: variables ?? undefined, operationName: operationName ?? undefined };
}
