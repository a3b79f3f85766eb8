/**
 * One GraphQL operation with one reading, without its API's schema: no fragments, directives or subscriptions, every
 * variable with a value, nothing named twice. What is sent is printed from what was parsed (Law 3).
 */
import { parseJsonText } from '@countersign/core';
import type { InboundRequest } from '@countersign/provider-kit';
import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  valueFromASTUntyped,
  visit,
} from 'graphql';
import { objectOf } from '../description/pointer.ts';
import { unreadable } from '../refuse.ts';

const MOST_TOKENS = 4_000;
const MOST_DEPTH = 12;
const MEMBERS: readonly string[] = ['query', 'variables', 'operationName'];

export interface RootField {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Dotted paths of what is selected below it, by the names of fields. */
  readonly selects: readonly string[];
  /** Fields below it have arguments. */
  readonly hasArguments: boolean;
  /** It, or a field below it, is called otherwise in the answer. */
  readonly hasAliases: boolean;
}

export interface ReadDocument {
  readonly kind: 'QUERY' | 'MUTATION';
  readonly roots: readonly RootField[];
  readonly body: Uint8Array;
}

/**
 * GraphQL (October 2021) section 2, of a request by POST as JSON: its root fields, with variables in their places.
 * @throws RequestRefusal `unparseable_request`
 */
export function readDocument({ method, query, headers, body }: InboundRequest): ReadDocument {
  if (method !== 'POST' || query !== null) throw unreadable('GraphQL is sent by POST.');
  const type = (headers.get('content-type') ?? '').replace(/\s/g, '').toLowerCase();
  if (!/^application\/json(?:;charset="?utf-8"?)?$/.test(type)) {
    throw unreadable('GraphQL is sent as application/json in UTF-8.');
  }
  const members = membersOf(body);
  const { document, operation, kind } = operationIn(members.query);
  if (members.operationName !== null && members.operationName !== operation.name?.value) {
    throw unreadable('operationName is not that of its operation.');
  }
  const variables = variablesOf(operation, members.variables);
  const text = JSON.stringify({
    query: print(document),
    variables: Object.fromEntries(variables),
    ...(operation.name === undefined ? {} : { operationName: operation.name.value }),
  });
  return {
    kind,
    roots: fieldsOf(operation.selectionSet).map((node) => rootOf(node, variables)),
    body: new TextEncoder().encode(text),
  };
}

/** What the broker itself may ask, and the variables it asks with. @throws RequestRefusal */
export function readQuestion(query: string): {
  readonly kind: ReadDocument['kind'];
  readonly variables: readonly string[];
} {
  const { operation, kind } = operationIn(query);
  const names = (operation.variableDefinitions ?? []).map(({ variable }) => variable.name.value);
  return { kind, variables: names };
}

interface ReadOperation {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly kind: ReadDocument['kind'];
}

function operationIn(query: string): ReadOperation {
  const document = parsed(query);
  const [operation, ...others] = document.definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION || others.length > 0) {
    throw unreadable('A request holds one operation, without fragments.');
  }
  if (operation.operation !== 'query' && operation.operation !== 'mutation') {
    throw unreadable('Subscriptions are not forwarded.');
  }
  requireOneReading(document);
  const kind = operation.operation === 'query' ? 'QUERY' : 'MUTATION';
  return { document, operation, kind };
}

interface Members {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | null;
}

function membersOf(body: Uint8Array): Members {
  let document: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    document = parseJsonText(text, 'The body');
  } catch {
    throw unreadable('The body has to be JSON in UTF-8 with one reading.');
  }
  const members = objectOf(document);
  if (members === null || !Object.keys(members).every((name) => MEMBERS.includes(name))) {
    throw unreadable('The body has query, variables and operationName, and nothing else.');
  }
  const { query, variables = null, operationName = null } = members;
  const given = variables === null ? {} : objectOf(variables);
  if (typeof query !== 'string') throw unreadable('The body needs the whole query.');
  if (given === null) throw unreadable('variables has to be an object.');
  if (operationName !== null && typeof operationName !== 'string') {
    throw unreadable('operationName has to be a string.');
  }
  return { query, variables: given, operationName };
}

