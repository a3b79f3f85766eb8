/** Types of a call, read off the contract's table, so that a route is described once. */
import { type BodyOf, type Route, type RouteName, routes } from '@countersign/contract';

type Definition<N extends RouteName> = (typeof routes)[N];

type Placeholders<P extends string> = P extends `${string}{${infer K}}${infer Rest}`
  ? K | Placeholders<Rest>
  : never;

type ParamsPart<N extends RouteName> = [Placeholders<Definition<N>['path']>] extends [never]
  ? unknown
  : { readonly params: Readonly<Record<Placeholders<Definition<N>['path']>, string>> };

type QueryPart<N extends RouteName> =
  Definition<N> extends { query: infer Q extends { parse(value: unknown): unknown } }
    ? { readonly query?: ReturnType<Q['parse']> }
    : unknown;

type BodyPart<N extends RouteName> = [BodyOf<N>] extends [undefined]
  ? unknown
  : { readonly body: BodyOf<N> };

/** What a call to a route takes. */
export type CallInput<N extends RouteName> = { readonly signal?: AbortSignal } & ParamsPart<N> &
  QueryPart<N> &
  BodyPart<N>;

/** A request without its origin, ready to be sent or proven. */
export interface PlainRequest {
  readonly method: string;
  /** Path with its parameters, percent-encoded. */
  readonly path: string;
  /** With its `?`, or empty. */
  readonly query: string;
  readonly body: { readonly contentType: string; readonly text: string } | null;
  readonly signal: AbortSignal | null;
}

/** As it goes on the wire. Members that are `undefined` are left out. */
export function plainRequest(
  name: RouteName,
  input: {
    readonly params?: Readonly<Record<string, string>>;
    readonly query?: object;
    readonly body?: unknown;
    readonly signal?: AbortSignal;
  },
): PlainRequest {
  const route: Route = routes[name];
  const path = route.path.replace(/\{([^}]+)\}/g, (_, key: string) =>
    encodeURIComponent(input.params?.[key] ?? ''),
  );
  const query = formOf(input.query ?? {});
  return {
    method: route.method.toUpperCase(),
    path,
    query: query === '' ? '' : `?${query}`,
    body: route.body === undefined ? null : bodyOf(route.body.type, input.body),
    signal: input.signal ?? null,
  };
}

function bodyOf(type: 'json' | 'form', body: unknown): PlainRequest['body'] {
  return type === 'json'
    ? { contentType: 'application/json', text: JSON.stringify(body) }
    : {
        contentType: 'application/x-www-form-urlencoded',
        text: formOf(typeof body === 'object' && body !== null ? body : {}),
      };
}

function formOf(members: object): string {
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(members)) {
    if (value !== undefined) form.append(key, String(value));
  }
  return form.toString();
}
