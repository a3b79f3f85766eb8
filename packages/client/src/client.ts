/**
 * One door to the broker's routes, typed by the contract's table: requests go out proven (RFC 9449),
 * answers come in validated, refusals are thrown as what they are.
 */
import {
  type AnswerOf,
  BrokerView,
  type Route,
  type RouteName,
  routes,
} from '@countersign/contract';
import { type Clock, CountersignError, type Secret } from '@countersign/core';
import { errorOf, notABroker } from './problem.ts';
import { dpopProof } from './proofs.ts';
import { type CallInput, type PlainRequest, plainRequest } from './request.ts';
import type { SigningKey } from './signing-key.ts';

/** Whose token goes with each call. `key` proves possession of a DPoP-bound one; null: a bearer. */
export interface Caller {
  readonly token: Secret;
  readonly key: SigningKey | null;
}

export interface ClientOptions {
  /** Where the broker is reached, e.g. `http://localhost:8420`. */
  readonly server: string;
  /** What the broker calls itself, as pinned; left out: asked of it once. */
  readonly issuer?: string;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
}

/** A request as the provider's own API has it. */
interface ForwardedRequest {
  readonly method: string;
  /** Path of the provider's API, with its query: `/graphql/v2`. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

export interface Client {
  readonly server: string;
  readonly clock: Clock;
  /** @throws CountersignError `broker_unavailable` */
  issuer(): Promise<string>;
  /**
   * Calls a route; resolves to its validated answer, or to undefined where it has none.
   *
   * @throws ProblemError for a refusal; CountersignError `broker_unavailable` for no or a strange answer
   */
  call<N extends RouteName>(name: N, input: CallInput<N>): Promise<AnswerOf<N>>;
  /** Calls the token endpoint with a proof by this key; null: none, so the token will be a bearer. */
  token(input: CallInput<'token'>, key: SigningKey | null): Promise<AnswerOf<'token'>>;
  /**
   * Sends a request through the gateway. Resolves to the provider's answer, whatever it says.
   *
   * @throws ProblemError for the broker's own refusal; CountersignError as `call`
   */
  forward(connection: string, request: ForwardedRequest): Promise<Response>;
  /** Lines of the ledger's export as they arrive. Throws as `call`. */
  exportLines(query: { readonly authority: boolean }): AsyncGenerator<string>;
  /** The same door for someone who has a token. */
  as(caller: Caller): Client;
}

/** Milliseconds without any answer: longer than the longest poll. */
const PATIENCE = 60_000;

