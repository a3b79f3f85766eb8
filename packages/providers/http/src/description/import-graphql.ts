/**
 * A first draft of a description from a GraphQL schema: every root field with a proposed effect and the reason for it.
 * Of what it answers only plain values are selected: what lies beyond may belong to another environment.
 */
import {
  buildClientSchema,
  buildSchema,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  type IntrospectionQuery,
  isInputObjectType,
  isLeafType,
  isObjectType,
} from 'graphql';
import { type Imported, type ImportOptions, line, requireFew } from './draft.ts';
import { objectOf } from './pointer.ts';
import { proposeEffect } from './propose.ts';
import type { OperationDescription } from './shape.ts';

/** Arguments and fields that are listed of one operation. */
const MOST_NAMES = 200;

/** @param schema SDL, or the answer to an introspection query. @throws Error with what is missing, in words */
export function importGraphql(schema: unknown, { name, base }: ImportOptions): Imported {
  const url = URL.parse(base ?? '');
  if (url === null) throw new Error('A schema does not say where its API is: give --base-url.');
  const read = schemaOf(schema);
  requireFew([...fieldsOf(read.getQueryType()), ...fieldsOf(read.getMutationType())]);
  const skipped: Imported['skipped'][number][] = Object.keys(
    read.getSubscriptionType()?.getFields() ?? {},
  ).map((field) => ({
    request: `SUBSCRIPTION ${field}`,
    reason: 'subscriptions are not forwarded',
  }));
  const operations = [
    ...fieldsOf(read.getQueryType()).map((field) => draftField('QUERY', field)),
    ...fieldsOf(read.getMutationType()).map((field) => draftField('MUTATION', field)),
  ];
  return {
    description: {
      version: 1,
      name,
      title: name,
      source: 'a GraphQL schema',
      base: url.origin,
      credential: { header: 'authorization', prefix: 'Bearer ' },
      graphql: { path: url.pathname === '/' ? '/graphql' : url.pathname },
      places: { account: { id: 'account' } },
      operations,
    },
    skipped,
  };
}

function schemaOf(schema: unknown): GraphQLSchema {
  try {
    if (typeof schema === 'string')
      return buildSchema(schema, { assumeValid: true, noLocation: true });
    const document = objectOf(objectOf(schema)?.['data']) ?? objectOf(schema);
    // What it is made of the builder checks.
    return buildClientSchema(document as unknown as IntrospectionQuery, { assumeValid: true });
  } catch {
    throw new Error(
      'It is no GraphQL schema: neither SDL nor the answer to an introspection query.',
    );
  }
}

type Field = GraphQLField<unknown, unknown>;

function fieldsOf(type: GraphQLObjectType | null | undefined): readonly Field[] {
  return Object.values(type?.getFields() ?? {});
}

function draftField(kind: 'QUERY' | 'MUTATION', field: Field): OperationDescription {
  const method = kind === 'QUERY' ? 'GET' : 'POST';
  const summary = line(field.description ?? field.name, 300);
  const proposed = proposeEffect({ method, path: field.name, name: field.name, summary });
  const paths = [...everyArgument(field.args)];
  const isOpen = paths.some((path) => path.endsWith('.*')) || paths.length > MOST_NAMES;
  const isGuess = kind === 'MUTATION' && isOpen && proposed.effect === 'write';
  const selects = selectable(field);
  return {
    name: field.name,
    request: `${kind} ${field.name}`,
    effect: isGuess ? 'delete' : proposed.effect,
    reason: isGuess ? 'its input has more than is listed' : reasonOf(kind, proposed.reason),
    summary,
    ...(paths.length === 0 ? {} : { arguments: paths.length > MOST_NAMES ? 'any' : paths }),
    ...(selects.length === 0 ? {} : { selects }),
    resource: field.args.some(({ name }) => name === 'id') ? `${field.name}/{arg:/id}` : field.name,
    place: 'account',
  };
}

function reasonOf(kind: string, reason: string): string {
  return reason.replace(/^(?:GET|POST)/, kind === 'QUERY' ? 'a query' : 'a mutation');
}

/** Dotted paths, and one more than are listed where there are more. */
function everyArgument(args: Field['args']): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const { name, type } of args) addPaths(paths, name, type, 0);
  return paths;
}

/** `input.title`; what is nested more than twice is anything. */
function addPaths(paths: Set<string>, path: string, type: GraphQLInputType, depth: number): void {
  if (paths.size > MOST_NAMES) return;
  const named = getNamedType(type);
  if (!isInputObjectType(named)) paths.add(path);
  else if (depth >= 2) paths.add(`${path}.*`);
  else {
    for (const each of Object.values(named.getFields())) {
      addPaths(paths, `${path}.${each.name}`, each.type, depth + 1);
    }
  }
}

/** Plain values of it, and of what a payload holds in one more step. */
function selectable(field: Field): string[] {
  const type = getNamedType(field.type);
  if (!isObjectType(type)) return [];
  return fieldsOf(type)
    .filter((each) => isLeafType(getNamedType(each.type)) && each.args.length === 0)
    .map(({ name }) => name)
    .slice(0, MOST_NAMES);
}
