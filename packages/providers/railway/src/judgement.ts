/** What a request comes to, as far as it says so itself: calls, and the anchors by which they are placed. */
import { type GatewayCall, RequestRefusal } from '@countersign/provider-kit';
import type { Anchor, AnchorKind } from './anchor.ts';
import { canonicalResource, operationOf } from './catalog.ts';
import { isId } from './resource.ts';

export class Judgement {
  readonly #calls = new Map<string, GatewayCall>();
  readonly anchors: Anchor[] = [];

  /** Each once, in the order in which they were found. */
  get calls(): readonly GatewayCall[] {
    return [...this.#calls.values()];
  }

  /** @param name of a root field or of a part, without the provider */
  call(name: string, resource: string): void {
    const operation = operationOf(name);
    if (canonicalResource(operation, resource) === null) {
      throw new RequestRefusal('unparseable_request', `${operation} is not done to ${resource}.`);
    }
    this.#calls.set(`${operation} ${resource}`, { operation, resource });
  }

  anchor(kind: AnchorKind, id: string, within: string | null = null): void {
    this.anchors.push({ kind, id, within });
  }
}

/** @throws RequestRefusal what is not the one spelling of an id */
export function requireId(value: unknown, what: string): string {
  if (isId(value)) return value;
  throw unreadable(`${what} has to be an id as Railway prints it: a UUID in lower case.`);
}

export function unreadable(message: string): RequestRefusal {
  return new RequestRefusal('unparseable_request', message);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
