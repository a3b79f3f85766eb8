/** What a request can do, by the description alone (Law 3), and what is sent in its place. */
import type { ClassifiedRequest, InboundRequest } from '@countersign/provider-kit';
import { LONGEST_BODY, readBody } from './body.ts';
import type { Compiled } from './description/compiled.ts';
import { renderPath } from './description/path.ts';
import type { Sources } from './description/pattern.ts';
import { judgeGraphql } from './graphql/judge.ts';
import { callsOf, distinct, headersOf, type Judged, raisedBy } from './judged.ts';
import { readFields, renderFields, requireKnown } from './query.ts';
import { redacting } from './redact.ts';
import { unreadable } from './refuse.ts';
import { type Placing, resolvePlaces } from './resolve.ts';
import { route } from './route.ts';

/**
 * The calls of a request, where it leads, and what is sent in its place.
 *
 * @param origin where it is sent: the connection's, e.g. `https://api.example.com`
 * @throws RequestRefusal
 */
export function judgeRequest(compiled: Compiled, origin: string, request: InboundRequest): Judged {
  const { description } = compiled;
  const longest = description.limits?.body ?? LONGEST_BODY;
  if (request.body.length > longest) throw unreadable(`The body has at most ${longest} bytes.`);
  if (request.path === description.graphql?.path) return judgeGraphql(compiled, origin, request);
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
    parts: [{ placements: [...new Set(judged.flatMap(({ placements }) => placements))], sources }],
    outbound: {
      method: operation.method,
      url,
      headers: headersOf(compiled, request, body.contentType),
      body: body.bytes,
    },
    conceal: described.redact === undefined ? null : redacting(described.redact),
  };
}

/** The same as a gateway wants it: where it leads is found out later. @throws RequestRefusal */
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
