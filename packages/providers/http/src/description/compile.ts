/** A description that holds together: read, checked whole, and made ready to judge requests by. */
import type { Catalog } from '@countersign/core';
import { matchesType } from './condition.ts';
import { isWithin, overlap, type PathTemplate, parsePathTemplate, shapeOf } from './path.ts';
import { type Pattern, type Place, parsePattern, parsePlace, placesIn } from './pattern.ts';
import {
  type ConditionDescription,
  Description,
  MOST_OPERATIONS,
  type OperationDescription,
} from './shape.ts';

/** One thing that is wrong with a description, in words. */
export class DescriptionError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'DescriptionError';
    this.problems = problems;
  }
}

/** A query of the broker's own, and where its variables stand in a request. */
interface AskedQuery {
  readonly query: string;
  readonly variables: ReadonlyMap<string, Place>;
}

export interface Placement {
  readonly name: string;
  /** Null: the request itself says it. */
  readonly ask: PathTemplate | AskedQuery | null;
  readonly id: Pattern;
}

/** One operation a request can be, of its own or by a condition. */
export interface Known {
  /** `<provider>:<name>`. */
  readonly name: string;
  readonly resource: Pattern;
  readonly placements: readonly Placement[];
  /** Parameters of the path that span segments. */
  readonly rests: ReadonlySet<string>;
}

interface CompiledCondition extends Known {
  readonly condition: ConditionDescription;
}

export interface CompiledOperation extends Known {
  readonly described: OperationDescription;
  readonly method: string;
  readonly template: PathTemplate;
  readonly conditions: readonly CompiledCondition[];
  /** Names whose templates fit some of the same paths. */
  readonly over: ReadonlySet<string>;
}

/** A root field of GraphQL. */
export interface CompiledRoot extends Known {
  readonly described: OperationDescription;
  readonly conditions: readonly CompiledCondition[];
}

export interface Compiled {
  readonly description: Description;
  readonly origin: string;
  readonly operations: readonly CompiledOperation[];
  /** By kind and field, e.g. `MUTATION issueDelete`. */
  readonly roots: ReadonlyMap<string, CompiledRoot>;
  /** By full name, those of conditions too. */
  readonly known: ReadonlyMap<string, Known>;
  readonly account: { readonly ask: PathTemplate; readonly id: string } | null;
  readonly catalog: Catalog;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Headers that are the connection's or the broker's own. */
const NOT_TO_SET =
  /^(?:host|connection|content-length|content-type|content-encoding|transfer-encoding|te|trailer|upgrade|expect|keep-alive|accept|accept-encoding|proxy-.*|cookie|authorization|x-http-method.*|x-method-override|x-original-.*|x-rewrite-.*|forwarded|x-forwarded-.*)$/;
/** Where a credential may stand. */
const CREDENTIAL_HEADER = /^(?:authorization|[a-z0-9-]*(?:token|key|auth|secret)[a-z0-9-]*)$/;

/** @throws DescriptionError with everything that is wrong with it */
export function compile(document: unknown): Compiled {
  const parsed = Description.safeParse(document);
  if (!parsed.success) {
    throw new DescriptionError(
      parsed.error.issues.map(({ path, message }) =>
        path.length === 0 ? message : `${path.join('.')}: ${message}`,
      ),
    );
  }
  const problems: string[] = [];
  const compiled = compileShape(parsed.data, (problem) => problems.push(problem));
  if (problems.length > 0) throw new DescriptionError(problems);
  return compiled;
}

type Complain = (problem: string) => void;

function compileShape(description: Description, complain: Complain): Compiled {
  const origin = originOf(description.base, complain);
  requireHeaders(description, complain);
  const placements = compilePlaces(description, complain);
  const judged = description.operations.flatMap(
    (described, at): (CompiledOperation | CompiledRoot)[] => {
      const operation = compileOperation(description.name, described, placements, (problem) =>
        complain(`operations.${at} (${described.name}): ${problem}`),
      );
      return operation === null ? [] : [operation];
    },
  );
  const operations = judged.flatMap((each) => ('template' in each ? each : []));
  const roots = rootsOf(judged, description, complain);
  const all = judged.flatMap((operation) => [operation, ...operation.conditions]);
  if (all.length > MOST_OPERATIONS) complain(`There are more than ${MOST_OPERATIONS} operations.`);
  const known = new Map<string, Known>();
  for (const each of all) {
    if (known.has(each.name)) complain(`${each.name} is there twice.`);
    known.set(each.name, each);
  }
  requireDistinct(operations, complain);
  const account = accountOf(description, complain);
  return {
    ...{ description, origin, operations, roots, known, account },
    catalog: catalogOf(description, judged),
  };
}

/** Law 3: a credential goes to one host, over TLS, or to this very machine. */
function originOf(base: string, complain: Complain): string {
  const url = URL.parse(base);
  const isHere =
    url !== null &&
    /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname) &&
    url.protocol === 'http:';
  const isNamed =
    url?.protocol === 'https:' &&
    /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(url.hostname) &&
    !/^[\d.]+$/.test(url.hostname);
  if (url === null || url.origin !== base || !(isHere || isNamed)) {
    complain(
      'base: an https origin by its name, e.g. https://api.example.com, or for a test an http origin on this machine. Paths stand in the templates, whole.',
    );
  }
  return base;
}

