/** What goes back: a reply as a value, and the one place that makes it a response. */
import type { Code } from '@countersign/core';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  /** For the request log. */
  readonly code: Code | null;
  readonly decision: string | null;
}

const PLAIN = { code: null, decision: null } as const;

/** Every answer says these; there is no CORS header, since no page of another origin may read any. */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const;

/** Anyone may keep these for a while: public keys, metadata. */
export const PUBLIC_FOR_5_MINUTES = { 'cache-control': 'public, max-age=300' } as const;

/** A JSON answer, not to be stored unless `headers` says otherwise. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    ...PLAIN,
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  };
}

export function text(value: string, media = 'text/plain; charset=utf-8'): Reply {
  return {
    ...PLAIN,
    status: 200,
    headers: { 'content-type': media },
    body: value,
  };
}

export function stream(media: string, filename: string, body: ReadableStream<Uint8Array>): Reply {
  return {
    ...PLAIN,
    status: 200,
    headers: {
      'content-type': media,
      'content-disposition': `attachment; filename="${filename}"`,
    },
    body,
  };
}

export function empty(): Reply {
  return { ...PLAIN, status: 204, headers: {}, body: null };
}

/** The answer of a logged decision names its ledger entry. */
export function decided(reply: Reply, decision: string): Reply {
  return {
    ...reply,
    headers: { ...reply.headers, 'countersign-decision': decision },
    decision,
  };
}

export function respond(reply: Reply, method: string, requestId: string): Response {
  const headers = {
    'cache-control': 'no-store',
    ...reply.headers,
    ...SECURITY_HEADERS,
    'x-request-id': requestId,
  };
  if (method !== 'HEAD') return new Response(reply.body, { status: reply.status, headers });
  // Nobody will read it: what feeds it is closed, and may fail at that without harm.
  if (reply.body instanceof ReadableStream) reply.body.cancel().catch(() => undefined);
  return new Response(null, { status: reply.status, headers });
}
