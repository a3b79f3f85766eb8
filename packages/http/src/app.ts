/**
 * The HTTP surface: every route of the contract's table, mounted by one function. Whatever a client
 * sends wrong is answered from the two closed lists, and whatever goes wrong here is a refusal.
 */
import { randomUUID } from 'node:crypto';
import type { UseCases } from '@countersign/broker';
import { GATEWAY, type Route, type RouteName, routes } from '@countersign/contract';
import { type Clock, inputError, statusOf } from '@countersign/core';
import { type Context, Hono } from 'hono';
import type { Caller } from './call.ts';
import { answerForwarded, gatewayTarget } from './gateway.ts';
import { createHandlers } from './handlers.ts';
import { welcome } from './metadata.ts';
import type { MetricsDoor } from './metrics-door.ts';
import { MethodNotAllowed, refusalOf, renderOAuthError, renderProblem } from './refusal.ts';
import { type Reply, respond, text } from './reply.ts';
import { loggableMethod, type RequestLog, withoutWords } from './request-log.ts';
import { type Incoming, serve } from './serve.ts';

export interface AppOptions {
  readonly useCases: UseCases;
  /** An origin without a path or a trailing slash, e.g. `https://broker.example.com`. */
  readonly issuer: string;
  readonly version: string;
  readonly log: RequestLog;
  readonly clock: Clock;
  /** Aborted when the process is about to stop: it is ready for no more. */
  readonly stopping: AbortSignal;
  /** Aborted when nobody can wait here any longer: long polls are answered as things stand. */
  readonly closing: AbortSignal;
  readonly metrics: MetricsDoor;
}

const FORWARDED_METHODS: readonly string[] = GATEWAY.methods.map((method) => method.toUpperCase());

type Observed = Pick<Incoming, 'onCaller' | 'report'>;

/**
 * The application, independent of what listens: give its `fetch` to a server.
 *
 * @throws TypeError when the issuer is not an origin
 */
export function createApp(options: AppOptions): Hono {
  const { useCases, issuer, version, metrics } = options;
  if (!URL.canParse(issuer) || new URL(issuer).origin !== issuer) {
    throw new TypeError('the issuer must be an origin, e.g. https://broker.example.com');
  }
  const handlers = createHandlers(options);
  // The path as it came: Hono would decode escapes, and a path of ours has one spelling.
  const app = new Hono({ getPath: (request) => new URL(request.url).pathname });

  for (const [path, methods] of routesByPath()) {
    app.all(path.replaceAll(/\{(\w+)\}/g, ':$1'), (c) =>
      answer(c, options, path, (observed) => {
        if (c.req.path.includes('%')) throw notFound();
        const params = c.req.param();
        const name = methods.get(c.req.method === 'HEAD' ? 'GET' : c.req.method);
        if (name === undefined) throw new MethodNotAllowed(allowed([...methods.keys()]));
        const url = `${issuer}${c.req.path}`;
        const request = c.req.raw;
        const incoming = { request, params, url, metrics, ...observed };
        return serve(name, handlers, useCases, incoming);
      }),
    );
  }
  app.all('/gateway/*', (c) =>
    answer(c, options, GATEWAY.path, ({ report }) => {
      const target = gatewayTarget(c.req.raw, c.env);
      if (target === null) throw notFound();
      if (!FORWARDED_METHODS.includes(c.req.method)) {
        throw new MethodNotAllowed(FORWARDED_METHODS.join(', '));
      }
      return answerForwarded(useCases, issuer, target, report);
    }),
  );
  app.all('/', (c) =>
    answer(c, options, '/', () => {
      if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
        throw new MethodNotAllowed(allowed(['GET']));
      }
      return text(welcome(issuer, version));
    }),
  );
  app.notFound((c) =>
    answer(c, options, null, () => {
      throw notFound();
    }),
  );
  // Only logging itself can fail outside `answer`; that refuses too.
  app.onError((error, c) =>
    respond(renderProblem(refusalOf(error), issuer, null), c.req.method, randomUUID()),
  );
  return app;
}

/** Route names by path template and method. */
function routesByPath(): ReadonlyMap<string, ReadonlyMap<string, RouteName>> {
  const paths = new Map<string, Map<string, RouteName>>();
  // Object.entries widens the keys of a closed table to string.
  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    const methods = paths.get(route.path) ?? new Map<string, RouteName>();
    methods.set(route.method.toUpperCase(), name);
    paths.set(route.path, methods);
  }
  return paths;
}

function allowed(methods: readonly string[]): string {
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}

function notFound(): Error {
  return inputError('not_found', 'There is nothing at this path.');
}

/** Runs the work of one request; its answer, its log line and its failure are all made here. */
async function answer(
  c: Context,
  { issuer, log, clock }: AppOptions,
  template: string | null,
  work: (observed: Observed) => Reply | Promise<Reply>,
): Promise<Response> {
  const began = clock.now();
  const requestId = randomUUID();
  const seen: { caller: Caller } = { caller: null };
  const report = (error: unknown) =>
    log.error({ requestId, route: template, ...withoutWords(error) });
  const onCaller = (caller: Caller) => {
    seen.caller = caller;
  };

  let reply: Reply;
  try {
    reply = await work({ onCaller, report });
  } catch (error) {
    const refusal = refusalOf(error);
    // A client that left while it waited is no failure of ours; anything else is, even after it left.
    const { aborted, reason } = c.req.raw.signal;
    if (statusOf(refusal.code) === 503 && !(aborted && error === reason)) report(error);
    const render = template === routes.token.path ? renderOAuthError : renderProblem;
    reply = render(refusal, issuer, c.req.header('authorization') ?? null);
  }

  log.request({
    requestId,
    method: loggableMethod(c.req.method),
    route: template,
    status: reply.status,
    durationMs: clock.now() - began,
    code: reply.code,
    decision: reply.decision,
    agent: seen.caller?.kind === 'agent' ? seen.caller.agent : null,
    human: seen.caller?.kind === 'human' ? seen.caller.human : null,
  });
  return respond(reply, c.req.method, requestId);
}
