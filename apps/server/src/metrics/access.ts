/**
 * Who may read the metrics. They say how busy a deployment is and how it fails, so not everybody: with a
 * token whoever shows it; without one, peers on this machine that say so, and not even those where a proxy
 * is listed, because behind a proxy everybody looks like one.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@countersign/core';
import { isLoopback } from '../config.ts';

const PATH = '/metrics';

export interface MetricsAccess {
  /** Notes where a request came from; before it is asked about. */
  from(request: Request, peer: string): void;
  admits(request: Request): boolean;
  /** Whether it may come past the proxies: whoever scrapes each server holds the token, and is no proxy. */
  opens(request: Request): boolean;
}

export function createMetricsAccess(options: {
  /** Null: no token opens them. */
  readonly token: Secret | null;
  readonly behindProxy: boolean;
}): MetricsAccess {
  const { token, behindProxy } = options;
  const local = new WeakSet<Request>();
  const isShown = (request: Request): boolean => {
    const [, shown] = /^Bearer ([!-~]+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
    return (
      token !== null &&
      shown !== undefined &&
      timingSafeEqual(digest(shown), digest(token.reveal()))
    );
  };
  return {
    from(request, peer) {
      // A page of another site that has its name resolve to this machine (DNS rebinding) is such a peer too.
      if (isLoopback(peer) && isLoopback(new URL(request.url).hostname)) local.add(request);
    },
    admits(request) {
      return token === null ? !behindProxy && local.has(request) : isShown(request);
    },
    opens(request) {
      return new URL(request.url).pathname === PATH && isShown(request);
    },
  };
}

/** Of equal length whatever was sent. */
function digest(text: string): Uint8Array {
  return hash('sha256', text, 'buffer');
}
