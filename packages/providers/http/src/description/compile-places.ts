/** Places: how environments are proven, read and checked. */
import { readQuestion } from '../graphql/document.ts';
import type { AskedQuery, Complain, Placement } from './compiled.ts';
import { type PathTemplate, parsePathTemplate } from './path.ts';
import { parsePattern, parsePlace, placesIn } from './pattern.ts';
import type { Description } from './shape.ts';

/** Places by their names; what is wrong with one is complained of, and one without an id is left out. */
export function compilePlaces(
  { places }: Description,
  complain: Complain,
): ReadonlyMap<string, Placement> {
  return new Map(
    Object.entries(places).flatMap(([name, { ask, query, id }]) => {
      const asked = ask === undefined ? null : parseAsk(ask);
      if (ask !== undefined && asked === null) {
        complain(
          `places.${name}.ask: not a path template, nor a query with exactly its variables.`,
        );
      }
      if (query !== undefined && typeof ask !== 'string') {
        complain(`places.${name}.query: only what is asked by a path is asked with parameters.`);
      }
      const pattern = parsePattern(id);
      if (pattern === null) {
        complain(`places.${name}.id: not a pattern, e.g. project/{project}.`);
        return [];
      }
      const asks = placesIn(pattern).some(({ source }) => source === 'answer');
      if (asks !== (ask !== undefined)) {
        complain(`places.${name}: what is asked is what its id is taken from, {answer:/id}.`);
      }
      return [[name, { name, ask: asked, query: query ?? [], id: pattern }] as const];
    }),
  );
}

function parseAsk(
  ask: NonNullable<Description['places'][string]['ask']>,
): PathTemplate | AskedQuery | null {
  if (typeof ask === 'string') return parsePathTemplate(ask);
  const places = Object.entries(ask.variables).map(([name, text]) => {
    const place = /^\{.*\}$/.test(text) ? parsePlace(text.slice(1, -1)) : null;
    return place === null || place.source === 'answer' ? null : ([name, place] as const);
  });
  return places.every((each) => each !== null) && isQuestion(ask.query, Object.keys(ask.variables))
    ? { query: ask.query, variables: new Map(places) }
    : null;
}

/** Law 1: whoever adopts a description alone has the broker look, and never do anything. */
function isQuestion(query: string, variables: readonly string[]): boolean {
  try {
    const { kind, variables: declared } = readQuestion(query);
    return kind === 'QUERY' && declared.toSorted().join() === variables.toSorted().join();
  } catch {
    return false;
  }
}
