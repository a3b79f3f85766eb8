/**
 * `Upstream` on undici: one pool of kept-alive connections for each origin, TLS verified whatever the
 * environment says, and every failure said as a ProviderError that quotes nobody.
 */
import type { Secret } from '@countersign/core';
import { Agent, type Dispatcher } from 'undici';
import { ProviderError } from './error.ts';
import type { OutboundRequest } from './gateway.ts';
import type { Upstream, UpstreamAnswer } from './upstream.ts';

/** Connections to one origin; what comes beyond them waits within its patience. */
const CONNECTIONS = 64;
/** Origins with open connections; beyond them nothing new is opened. */
const MOST_ORIGINS = 256;
/** Milliseconds: an idle connection is kept, one comes up, an answer says nothing more. */
const KEEP_IDLE = 15_000;
const CONNECT = 5_000;
const SILENCE = 60_000;
/** Bytes of an answer's headers. */
const LARGEST_HEADERS = 32_768;

/** Of one connection only (RFC 9110 section 7.6.1), or made here. */
const OURS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function openUpstream(): Upstream {
  const agent = new Agent({
    connections: CONNECTIONS,
    maxOrigins: MOST_ORIGINS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_IDLE,
    headersTimeout: 0,
    bodyTimeout: SILENCE,
    maxHeaderSize: LARGEST_HEADERS,
    // Said here, because NODE_TLS_REJECT_UNAUTHORIZED=0 would else speak for it.
    connect: { timeout: CONNECT, rejectUnauthorized: true },
  });
  return {
    async send(request, credential, { patience, startBefore = Number.POSITIVE_INFINITY, signal }) {
      requireSendable(request, credential.name);
      if (signal.aborted) throw failure(false);
      const ending = new AbortController();
      const end = (): void => ending.abort();
      signal.addEventListener('abort', end, { once: true });
      const late = setTimeout(end, patience);
      const sending = {
        begun: false,
        isOver: () => ending.signal.aborted || performance.now() > startBefore,
      };
      // In a queue the driver heeds no signal until there is a connection.
      const left = Promise.withResolvers<never>();
      left.promise.catch(() => undefined);
      ending.signal.addEventListener('abort', () => {
        if (!sending.begun) left.reject(failure(false));
      });
      const unbegun = setTimeout(
        () => {
          if (!sending.begun) end();
        },
        Math.min(patience, Math.max(0, startBefore - performance.now())),
      );
      try {
        const asked = agent.compose(noting(sending)).request({
          origin: request.url.origin,
          path: `${request.url.pathname}${request.url.search}`,
          // The provider's own method, which HTTP lets be any token.
          method: request.method as Dispatcher.HttpMethod,
          headers: headersOf(request, credential),
          body: request.body,
          signal: ending.signal,
        });
        const answer = await Promise.race([asked, left.promise]);
        const body = bodyOf(answer.body, () => signal.removeEventListener('abort', end));
        if (isEncoded(answer.headers)) {
          body.destroy();
          throw new ProviderError(
            'unknown_outcome',
            'The answer came in an encoding nobody asked for.',
          );
        }
        return {
          status: answer.statusCode,
          headers: headersIn(answer.headers),
          length: lengthIn(answer.headers),
          body,
        };
      } catch (error) {
        signal.removeEventListener('abort', end);
        if (error instanceof ProviderError) throw error;
        throw failure(sending.begun);
      } finally {
        clearTimeout(late);
        clearTimeout(unbegun);
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * A credential goes to whom TLS vouches for, or to this very machine, and beside nothing that a provider
 * has no business to set. @throws ProviderError `misconfigured`
 */
function requireSendable({ url, headers }: OutboundRequest, credential: string): void {
  const isHere = url.protocol === 'http:' && isLoopback(url.hostname);
  if ((url.protocol !== 'https:' && !isHere) || url.username !== '' || url.password !== '') {
    throw new ProviderError('misconfigured', 'Only https is spoken, or http on this machine.');
  }
  const strange = Object.keys(headers).find(
    (name) => OURS.has(name) || name === credential || name !== name.toLowerCase(),
  );
  if (strange !== undefined) {
    throw new ProviderError('misconfigured', `The header ${strange} is not a provider's to set.`);
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function headersOf(
  { headers }: OutboundRequest,
  { name, value }: { readonly name: string; readonly value: Secret },
): Record<string, string> {
  return { ...headers, 'accept-encoding': 'identity', [name]: value.reveal() };
}

/**
 * Notes when a request is handed to a connection: from then on something of it may have been sent. Law 4: one that
 * waited for that until it may not begin any more is not handed over.
 */
function noting(sending: {
  begun: boolean;
  readonly isOver: () => boolean;
}): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart(controller, context) {
        if (sending.isOver()) {
          controller.abort(new Error('too late to begin'));
          return;
        }
        sending.begun = true;
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...given) => handler.onRequestUpgrade?.(...given),
      onResponseStart: (...given) => handler.onResponseStart?.(...given),
      onResponseData: (...given) => handler.onResponseData?.(...given),
      onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
      onResponseError: (...given) => handler.onResponseError?.(...given),
    });
}

type Received = Dispatcher.ResponseData['headers'];

function isEncoded(headers: Received): boolean {
  const encoding = valuesOf(headers['content-encoding']).join().toLowerCase();
  return encoding !== '' && encoding !== 'identity';
}

/** Null where it is not said, or is not one number. */
function lengthIn(headers: Received): number | null {
  const said = valuesOf(headers['content-length']).join();
  return /^\d{1,15}$/.test(said) ? Number(said) : null;
}

function headersIn(headers: Received): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]) =>
      OURS.has(name) ? [] : [[name.toLowerCase(), valuesOf(value).join(', ')]],
    ),
  );
}

function valuesOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : [value].flat();
}

/** The body without the driver's words. @param onEnd told of its end, and at once where it is destroyed */
function bodyOf(body: Dispatcher.ResponseData['body'], onEnd: () => void): UpstreamAnswer['body'] {
  // Nobody may be reading when it breaks off, and whoever reads hears of it by reading.
  body.on('error', () => undefined);
  body.once('close', onEnd);
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for await (const chunk of body) yield chunk;
      } catch {
        throw new ProviderError('unknown_outcome', 'The answer broke off.');
      }
    },
    destroy: () => {
      onEnd();
      body.destroy();
    },
  };
}

function failure(begun: boolean): ProviderError {
  return begun
    ? new ProviderError('unknown_outcome', 'No answer came in time, or the connection broke off.')
    : new ProviderError('unavailable', 'It could not be reached.');
}
