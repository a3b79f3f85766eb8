/** From the text of a request to the one operation in it: parsed, valid, and with its variables coerced (Law 3). */
import { RequestRefusal } from '@countersign/provider-kit';
import {
  type DocumentNode,
  FieldsOnCorrectTypeRule,
  type FragmentDefinitionNode,
  getVariableValues,
  Kind,
  KnownArgumentNamesRule,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import type { GraphqlRequest } from './body.ts';
import { QUERIES } from './catalog.ts';
import { unreadable } from './judgement.ts';
import { knownSchema } from './known-schema.ts';
import { MOST_TOKENS, requireShortText, requireSmallSelection } from './limits.ts';
import { SUBSCRIPTIONS } from './rows/subscriptions.ts';

export interface ChosenOperation {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Coerced by the schema, defaults filled in. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** What is new at Railway shows as these. */
const UNKNOWN: readonly ValidationRule[] = [FieldsOnCorrectTypeRule, KnownArgumentNamesRule];
/** Characters. Names are as long as whoever asks made them. */
const LONGEST_HINT = 300;

/**
 * @throws RequestRefusal `unknown_operation` for a field or argument that is not known, `ambiguous_request` where
 * it does not say which of several operations it means, else `unparseable_request`
 */
export function chooseOperation(request: GraphqlRequest): ChosenOperation {
  const document = validDocument(request.query);
  const operation = operationIn(document, request.operationName);
  const coerced = getVariableValues(
    knownSchema(),
    operation.variableDefinitions ?? [],
    request.variables,
    { maxErrors: 1 },
  );
  if (coerced.coerced === undefined) {
    throw unreadable('The variables are not what the operation declares them to be.');
  }
  const declared = new Set(
    (operation.variableDefinitions ?? []).map(({ variable }) => variable.name.value),
  );
  if (!Object.keys(request.variables).every((name) => declared.has(name))) {
    throw unreadable('A variable is sent that the operation does not declare.');
  }
  return { operation, fragments: fragmentsIn(document), variables: coerced.coerced };
}

/** Agents send the same few documents again and again, and validating costs more than all else that is judged. */
const valid = new Map<string, DocumentNode>();
/** Characters of all of them. */
const MOST_KEPT = 400_000;
let kept = 0;

/** Valid for the one schema that there is, so for good; what is refused is looked at each time. */
function validDocument(text: string): DocumentNode {
  const present = valid.get(text);
  if (present !== undefined) return present;
  const document = parseDocument(text);
  requireValid(document);
  if (kept + text.length > MOST_KEPT) {
    valid.clear();
    kept = 0;
  }
  valid.set(text, document);
  kept += text.length;
  return document;
}

function parseDocument(text: string): DocumentNode {
  requireShortText(text);
  let document: DocumentNode;
  try {
    document = parse(text, { maxTokens: MOST_TOKENS, noLocation: true });
  } catch {
    throw unreadable('The document is not GraphQL.');
  }
  requireSmallSelection(document);
  return document;
}

function requireValid(document: DocumentNode): void {
  for (const each of document.definitions) {
    if (
      each.kind === Kind.OPERATION_DEFINITION &&
      each.operation === OperationTypeNode.SUBSCRIPTION
    ) {
      throw refusedSubscription(each);
    }
  }
  const schema = knownSchema();
  const [unknown] = validate(schema, document, UNKNOWN, { maxErrors: 1 });
  if (unknown !== undefined) {
    // With the names that are near, of the schema known here: nothing of it was asked of Railway.
    const near = unknown.message.length > LONGEST_HINT ? '' : ` ${unknown.message}`;
    throw new RequestRefusal(
      'unknown_operation',
      `It asks for a field, or gives an argument, that this version does not know.${near}`,
    );
  }
  if (validate(schema, document, specifiedRules, { maxErrors: 1 }).length > 0) {
    throw unreadable('The document is not valid for Railway’s schema.');
  }
}

/** With the queries that show the same, where it names what is known. */
function refusedSubscription({ selectionSet }: OperationDefinitionNode): RequestRefusal {
  const queries = selectionSet.selections.flatMap((each) => {
    const name = each.kind === Kind.FIELD ? each.name.value : '';
    const query = Object.hasOwn(SUBSCRIPTIONS, name) ? (SUBSCRIPTIONS[name] ?? '') : '';
    return Object.hasOwn(QUERIES, query) && QUERIES[query]?.never === undefined ? [query] : [];
  });
  const instead =
    queries.length === 0 ? '' : ` Ask again and again by a query: ${queries.join(', ')}.`;
  return new RequestRefusal('unknown_operation', `Subscriptions are not forwarded.${instead}`);
}

/** Only this one is judged, and only this one is forwarded. */
function operationIn(document: DocumentNode, name: string | null): OperationDefinitionNode {
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  const meant = name === null ? operations : operations.filter((each) => each.name?.value === name);
  const [operation, ...others] = meant;
  if (operation === undefined || others.length > 0) {
    throw new RequestRefusal(
      'ambiguous_request',
      'It has to say by operationName which one of its operations it means.',
    );
  }
  if ((operation.directives ?? []).length > 0) {
    throw unreadable('Directives on an operation are not forwarded.');
  }
  return operation;
}

function fragmentsIn(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  return new Map(
    document.definitions.flatMap((each) =>
      each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each] as const] : [],
    ),
  );
}