/** @throws CountersignError `invalid_request` when `server` is neither https nor on this machine */
export function createClient(options: ClientOptions): Client {
  const server = parseServer(options.server);
  const clock = options.clock ?? { now: () => Date.now() };
  const send = options.fetch ?? fetch;
  let issuer: Promise<string> | null =
    options.issuer === undefined ? null : Promise.resolve(options.issuer);

  async function request(
    plain: PlainRequest,
    proving: { readonly token: Secret | null; readonly key: SigningKey | null },
  ): Promise<Response> {
    const headers = new Headers({ accept: 'application/json, */*;q=0.5' });
    if (plain.body !== null) headers.set('content-type', plain.body.contentType);
    if (proving.token !== null) {
      const scheme = proving.key === null ? 'Bearer' : 'DPoP';
      headers.set('authorization', `${scheme} ${proving.token.reveal()}`);
    }
    if (proving.key !== null) {
      const url = new URL(plain.path, await knownIssuer()).href;
      const { method } = plain;
      const now = clock.now();
      headers.set(
        'dpop',
        await dpopProof(proving.key, { method, url, now, accessToken: proving.token }),
      );
    }
    const response = await reach({ ...plain, body: plain.body?.text ?? null }, headers);
    if (!response.ok) throw errorOf(response.status, await jsonOf(response));
    return response;
  }

  async function forward(
    connection: string,
    { method, path, contentType, body, signal }: ForwardedRequest,
    { token, key }: { readonly token: Secret | null; readonly key: SigningKey | null },
  ): Promise<Response> {
    const target = `/gateway/${encodeURIComponent(connection)}${path}`;
    const headers = new Headers(contentType === undefined ? {} : { 'content-type': contentType });
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    if (token !== null) {
      headers.set('authorization', `${key === null ? 'Bearer' : 'DPoP'} ${token.reveal()}`);
    }
    if (key !== null) {
      const url = new URL(target.replace(/\?.*$/s, ''), await knownIssuer()).href;
      const proven = { method, url, now: clock.now(), accessToken: token };
      headers.set('dpop', await dpopProof(key, { ...proven, body: bytes ?? new Uint8Array() }));
    }
    const response = await reach(
      {
        method,
        path: target,
        query: '',
        body: bytes ?? null,
        signal: signal ?? null,
      },
      headers,
    );
    // Whatever the provider said, it said by way of a decision; what is ours says its code.
    const isOurs = response.headers.get('content-type') === 'application/problem+json';
    if (!response.ok && isOurs) throw errorOf(response.status, await jsonOf(response));
    return response;
  }

  async function reach(
    plain: Pick<PlainRequest, 'method' | 'path' | 'query' | 'signal'> & {
      readonly body: string | Uint8Array<ArrayBuffer> | null;
    },
    headers: Headers,
  ): Promise<Response> {
    // Patience ends with the headers: a body may take as long as it is long.
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE);
    try {
      return await send(new URL(`${plain.path}${plain.query}`, server), {
        method: plain.method,
        headers,
        body: plain.body,
        // A credential goes to the server that was named, never where that one points.
        redirect: 'error',
        signal: plain.signal ?? patience.signal,
      });
    } catch (cause) {
      if (plain.signal?.aborted === true) throw cause;
      throw new CountersignError('broker_unavailable', `No broker answers at ${server}.`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  function knownIssuer(): Promise<string> {
    issuer ??= askIssuer();
    return issuer;
  }

  async function askIssuer(): Promise<string> {
    const response = await request(plainRequest('broker', {}), { token: null, key: null });
    const view = BrokerView.safeParse(await jsonOf(response));
    if (!view.success) throw notABroker('what it says of itself is not understood');
    return view.data.issuer;
  }

  function clientOf(caller: Caller | null): Client {
    const proving = { token: caller?.token ?? null, key: caller?.key ?? null };
    return {
      server,
      clock,
      issuer: knownIssuer,
      call: async (name, input) => {
        const route: Route = routes[name];
        const open = route.auth === 'none' || route.auth === 'client';
        const response = await request(
          plainRequest(name, input),
          open ? { token: null, key: null } : proving,
        );
        return await answerOf(name, response);
      },
      token: async (input, key) => {
        const response = await request(plainRequest('token', input), { token: null, key });
        return await answerOf('token', response);
      },
      forward: (connection, sent) => forward(connection, sent, proving),
      exportLines: async function* ({ authority }) {
        const query = authority ? { authority: 'true' } : {};
        const response = await request(plainRequest('auditExport', { query }), proving);
        yield* linesOf(response);
      },
      as: clientOf,
    };
  }
  return clientOf(null);
}

/** The base URL. A token sent in the clear over a network is a token given away. */
function parseServer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const here = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '');
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && here))) {
    throw new CountersignError(
      'invalid_request',
      'The server is an https URL, or http on localhost.',
    );
  }
  return url.origin;
}

async function answerOf<N extends RouteName>(name: N, response: Response): Promise<AnswerOf<N>> {
  const route: Route = routes[name];
  const answer = route.answer?.safeParse(await jsonOf(response));
  if (answer?.success === false) throw notABroker(`its answer to ${route.path} is not understood`);
  // The table's own schema has just read it; TypeScript cannot follow an indexed union.
  return answer?.data as AnswerOf<N>;
}

/** The body, or undefined when it is no JSON. */
async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  let rest = '';
  try {
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
  } catch (cause) {
    throw new CountersignError('broker_unavailable', 'The export broke off.', { cause });
  }
  if (rest !== '') yield rest;
}
