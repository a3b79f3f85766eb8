/**
 * How the broker speaks to a provider over HTTP: kept-alive connections to the one origin a connection
 * names, no redirects, no encodings, and never more of an answer than was asked for.
 */
import type { Secret } from '@countersign/core';
import type { OutboundRequest } from './gateway.ts';

export interface UpstreamAnswer {
  readonly status: number;
  /** Lower-case names; several of one name joined by `, `, without hop-by-hop headers. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes that it declares of its body, null where it does not: no more come, fewer where it breaks off or has none. */
  readonly length: number | null;
  /** As it comes; a ProviderError where it breaks off. Not read to its end, it has to be destroyed. */
  readonly body: AsyncIterable<Uint8Array> & { destroy(): void };
}

/** One for a whole server. */
export interface Upstream {
  /**
   * Sends it once: no redirect is followed, nothing is tried again.
   * @throws ProviderError `unavailable` when nothing of it was sent, `unknown_outcome` when something may
   * have been, or the answer is in an encoding that was not asked for; `misconfigured` for what is never sent
   */
  send(
    request: OutboundRequest,
    credential: { readonly name: string; readonly value: Secret },
    limits: {
      /** Milliseconds until its headers are there. */
      readonly patience: number;
      /** Of `performance.now()`. Law 4: not begun by then, in whichever queue, it is `unavailable`. */
      readonly startBefore?: number;
      readonly signal: AbortSignal;
    },
  ): Promise<UpstreamAnswer>;
  close(): Promise<void>;
}
