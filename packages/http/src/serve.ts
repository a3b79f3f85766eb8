/** One request of a known route: check, authenticate, parse, call one use case. In that order. */
import type { Presented, UseCases } from '@countersign/broker';
import { type Route, type RouteName, routes } from '@countersign/contract';
import { CountersignError, inputError } from '@countersign/core';
import { type BasicClient, readClientAuthorization } from './basic-client.ts';
import { checkBodyHeaders, readBody } from './body.ts';
import type { Call, Caller, Handlers } from './call.ts';
import { looksLikeSession, readAuthorization, readProof } from './credentials.ts';
import { parseForm } from './form-text.ts';
import type { MetricsDoor } from './metrics-door.ts';
import type { Reply } from './reply.ts';
import { tokenRequestOf } from './token-endpoint.ts';
import { validate, validateQuery } from './validation.ts';

export interface Incoming {
  readonly request: Request;
  /** Path parameters, raw. */
  readonly params: Readonly<Record<string, string>>;
  /** The issuer's origin and the path: never built from Host, which the client chooses. */
  readonly url: string;
  /** Told who is calling as soon as that is known. */
  readonly onCaller: (caller: Caller) => void;
  readonly report: Call<RouteName>['report'];
  readonly metrics: MetricsDoor;
}

/** @throws CountersignError for whatever is wrong with the request */
export async function serve<N extends RouteName>(
  name: N,
  handlers: Handlers,
  useCases: UseCases,
  { request, params, url, onCaller, report, metrics }: Incoming,
): Promise<Reply> {
  const route: Route = routes[name];
  if (route.auth === 'operator' && !metrics.admits(request)) throw notForYou();
  checkBodyHeaders(route, request.headers);
  const basic = route.auth === 'client' ? readClientAuthorization(request.headers) : null;
  const caller = await authenticate(route, useCases, request, url);
  onCaller(caller);

  const parameters = parseForm(new URL(request.url).search.slice(1));
  if (route.query === undefined && Object.keys(parameters).length > 0) {
    throw inputError('invalid_request', 'This request takes no query.');
  }
  const input = {
    params: route.params && validate(route.params, params, 'path'),
    query: route.query && validateQuery(route.query, parameters),
    body: await bodyOf(route, request, caller, basic),
  };
  const call = {
    ...input,
    caller,
    proof: route.auth === 'client' ? readProof(request.headers) : null,
    byHeader: basic !== null,
    url,
    parameters,
    // Made when it is asked for: few handlers wait, and the listener's signal is not free.
    get signal() {
      return request.signal;
    },
    report,
  };
  // What makes it a Call<N> is what route N demanded above: its schemas parsed the input, its auth the caller.
  return handlers[name](call as Call<N>);
}

async function bodyOf(
  route: Route,
  request: Request,
  caller: Caller,
  basic: BasicClient | null,
): Promise<unknown> {
  const raw = await readBody(route, request);
  if (route.body === undefined) return undefined;
  if (route.auth === 'client') return tokenRequestOf(raw, basic);
  if (route.auth === 'code' && caller === null && !maySpeakUnknown(raw)) throw unauthenticated();
  return validate(route.body.schema, raw, 'body');
}

/** Who is not signed in, and cannot be: with a one-time code, or recovering. What that is worth is judged later. */
function maySpeakUnknown(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  if ('code' in body && typeof body.code === 'string') return true;
  return isRecovery(body) || ('envelope' in body && isRecovery(statementOf(body.envelope)));
}

function isRecovery(statement: unknown): boolean {
  return (
    typeof statement === 'object' &&
    statement !== null &&
    'kind' in statement &&
    statement.kind === 'recover'
  );
}

/** What an envelope seems to hold. Nothing is believed of it here. */
function statementOf(envelope: unknown): unknown {
  if (typeof envelope !== 'object' || envelope === null || !('payload' in envelope)) return null;
  try {
    return JSON.parse(Buffer.from(String(envelope.payload), 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}

/** The caller a route demands; null where it demands none, or a code instead of a session. */
async function authenticate(
  route: Route,
  useCases: UseCases,
  request: Request,
  url: string,
): Promise<Caller> {
  if (route.auth === 'none' || route.auth === 'client' || route.auth === 'operator') return null;
  const authorization = readAuthorization(request.headers);
  if (authorization === null) {
    if (route.auth === 'code') return null;
    throw unauthenticated();
  }
  const presented: Presented = {
    ...authorization,
    proof: readProof(request.headers),
    method: request.method,
    url,
  };
  const asHuman =
    route.auth === 'human' ||
    route.auth === 'code' ||
    (route.auth === 'agent-or-human' && looksLikeSession(authorization.token));
  return asHuman ? useCases.authenticateHuman(presented) : useCases.authenticateAgent(presented);
}

function notForYou(): CountersignError {
  return inputError(
    'forbidden',
    'This is for the operator: on the server itself, or with the token of COUNTERSIGN_METRICS_TOKEN_FILE.',
  );
}

function unauthenticated(): CountersignError {
  return new CountersignError('unauthenticated', 'This request needs a token or a session.');
}
