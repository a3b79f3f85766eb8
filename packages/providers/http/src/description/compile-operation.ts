/** One operation of a description, read and checked: what it takes its names from has to be in its requests. */
import type { CompiledOperation, CompiledRoot, Complain, Known, Placement } from './compiled.ts';
import { matchesType } from './condition.ts';
import { type PathTemplate, parsePathTemplate } from './path.ts';
import { type Pattern, parsePattern, parsePlace, placesIn } from './pattern.ts';
import type { BodyDescription, ConditionDescription, OperationDescription } from './shape.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const FIELD = /^(?:QUERY|MUTATION) [_A-Za-z][_0-9A-Za-z]{0,127}$/;

/**
 * One operation made ready to judge requests by, with those that its conditions add.
 *
 * @param provider the prefix of names
 * @param placements by the names of places
 * @param complain told of everything that is wrong; what cannot be read at all gives null
 */
export function compileOperation(
  provider: string,
  described: OperationDescription,
  placements: ReadonlyMap<string, Placement>,
  complain: Complain,
): CompiledOperation | CompiledRoot | null {
  const isField = FIELD.test(described.request);
  requireKind(described, isField, complain);
  const route = isField ? null : routeOf(described, complain);
  if (!isField && route === null) return null;
  const from = sourcesOf(described, route?.template ?? null);
  const known = (part: Named): Known | null => knownOf(part, from, placements, complain);
  const { resource, place } = described;
  const own = known({ name: `${provider}:${described.name}`, resource, place });
  if (own === null) return null;
  const conditions = (described.when ?? []).flatMap((condition) => {
    requireCondition(condition, described, from, complain);
    const name = `${provider}:${condition.name}`;
    const raised = known({ resource, place, ...condition, name });
    return raised === null ? [] : [{ ...raised, condition }];
  });
  if (route === null) return { ...own, described, conditions };
  const over = new Set((described.over ?? []).map((each) => `${provider}:${each}`));
  return { ...own, ...route, described, conditions, over };
}

function requireKind(
  { body, query, over, ...described }: OperationDescription,
  isField: boolean,
  complain: Complain,
): void {
  const isGraphql = 'arguments' in described || 'selects' in described;
  if (isField ? (body ?? query ?? over) : isGraphql) {
    complain('arguments and selects are of GraphQL; body, query and over are not.');
  }
}

type Route = Pick<CompiledOperation, 'method' | 'template'>;

function routeOf({ request, body }: OperationDescription, complain: Complain): Route | null {
  const [method = '', path = '', ...more] = request.split(' ');
  const template = parsePathTemplate(path);
  if (!METHODS.some((each) => each === method) || more.length > 0 || template === null) {
    complain(`request: not <METHOD> <path template>; methods: ${METHODS.join(', ')}.`);
    return null;
  }
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    complain(`body: ${method} has none.`);
  }
  return { method, template };
}

/** What a request of an operation says, from which its names can be taken. */
interface FilledFrom {
  /** Parameters of its path. */
  readonly names: ReadonlySet<string>;
  /** Those of them that span segments. */
  readonly rests: ReadonlySet<string>;
  readonly body: BodyDescription['type'] | null;
  readonly query: readonly string[] | 'any';
  /** It is a root field of GraphQL, with arguments. */
  readonly isField: boolean;
}

function sourcesOf(
  { body, query = [] }: OperationDescription,
  template: PathTemplate | null,
): FilledFrom {
  const parameters = (template?.segments ?? []).flatMap((each) =>
    'parameter' in each ? each.parameter : [],
  );
  return {
    names: new Set(parameters.map(({ name }) => name)),
    rests: new Set(parameters.filter(({ type }) => type === 'rest').map(({ name }) => name)),
    body: body?.type ?? null,
    query,
    isField: template === null,
  };
}

type Named = Pick<OperationDescription, 'name' | 'resource' | 'place'>;

function knownOf(
  { name, resource, place }: Named,
  from: FilledFrom,
  placements: ReadonlyMap<string, Placement>,
  complain: Complain,
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
  return { name, resource: pattern, placements: found, rests: from.rests };
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
  { body }: OperationDescription,
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
  if (condition.absent === true && body?.type === 'json' && body.list) {
    complain(`when ${condition.name}: absent says nothing of a list.`);
  }
}
