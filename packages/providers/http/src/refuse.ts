/** Refusals of requests, in words for an agent: about its own request and the catalog, and nothing else. */
import { type GatewayCall, RequestRefusal } from '@countersign/provider-kit';

export function unreadable(why: string): RequestRefusal {
  return new RequestRefusal('unparseable_request', why);
}

export function ambiguous(why: string, calls: readonly GatewayCall[] = []): RequestRefusal {
  return new RequestRefusal('ambiguous_request', why, calls);
}

export function unknown(why: string, calls: readonly GatewayCall[] = []): RequestRefusal {
  return new RequestRefusal('unknown_operation', why, calls);
}
