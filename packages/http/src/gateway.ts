/**
 * The gateway's door: the request as it came, its target undecoded and each header once, to one use case; and
 * back a provider's answer, whole or as it comes. What HTTP itself lets be read in two ways ends here (Law 3).
 */
import { OutgoingMessage } from 'node:http';
import type { ForwardedAnswer, ForwardInput, UseCases } from '@countersign/broker';
import { inputError } from '@countersign/core';
import { readAtMost } from './body.ts';
import { readAuthorization, readProof } from './credentials.ts';
import { refusalOfDenial, renderProblem } from './refusal.ts';
import { decided, type Reply } from './reply.ts';

/** A request under `/gateway/`, and what of it the listener has kept as it came. */
export interface GatewayTarget {
  readonly request: Request;
  readonly connection: string;
  /** With its `/`, nothing decoded. */
  readonly path: string;
  readonly query: string | null;
  /** Path of ours, for the URL that a proof names. */
  readonly own: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Calls back once what is answered to it was taken, or nobody is there any more to take it. */
  readonly whenTaken: (then: () => void) => void;
}

const TARGET = /^(\/gateway\/([^/?%]+)(\/[^?]*))(?:\?(.*))?$/s;

/**
 * What a request names; null where that is no connection and a path in it.
 * @param env the listener's, which holds Node's own request; without one the request is taken as it is
 */
export function gatewayTarget(request: Request, env: unknown): GatewayTarget | null {
  const { target, headers } = asItCame(request, env);
  const [, own, connection, path, query] = TARGET.exec(target) ?? [];
  if (own === undefined || connection === undefined || path === undefined) return null;
  const whenTaken = (then: () => void): void => onClose(env, then);
  return { request, connection, path, query: query ?? null, own, headers, whenTaken };
}

/** Fetch's request has its target normalised and repeated headers joined. */
function asItCame(
  request: Request,
  env: unknown,
): { readonly target: string; readonly headers: GatewayTarget['headers'] } {
  const incoming = isObject(env) && isObject(env['incoming']) ? env['incoming'] : null;
  const [url, raw] = [incoming?.['url'], incoming?.['rawHeaders']];
  if (typeof url !== 'string' || !Array.isArray(raw)) {
    const { pathname, search } = new URL(request.url);
    return { target: `${pathname}${search}`, headers: [...request.headers] };
  }
  const headers = raw.flatMap((name: unknown, at): [string, string][] =>
    at % 2 === 0 ? [[String(name).toLowerCase(), String(raw[at + 1])]] : [],
  );
  return { target: url, headers };
}

/** At once where there is no listener. */
function onClose(env: unknown, then: () => void): void {
  const outgoing = isObject(env) ? env['outgoing'] : null;
  if (outgoing instanceof OutgoingMessage && !outgoing.destroyed) outgoing.once('close', then);
  else then();
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** What proxies write, once each, on the way here. It says nothing of what is asked. */
const OF_PROXIES: ReadonlySet<string> = new Set([
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
]);

/** By which a request is another one than it looks like, or becomes none. */
const REFUSED = [
  'content-range',
  'http2-settings',
  'sec-websocket-accept',
  'sec-websocket-key',
  'sec-websocket-version',
  'trailer',
  'upgrade',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
] as const;

/** @throws CountersignError `invalid_request`, `unsupported_media_type` */
function headersOf({ request, headers }: GatewayTarget): ReadonlyMap<string, string> {
  const once = new Map<string, string>();
  for (const [name, value] of headers) {
    if (OF_PROXIES.has(name)) continue;
    if (once.has(name)) throw inputError('invalid_request', `The header ${name} is there twice.`);
    once.set(name, value);
  }
  const refused = REFUSED.find((name) => once.has(name));
  if (refused !== undefined) {
    throw inputError('invalid_request', `The header ${refused} has no meaning here.`);
  }
  if (once.has('content-encoding')) {
    throw inputError('unsupported_media_type', 'Content-Encoding is not accepted.');
  }
  const framing = once.get('transfer-encoding');
  if (framing !== undefined && framing.toLowerCase() !== 'chunked') {
    throw inputError('invalid_request', 'Transfer-Encoding may be chunked and nothing else.');
  }
  const hasBody = framing !== undefined || Number(once.get('content-length') ?? 0) > 0;
  if (hasBody && (request.method === 'GET' || request.method === 'HEAD')) {
    throw inputError('invalid_request', `A ${request.method} takes no body.`);
  }
  return once;
}

/** @param report told of what fails after the answer has begun */
export async function answerForwarded(
  useCases: UseCases,
  issuer: string,
  target: GatewayTarget,
  report: (error: unknown) => void,
): Promise<Reply> {
  const { request, connection, path, query, own } = target;
  const headers = new Map(headersOf(target));
  const authorization = readAuthorization(request.headers);
  const proof = readProof(request.headers);
  headers.delete('authorization');
  headers.delete('dpop');
  const input: ForwardInput = {
    connection,
    method: request.method,
    path,
    query,
    url: `${issuer}${own}`,
    authorization,
    proof,
    headers,
    readBody: (limit) => readAtMost(request, limit),
    signal: request.signal,
  };
  const outcome = await useCases.forward(input);
  if (!outcome.allowed) {
    const shown = request.headers.get('authorization');
    return renderProblem(refusalOfDenial(outcome.denial), issuer, shown);
  }
  return decided(replyOf(outcome.value, target, report), outcome.decision);
}

/** Statuses whose answers have no body (Fetch, section 2.2.3). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

function replyOf(
  answer: ForwardedAnswer,
  target: GatewayTarget,
  report: (error: unknown) => void,
): Reply {
  const { status, headers } = answer;
  const isBodiless = BODILESS.has(status);
  if (isBodiless) answer.close();
  return {
    status,
    headers,
    body: isBodiless ? null : bodyOf(answer, target, report),
    code: null,
    decision: null,
  };
}

function bodyOf(
  { body, close }: ForwardedAnswer,
  { whenTaken }: GatewayTarget,
  report: (error: unknown) => void,
): Reply['body'] {
  if (!(body instanceof Uint8Array)) return streamOf(body, close, report);
  // What nobody reads is in memory here, on its agent's account.
  whenTaken(close);
  return body;
}

/** Read only as fast as the agent reads; what breaks off is cut, never ended as if it were whole. */
function streamOf(
  body: AsyncIterable<Uint8Array>,
  close: () => void,
  report: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await iterator.next();
          if (next.done === true) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          report(error);
          controller.error(new Error('the answer was cut short'));
          close();
        }
      },
      cancel() {
        close();
      },
    },
    { highWaterMark: 0 },
  );
}
