/**
 * The gateway's side of the provider contract (Law 3): what a request can do is said by the provider,
 * whether it may is decided by the broker, and only what was judged is forwarded. Nothing here sees the
 * agent's own token, and nothing but `inject` the credential.
 */
import type { DenialCode, Secret } from '@countersign/core';
import type { ProviderConnection } from './provider.ts';

/** A request as it came, whole and within its limits, without hop-by-hop headers and credentials. */
export interface InboundRequest {
  /** Upper case. */
  readonly method: string;
  /** Begins with `/`; as it came, nothing decoded. */
  readonly path: string;
  /** What follows `?`, as it came; null where there is no `?`. */
  readonly query: string | null;
  /** Lower-case names, each once: a header that came twice is refused before. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/**
 * One thing a request can do. Arguments that make a field do more make more calls of it: the union is
 * judged. Operations are the catalog's; what a field is called upstream decides nothing.
 */
export interface GatewayCall {
  readonly operation: string;
  /** Canonical. */
  readonly resource: string;
}

/** A request that was understood completely. */
export interface ClassifiedRequest {
  /** Every call in it; never empty. */
  readonly calls: readonly GatewayCall[];
  /**
   * Law 2: where its calls would take place, by the provider's own account. Asked again, it asks anew.
   * @throws RequestRefusal what nobody can be asked about: an unknown id, an object of another project
   * @throws ProviderError when the provider does not answer, or not so that it can be understood
   */
  resolve(ask: ResolveAsk): Promise<ResolvedRequest>;
}

export interface ResolveAsk {
  /** True: nothing is taken from memory (what is delete-capable). */
  readonly fresh: boolean;
  /**
   * Called once before each question to the provider.
   * @returns the signal to ask it under, aborted when it is to be given up
   * @throws ProviderError `unavailable` when the agent has asked for too many
   */
  readonly spend: () => AbortSignal;
}

export interface ResolvedRequest {
  /**
   * The calls, with those that only the provider's own state shows: a step without content of its own
   * (commit what was staged) is judged by, and forwarded as, that content.
   */
  readonly calls: readonly GatewayCall[];
  /** The provider's own environment ids that they reveal or change; empty: no environment's data. */
  readonly environments: readonly string[];
  /** What has to hold still from the answer to the end of the call, e.g. `project/<id>`; sorted. */
  readonly holds: readonly string[];
  /** What to send: made from what was judged, never from the bytes that came. */
  readonly outbound: OutboundRequest;
  /**
   * Where what is sent holds secrets that its agent was not granted: what the agent may see of the whole answer.
   * Absent: all of it.
   */
  readonly conceal?: (answer: Uint8Array) => Uint8Array;
}

export interface OutboundRequest {
  readonly method: string;
  /** Absolute, of one of the provider's hosts. */
  readonly url: URL;
  /** Lower-case names; without a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

/** Optional capability: the broker forwards requests and adds the credential. */
export interface Gateway {
  /** Host names, lower-case, that nobody else's description may claim (Law 3). */
  readonly hosts: readonly string[];
  /** Headers, lower-case, in which its own clients send a token beside `Authorization`. */
  readonly tokenHeaders: readonly string[];
  /** Bytes of the longest body that is read. */
  readonly longestBody: number;
  /**
   * Law 3: completely, or not at all.
   * @throws RequestRefusal
   * @throws ProviderError when what it needs to understand a request could not be had
   */
  classify(connection: ProviderConnection, request: InboundRequest): Promise<ClassifiedRequest>;
  /** The header that carries the credential upstream. */
  inject(connection: ProviderConnection): { readonly name: string; readonly value: Secret };
  /** True where this status says that nothing was done, so that a use comes back. */
  refused(status: number): boolean;
}

/** Why a request is not forwarded, whatever was granted. */
export class RequestRefusal extends Error {
  readonly code: Extract<
    DenialCode,
    | 'unknown_operation'
    | 'unparseable_request'
    | 'ambiguous_request'
    | 'environment_mismatch'
    | 'environment_unproven'
  >;
  /** What it would have done, as far as it was understood, for the ledger and an access request. */
  readonly calls: readonly GatewayCall[];

  /** `message` is one sentence about the request alone, for the agent: it names no policy and no secret. */
  constructor(code: RequestRefusal['code'], message: string, calls: readonly GatewayCall[] = []) {
    super(message);
    this.name = 'RequestRefusal';
    this.code = code;
    this.calls = calls;
  }
}
