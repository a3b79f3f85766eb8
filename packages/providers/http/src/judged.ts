/** What the two kinds of requests have in common once they are read: calls, where they lead, what is sent. */
import type { GatewayCall, InboundRequest, OutboundRequest } from '@countersign/provider-kit';
import type { Compiled, CompiledOperation, Known, Placement } from './description/compiled.ts';
import { holds } from './description/condition.ts';
import { fill, parsePlace, type Sources, valuesNear } from './description/pattern.ts';
import { ambiguous } from './refuse.ts';

/** A request as far as it says what it is; where it leads may have to be asked. */
export interface Judged {
  readonly calls: readonly GatewayCall[];
  /** Where it leads: what is asked, and of which values it is made. */
  readonly parts: readonly {
    readonly placements: readonly Placement[];
    readonly sources: Sources;
  }[];
  readonly outbound: OutboundRequest;
  readonly conceal: ((answer: Uint8Array) => Uint8Array) | null;
}

/** Operations that a request is too, by what it says: of each condition that holds (Law 3). */
export function raisedBy(
  { conditions, described }: Pick<CompiledOperation, 'conditions' | 'described'>,
  sources: Sources,
): readonly Known[] {
  return conditions.filter(({ condition }) => {
    const place = parsePlace(condition.at.slice(1, -1));
    if (place === null) return true;
    const isText =
      place.source === 'body' ? described.body?.type === 'form' : place.source !== 'arg';
    return holds(condition, valuesNear(place, sources), isText);
  });
}

/** One on each resource that the request names. @throws RequestRefusal `ambiguous_request` where it names none */
export function callsOf({ name, resource }: Known, sources: Sources): readonly GatewayCall[] {
  const resources = fill(resource, sources);
  if (resources === null) {
    throw ambiguous(`What ${name} would be done to is not said as ${resource.text}.`);
  }
  return resources.map((each) => ({ operation: name, resource: each }));
}

/** Each call once, in order. */
export function distinct(calls: readonly GatewayCall[]): readonly GatewayCall[] {
  const seen = new Set<string>();
  return calls.filter(({ operation, resource }) => {
    const key = `${operation} ${resource}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

/** Law 3: no header of the agent's but the type of its body and an answer it may have. `contentType` null: no body. */
export function headersOf(
  { description }: Compiled,
  { headers }: InboundRequest,
  contentType: string | null,
): Readonly<Record<string, string>> {
  const { accept = ['application/json'] } = description;
  const wanted = headers.get('accept') ?? '';
  return {
    'user-agent': 'countersign',
    ...description.headers,
    accept: accept.find((type) => type === wanted) ?? accept[0] ?? 'application/json',
    ...(contentType === null ? {} : { 'content-type': contentType }),
  };
}
