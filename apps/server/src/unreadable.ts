/**
 * What reaches the listener and is no request of ours: broken framing, oversized headers, a target or a
 * host with a second reading, senders too slow to wait for. Refused with a problem like everything else.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Milliseconds and bytes: what a sender may take. A whole request is 96 KiB of body at most. */
export const REQUEST_LIMITS = {
  maxHeaderSize: 32_768,
  /** Checked below, so that its refusal is a problem too. */
  requireHostHeader: false,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  /** Node looks for those that are late no more often than this. */
  connectionsCheckingInterval: 2_000,
} as const;

/** One name or address and a port, and nothing a URL parser could read as something else. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

interface Unreadable {
  readonly status: 400 | 408 | 431;
  readonly code: 'invalid_request' | 'too_large';
  readonly detail: string;
}

/** Hands on what has one reading only (Law 3); the rest is answered here. */
export function readable(listener: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    const detail = secondReading(incoming);
    if (detail === null) listener(incoming, outgoing);
    else answer(outgoing, { status: 400, code: 'invalid_request', detail });
  };
}

/** Answers what Node's parser refuses, or waits for in vain, which otherwise gets a bare status line. */
export function refuseUnreadable(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const refused = unreadableOf(error.code);
    const body = JSON.stringify(problemOf(refused));
    const headers = Object.entries(headersOf(body)).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(
      `HTTP/1.1 ${refused.status} ${TITLES[refused.status]}\r\n${headers.join('')}\r\n${body}`,
    );
  });
  server.on('checkExpectation', (_incoming: IncomingMessage, outgoing: ServerResponse) => {
    const detail = 'An Expect header may ask for 100-continue only.';
    answer(outgoing, { status: 400, code: 'invalid_request', detail });
  });
}

const TITLES = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
} as const;

function secondReading(incoming: IncomingMessage): string | null {
  const { url = '', rawHeaders, httpVersion } = incoming;
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
  // Health checks speak HTTP/1.0, where there need be no Host; ours is never taken from it anyway.
  const none = hosts.length === 0 && httpVersion === '1.0';
  if (!none && (hosts.length !== 1 || !HOST.test(incoming.headers.host ?? ''))) {
    return 'The Host header must be there once and name one host.';
  }
  const absolute = /^https?:\/\//i.test(url);
  const target = absolute ? url : `http://localhost${url}`;
  const path = target.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/s, '');
  if ((!absolute && !url.startsWith('/')) || url.includes('#') || !URL.canParse(target)) {
    return 'The request target is no path.';
  }
  // A URL parser drops dot segments and turns backslashes round: then it is not what was asked for.
  return new URL(target).pathname === (path === '' ? '/' : path)
    ? null
    : 'The path must be written the one way it is served: no dot segments, no unescaped characters.';
}

function unreadableOf(code: string | undefined): Unreadable {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: 431,
        code: 'too_large',
        detail: `The request line and headers are larger than ${REQUEST_LIMITS.maxHeaderSize / 1024} KiB.`,
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        code: 'invalid_request',
        detail: `The request was not complete after ${REQUEST_LIMITS.requestTimeout / 1000} seconds.`,
      };
    default:
      return { status: 400, code: 'invalid_request', detail: 'This is not an HTTP/1.1 request.' };
  }
}

/** RFC 9457, as every refusal. */
function problemOf({ status, code, detail }: Unreadable) {
  return {
    type: `urn:countersign:problem:${code}`,
    title: TITLES[status],
    status,
    detail,
    code,
  };
}

function headersOf(body: string) {
  return {
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  };
}

function answer(outgoing: ServerResponse, refused: Unreadable): void {
  const body = JSON.stringify(problemOf(refused));
  outgoing.writeHead(refused.status, headersOf(body)).end(body);
}
