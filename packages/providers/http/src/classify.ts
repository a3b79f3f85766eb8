/** What a request can do, by the description alone (Law 3), and what is sent in its place. */
import type {
  ClassifiedRequest,
  GatewayCall,
  InboundRequest,
  OutboundRequest,
} from '@countersign/provider-kit';
import { LONGEST_BODY, readBody } from './body.ts';
import type { Compiled, CompiledOperation, Known, Placement } from './description/compile.ts';
import { holds } from './description/condition.ts';
import { renderPath } from './description/path.ts';
import { fill, parsePlace, type Sources, valuesNear } from './description/pattern.ts';
import { readFields, renderFields, requireKnown } from './query.ts';
import { redacting } from './redact.ts';
import { ambiguous, unreadable } from './refuse.ts';
import { type Placing, resolvePlaces } from './resolve.ts';
import { route } from './route.ts';

/** A request as far as it says what it is; where it leads may have to be asked. */
export interface Judged {
  readonly calls: readonly GatewayCall[];
  readonly placements: readonly Placement[];
  readonly sources: Sources;
  readonly outbound: OutboundRequest;
  readonly conceal: ((answer: Uint8Array) => Uint8Array) | null;
}

/** @param origin where it is sent. @throws RequestRefusal */
export function judgeRequest(compiled: Compiled, origin: string, request: InboundRequest): Judged {
  const { description } = compiled;
  if (request.body.length > (description.limits?.body ?? LONGEST_BODY)) {
    throw unreadable('The body is longer than this API takes.');
  }
  const { operation, bound } = route(compiled, request.method, request.path);
  const { described } = operation;
  const query = readFields(request.query ?? '', 'The query');
  requireKnown(query.keys(), described.query ?? [], operation.name, description.query);
  const body = readBody(request, described.body, operation.name);
  const sources: Sources = { path: bound, query, body: body.document, answer: undefined };
  const judged = [operation, ...raisedBy(operation, sources)];
  const calls = judged.flatMap((known) => callsOf(known, sources));
  const url = new URL(origin);
  url.pathname = renderPath(operation.template, bound);
  url.search = renderFields(query);
  return {
    calls: distinct(calls),
    placements: [...new Set(judged.flatMap(({ placements }) => placements))],
    sources,
    outbound: {
      method: operation.method,
      url,
      headers: headersOf(compiled, request, body.contentType),
      body: body.bytes,
    },
    conceal: described.redact === undefined ? null : redacting(described.redact),
  };
}

/** @throws RequestRefusal */
export function classify(
  compiled: Compiled,
  request: InboundRequest,
  placing: Placing,
): ClassifiedRequest {
  const judged = judgeRequest(compiled, placing.origin, request);
  const { calls, outbound, conceal } = judged;
  return {
    calls,
    resolve: async (ask) => {
      const environments = await resolvePlaces(judged, placing, ask);
      return {
        ...{ calls, environments, outbound },
        holds: environments,
        ...(conceal === null ? {} : { conceal }),
      };
    },
  };
}

function raisedBy({ conditions }: CompiledOperation, sources: Sources): readonly Known[] {
  return conditions.filter(({ condition }) => {
    const place = parsePlace(condition.at.slice(1, -1));
    return place === null || holds(condition, valuesNear(place, sources));
  });
}

function callsOf({ name, resource }: Known, sources: Sources): readonly GatewayCall[] {
  const resources = fill(resource, sources);
  if (resources === null) {
    throw ambiguous(`What ${name} would be done to is not said as ${resource.text}.`);
  }
  return resources.map((each) => ({ operation: name, resource: each }));
}

function distinct(calls: readonly GatewayCall[]): readonly GatewayCall[] {
  const seen = new Set<string>();
  return calls.filter(({ operation, resource }) => {
    const key = `${operation} ${resource}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

function headersOf(
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
