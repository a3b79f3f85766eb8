/** The application over fake use cases, a log that keeps its lines, and one valid request per route. */
import type { UseCases } from '@countersign/broker';
import { JWT_BEARER, type Route, type RouteName, routes } from '@countersign/contract';
import { z } from 'zod';
import { type AppOptions, createApp, type ErrorFields, type RequestFields } from '../src/index.ts';
import { fakeUseCases, ID, ISSUER } from './fake-use-cases.ts';

/** What every application has and few tests look at. */
export const UNSTOPPED = {
  stopping: new AbortController().signal,
  closing: new AbortController().signal,
  metrics: { admits: () => true, read: async () => 'countersign_ready 1\n' },
};

export function brokerApp(overrides: Partial<UseCases> = {}, options: Partial<AppOptions> = {}) {
  const { useCases, calls } = fakeUseCases(overrides);
  const requests: RequestFields[] = [];
  const errors: ErrorFields[] = [];
  const app = createApp({
    useCases,
    issuer: ISSUER,
    version: '1.2.3',
    log: { request: (fields) => requests.push(fields), error: (fields) => errors.push(fields) },
    clock: { now: () => Date.parse('2026-11-20T12:00:00.000Z') },
    ...UNSTOPPED,
    ...options,
  });
  return { app, calls, requests, errors };
}

const envelope = { payload: 'e30', signatures: [], assertions: [] };

/** A body each POST route accepts. */
export const BODIES: Partial<Record<RouteName, Readonly<Record<string, unknown>>>> = {
  token: { grant_type: JWT_BEARER, assertion: 'a.b.c' },
  testGuardrail: { policy: 'forbid (principal, action, resource);' },
  runGrant: { sql: 'select', resource: 'public' },
  fileAccessRequest: {
    authorization_details: [{ type: 'countersign', connection: 'pg', environment: 'staging' }],
    reason: 'to look',
  },
  rejectAccessRequest: { reason: 'no' },
  draft: { kind: 'grant.revoke', id: ID, body: { grant: ID, reason: 'because' } },
  recordCatalog: { description: { version: 1 } },
  propose: { envelope },
  sign: { signature: { protected: 'e30', signature: 'e30' } },
  reject: { envelope },
  invite: { name: 'bob', roles: ['approver'], groups: [] },
  explain: {
    agent: 'cursor',
    connection: 'pg',
    environment: 'staging',
    operation: 'postgres:select',
  },
};

export const ALL_ROUTES: readonly { readonly name: RouteName; readonly route: Route }[] =
  // Object.entries widens the keys of a closed table to string.
  (Object.entries(routes) as [RouteName, Route][]).map(([name, route]) => ({ name, route }));

/** The object an answer holds. */
export async function objectOf(response: Response): Promise<Record<string, unknown>> {
  return z.record(z.string(), z.unknown()).parse(await response.json());
}

export interface Sent {
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** The valid request of a route, with what a test changes about it. */
export function requestTo(name: RouteName, sent: Sent = {}): Request {
  const route: Route = routes[name];
  const path = sent.path ?? route.path.replace('{id}', ID);
  const body = sent.body ?? bodyText(name);
  return new Request(`http://attacker.example${path}${sent.query ?? ''}`, {
    method: route.method.toUpperCase(),
    headers: {
      ...authorizationFor(route.auth),
      ...(route.body === undefined
        ? {}
        : {
            'content-type':
              route.body.type === 'json' ? 'application/json' : 'application/x-www-form-urlencoded',
          }),
      ...sent.headers,
    },
    ...(body === undefined ? {} : { body, duplex: 'half' }),
  });
}

export function bodyText(name: RouteName, body = BODIES[name]): string | undefined {
  if (body === undefined) return undefined;
  const route: Route = routes[name];
  return route.body?.type === 'form'
    ? new URLSearchParams(
        Object.entries(body).map(([key, value]): [string, string] => [key, String(value)]),
      ).toString()
    : JSON.stringify(body);
}

function authorizationFor(auth: Route['auth']): Record<string, string> {
  switch (auth) {
    case 'none':
    case 'client':
    case 'operator':
      return {};
    case 'agent':
    case 'agent-or-human':
      return { authorization: 'Bearer agent' };
    case 'human':
    case 'code':
      return { authorization: 'DPoP human', dpop: 'a.b.c' };
  }
}
