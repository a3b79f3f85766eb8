/** A description that holds together: read, checked whole, and made ready to judge requests by. */
import type { Catalog } from '@countersign/core';
import { compileOperation } from './compile-operation.ts';
import { compilePlaces } from './compile-places.ts';
import type { Compiled, CompiledOperation, CompiledRoot, Complain, Known } from './compiled.ts';
import { isApiOrigin } from './origin.ts';
import { isWithin, overlap, parsePathTemplate, shapeOf } from './path.ts';
import { Description, MOST_OPERATIONS } from './shape.ts';

/** One thing that is wrong with a description, in words. */
export class DescriptionError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'DescriptionError';
    this.problems = problems;
  }
}

/** Headers of the connection (RFC 9110 section 7.6.1), of the broker, and by which a request becomes another. */
const NOT_TO_SET =
  /^(?:host|connection|content-length|content-type|content-encoding|transfer-encoding|te|trailer|upgrade|expect|keep-alive|accept|accept-encoding|proxy-.*|cookie|authorization|x-http-method.*|x-method-override|x-original-.*|x-rewrite-.*|forwarded|x-forwarded-.*)$/;
/** Where a credential may stand. */
const CREDENTIAL_HEADER = /^(?:authorization|[a-z0-9-]*(?:token|key|auth|secret)[a-z0-9-]*)$/;

/** By which a path says that what is sent there is GraphQL. */
const GRAPHQL = /^(?:graph-?ql|gql)(?:\.[a-z]+)?$/i;

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

function originOf(base: string, complain: Complain): string {
  if (!isApiOrigin(base)) {
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

function rootsOf(
  judged: readonly (CompiledOperation | CompiledRoot)[],
  { graphql }: Description,
  complain: Complain,
): ReadonlyMap<string, CompiledRoot> {
  const roots = new Map<string, CompiledRoot>();
  const path = graphql === undefined ? null : parsePathTemplate(graphql.path);
  for (const each of judged) {
    if ('template' in each) {
      const isThere = path !== null && overlap(each.template, path);
      if (isThere) complain(`${each.name} is where GraphQL is.`);
      continue;
    }
    const { request } = each.described;
    if (roots.has(request)) complain(`${request} is there twice.`);
    if (graphql === undefined) complain(`${each.name}: say in graphql where it is sent to.`);
    roots.set(request, each);
  }
  const literals = path?.segments.map((part) => ('literal' in part ? part.literal : '')) ?? [];
  // Law 1: a query counts as a read, and elsewhere the POST it is sent by could be anything.
  const isNamed = !literals.includes('') && literals.some((each) => GRAPHQL.test(each));
  if (graphql !== undefined && !isNamed) {
    complain('graphql.path: a path without parameters that says graphql, e.g. /api/graphql.');
  }
  return roots;
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

/** Full names of operations in pairs that have a path in common, where neither goes over the other. */
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