function requireHeaders({ credential, headers = {} }: Description, complain: Complain): void {
  if (!CREDENTIAL_HEADER.test(credential.header)) {
    complain('credential.header: authorization, or a name that says token, key, auth or secret.');
  }
  for (const name of Object.keys(headers)) {
    if (NOT_TO_SET.test(name) || name === credential.header) {
      complain(`headers.${name}: not a description’s to set.`);
    }
  }
}

function compilePlaces(
  { places }: Description,
  complain: Complain,
): ReadonlyMap<string, Placement> {
  return new Map(
    Object.entries(places).flatMap(([name, { ask, id }]) => {
      const asked = ask === undefined ? null : parseAsk(ask);
      if (ask !== undefined && asked === null) {
        complain(`places.${name}.ask: not a path template, nor a query with its variables.`);
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
      return [[name, { name, ask: asked, id: pattern }] as const];
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
  return places.every((each) => each !== null)
    ? { query: ask.query, variables: new Map(places) }
    : null;
}

const FIELD = /^(?:QUERY|MUTATION) [_A-Za-z][_0-9A-Za-z]{0,127}$/;

function rootsOf(
  judged: readonly (CompiledOperation | CompiledRoot)[],
  { graphql }: Description,
  complain: Complain,
): ReadonlyMap<string, CompiledRoot> {
  const roots = new Map<string, CompiledRoot>();
  for (const each of judged) {
    if ('template' in each) {
      if (each.template.text === graphql?.path) complain(`${each.name} is where GraphQL is.`);
      continue;
    }
    const { request } = each.described;
    if (roots.has(request)) complain(`${request} is there twice.`);
    if (graphql === undefined) complain(`${each.name}: say in graphql where it is sent to.`);
    roots.set(request, each);
  }
  const path = graphql === undefined ? null : parsePathTemplate(graphql.path);
  if (
    graphql !== undefined &&
    (path === null || path.segments.some((part) => 'parameter' in part))
  ) {
    complain('graphql.path: a path, without parameters.');
  }
  return roots;
}

function compileOperation(
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

/** Two that stand for the same path, where nothing says which of them it is, are refused request by request. */
function requireDistinct(operations: readonly CompiledOperation[], complain: Complain): void {
  const byName = new Map(operations.map((each) => [each.name, each]));
  const seen = new Map<string, string>();
  for (const { name, method, template, over } of operations) {
    const shape = `${method} ${shapeOf(template)}`;
    const other = seen.get(shape);
    if (other !== undefined) complain(`${name} and ${other} have the same template.`);
    seen.set(shape, name);
    for (const each of over) {
      const wider = byName.get(each);
      if (wider === undefined || wider.method !== method || !isWithin(template, wider.template)) {
        complain(`${name} goes over ${each}, whose paths do not include its own.`);
      }
    }
  }
}

/** Pairs of operations with a path in common, where neither goes over the other. */
export function overlapping({ operations }: Compiled): readonly (readonly [string, string])[] {
  return operations.flatMap((one, at) =>
    operations
      .slice(at + 1)
      .filter(
        (other) =>
          one.method === other.method &&
          !one.over.has(other.name) &&
          !other.over.has(one.name) &&
          overlap(one.template, other.template),
      )
      .map((other) => [one.name, other.name] as const),
  );
}

function accountOf({ account }: Description, complain: Complain): Compiled['account'] {
  if (account === undefined) return null;
  const ask = parsePathTemplate(account.ask);
  if (ask === null || ask.segments.some((each) => 'parameter' in each)) {
    complain('account.ask: a path, without parameters.');
    return null;
  }
  return { ask, id: account.id };
}

/** What humans sign, by its digest: the operations as effects are judged by, and the whole description. */
function catalogOf(
  description: Description,
  operations: readonly (CompiledOperation | CompiledRoot)[],
): Catalog {
  return {
    provider: description.name,
    operations: operations
      .flatMap(({ described, name, conditions }) => [
        { ...described, name },
        ...conditions.map(({ condition, name: own }) => ({
          ...condition,
          name: own,
          request: described.request,
        })),
      ])
      .map(({ name, summary, effect, request }) => ({
        name,
        summary,
        effects: [{ effect }],
        exchangeable: false,
        request,
      })),
    // What was parsed is what is kept: a default that was left out is said.
    description: JSON.parse(JSON.stringify(description)),
  };
}
