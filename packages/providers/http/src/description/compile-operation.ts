/** One operation of a description, read and checked: what it takes its names from has to be in its requests. */
import type { CompiledOperation, CompiledRoot, Complain, Known, Placement } from './compiled.ts';
import { matchesType } from './condition.ts';
import { parsePathTemplate } from './path.ts';
import { type Pattern, parsePattern, parsePlace, placesIn } from './pattern.ts';
import type { ConditionDescription, OperationDescription } from './shape.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const FIELD = /^(?:QUERY|MUTATION) [_A-Za-z][_0-9A-Za-z]{0,127}$/;

export function compileOperation(
  provider: string,
  described: OperationDescription,
  placements: ReadonlyMap<string, Placement>,
  complain: Complain,
): CompiledOperation | CompiledRoot | null {
  const isField = FIELD.test(described.request);
  const isGraphql = 'arguments' in described || 'selects' in described;
  if (isField ? (described.body ?? described.query ?? described.over) : isGraphql) {
    complain('arguments and selects are of GraphQL; body, query and over are not.');
  }
  const [method = '', path = '', ...more] = described.request.split(' ');
  const template = isField ? { text: '', segments: [] } : parsePathTemplate(path);
  const isMethod = isField || METHODS.some((each) => each === method);
  if (!isMethod || more.length > 0 || template === null) {
    complain(`request: not <METHOD> <path template>; methods: ${METHODS.join(', ')}.`);
    return null;
  }
  if (described.body !== undefined && (method === 'GET' || method === 'HEAD')) {
    complain(`body: ${method} has none.`);
  }
  const parameters = template.segments.flatMap((each) =>
    'parameter' in each ? each.parameter : [],
  );
  const bound = {
    names: new Set(parameters.map(({ name }) => name)),
    rests: new Set(parameters.filter(({ type }) => type === 'rest').map(({ name }) => name)),
    body: described.body?.type ?? null,
    query: described.query ?? [],
    isField,
  };
  const own = knownOf(provider, described, described.resource, described.place, bound);
  if (own === null) return null;
  const conditions = (described.when ?? []).flatMap((condition) => {
    const { resource = described.resource, place = described.place } = condition;
    const known = knownOf(provider, condition, resource, place, bound);
    requireCondition(condition, bound, complain);
    if (condition.absent === true && described.body?.type === 'json' && described.body.list) {
      complain(`when ${condition.name}: absent says nothing of a list.`);
    }
    return known === null ? [] : [{ ...known, condition }];
  });
  if (isField) return { ...own, described, conditions };
  return {
    ...own,
    ...{ described, method, template, conditions },
    over: new Set((described.over ?? []).map((each) => `${provider}:${each}`)),
  };

  function knownOf(
    prefix: string,
    { name }: { readonly name: string },
    resource: string,
    place: OperationDescription['place'],
    from: typeof bound,
  ): Known | null {
    const pattern = parsePattern(resource);
    if (pattern === null || !isFilled(pattern, from)) {
      complain(`resource ${resource}: a pattern of what the request says, e.g. task/{task}.`);
      return null;
    }
    const found = (place === null ? [] : [place].flat()).flatMap((each) => {
      const placement = placements.get(each);
      if (placement === undefined) complain(`place ${each}: none of places.`);
      else if (!isFilled(placement.id, from) || !isAsked(placement, from)) {
        complain(`place ${each}: it takes what this request does not say.`);
      }
      return placement ?? [];
    });
    return { name: `${prefix}:${name}`, resource: pattern, placements: found, rests: from.rests };
  }
}

interface FilledFrom {
  readonly names: ReadonlySet<string>;
  readonly body: string | null;
  readonly query: readonly string[] | 'any';
  readonly isField: boolean;
}

function isFilled(pattern: Pattern, from: FilledFrom): boolean {
  return placesIn(pattern).every((place) => hasPlace(place, from));
}

function hasPlace(
  place: ReturnType<typeof placesIn>[number],
  { names, body, query, isField }: FilledFrom,
): boolean {
  switch (place.source) {
    case 'path':
      return names.has(place.name);
    case 'query':
      return query === 'any' || query.includes(place.name);
    case 'body':
      return body === 'json' || (body === 'form' && place.pointer.length === 1);
    case 'arg':
      return isField;
    case 'answer':
      return true;
  }
}

function isAsked({ ask }: Placement, from: FilledFrom): boolean {
  if (ask === null) return true;
  if ('query' in ask) return [...ask.variables.values()].every((place) => hasPlace(place, from));
  return ask.segments.every((each) => 'literal' in each || from.names.has(each.parameter.name));
}

function requireCondition(
  condition: ConditionDescription,
  from: FilledFrom,
  complain: Complain,
): void {
  const place = parsePlace(condition.at.slice(1, -1));
  const isPlace = /^\{.*\}$/.test(condition.at) && place !== null && place.source !== 'answer';
  if (!isPlace || !hasPlace(place, from)) {
    complain(`when ${condition.name}: at is a place of this request, e.g. {body:/archived}.`);
  }
  const ways = [condition.is, condition.unless, condition.present].filter(
    (way) => way !== undefined,
  );
  if (ways.length !== 1) complain(`when ${condition.name}: one of is, unless, present.`);
  if (!matchesType(condition)) {
    complain(`when ${condition.name}: its values are all of one type, and true or false alone.`);
  }
}