function parsed(query: string): DocumentNode {
  try {
    return parse(query, { noLocation: true, maxTokens: MOST_TOKENS });
  } catch {
    throw unreadable(`The query is no GraphQL, or has more than ${MOST_TOKENS} tokens.`);
  }
}

/** What validation against a schema would refuse, as far as it needs none. */
function requireOneReading(document: DocumentNode): void {
  const once = (
    nodes: readonly { readonly name: { readonly value: string } }[] | undefined,
  ): void => {
    const names = (nodes ?? []).map(({ name }) => name.value);
    if (new Set(names).size !== names.length)
      throw unreadable('An argument, a member or a variable is named twice.');
  };
  visit(document, {
    Directive: () => {
      throw unreadable('Directives are not forwarded.');
    },
    FragmentSpread: () => {
      throw unreadable('Fragments are not forwarded: write the fields out.');
    },
    InlineFragment: () => {
      throw unreadable('Fragments are not forwarded: write the fields out.');
    },
    // What a double cannot hold would be judged as another number than the one that is sent.
    IntValue: ({ value }) => requireExact(Number.isSafeInteger(Number(value))),
    FloatValue: ({ value }) => requireExact(Number.isFinite(Number(value))),
    Field: (node) => once(node.arguments),
    ObjectValue: (node) => once(node.fields),
    OperationDefinition: (node) =>
      once((node.variableDefinitions ?? []).map(({ variable }) => variable)),
  });
}

function requireExact(isExact: boolean): void {
  if (!isExact) throw unreadable('The query has a number too large to be read exactly.');
}

/** A value for each that is declared, and for nothing else. */
function variablesOf(
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  for (const { variable, defaultValue } of variableDefinitions) {
    const name = variable.name.value;
    const isGiven = Object.hasOwn(given, name);
    if (!isGiven && defaultValue === undefined) throw unreadable(`$${name} has no value.`);
    values.set(name, isGiven || defaultValue === undefined ? given[name] : literal(defaultValue));
  }
  for (const name of Object.keys(given)) {
    if (!values.has(name)) throw unreadable('variables has one that the query does not declare.');
  }
  return values;
}

function literal(node: Parameters<typeof valueFromASTUntyped>[0]): unknown {
  return valueFromASTUntyped(node);
}

function fieldsOf({ selections }: SelectionSetNode): readonly FieldNode[] {
  return selections.flatMap((each) => (each.kind === Kind.FIELD ? each : []));
}

function rootOf(node: FieldNode, variables: ReadonlyMap<string, unknown>): RootField {
  const below = {
    selects: [] as string[],
    hasArguments: false,
    hasAliases: node.alias !== undefined,
  };
  collect(node, '', below, 0);
  const args = Object.fromEntries(
    (node.arguments ?? []).map(({ name, value }) => {
      visit(value, {
        Variable: (each) => {
          if (!variables.has(each.name.value))
            throw unreadable('The query has a variable that it does not declare.');
        },
      });
      return [name.value, valueFromASTUntyped(value, Object.fromEntries(variables))];
    }),
  );
  return { name: node.name.value, args, ...below };
}

function collect(
  node: FieldNode,
  above: string,
  below: { selects: string[]; hasArguments: boolean; hasAliases: boolean },
  depth: number,
): void {
  if (depth > MOST_DEPTH) throw unreadable('The query is nested too deeply.');
  if (node.selectionSet === undefined) return;
  for (const field of fieldsOf(node.selectionSet)) {
    const path = above === '' ? field.name.value : `${above}.${field.name.value}`;
    below.selects.push(path);
    below.hasArguments ||= (field.arguments ?? []).length > 0;
    below.hasAliases ||= field.alias !== undefined;
    collect(field, path, below, depth + 1);
  }
}
