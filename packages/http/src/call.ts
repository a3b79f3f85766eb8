/** What a handler gets, typed from the contract's route: parsed, validated, authenticated. */
import type { AgentCaller, HumanCaller } from '@countersign/broker';
import type { RouteAuth, RouteName, routes } from '@countersign/contract';
import type { z } from 'zod';
import type { Reply } from './reply.ts';

type Routes = typeof routes;

type Input<R, K extends string> =
  R extends Readonly<Record<K, infer S extends z.ZodType>> ? z.infer<S> : undefined;

type Body<R> = R extends { readonly body: { readonly schema: infer S extends z.ZodType } }
  ? z.infer<S>
  : undefined;

export type Caller = AgentCaller | HumanCaller | null;

interface CallerByAuth extends Record<RouteAuth, Caller> {
  readonly none: null;
  readonly client: null;
  readonly operator: null;
  readonly agent: AgentCaller;
  readonly human: HumanCaller;
  /** Null: whoever holds the one-time code in the body. */
  readonly code: HumanCaller | null;
  readonly 'agent-or-human': AgentCaller | HumanCaller;
}

export interface Call<N extends RouteName> {
  readonly params: Input<Routes[N], 'params'>;
  readonly query: Input<Routes[N], 'query'>;
  readonly body: Body<Routes[N]>;
  readonly caller: CallerByAuth[Routes[N]['auth']];
  /** The token endpoint's DPoP proof; elsewhere null, since the caller is already known. */
  readonly proof: string | null;
  /** Whether a client authenticated in the Authorization header, whose scheme a 401 must then name. */
  readonly byHeader: boolean;
  /** The URL the client addressed, by the issuer's origin; no query. */
  readonly url: string;
  /** The query as it came, for the link to a next page. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Logs what fails after the answer has begun. */
  readonly report: (error: unknown) => void;
}

/** One for every route: a route added to the contract without its handler does not compile. */
export type Handlers = {
  readonly [N in RouteName]: (call: Call<N>) => Reply | Promise<Reply>;
};
