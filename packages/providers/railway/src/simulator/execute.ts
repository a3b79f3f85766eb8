/** One GraphQL request against the world: parsed, validated, executed root field by root field, and recorded. */
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  Kind as NodeKind,
  OperationTypeNode,
  parse,
  type ResponsePath,
  validate,
} from 'graphql';
import { type Arguments, isObject } from './args.ts';
import type { Context } from './context.ts';
import { badInput } from './errors.ts';
import { FIELDS, KIND_OF_TYPE } from './fields.ts';
import { MUTATIONS, QUERIES } from './operations.ts';
import type { Recorder } from './recorder.ts';
import { simulatedSchema } from './schema.ts';
import type { Kind } from './world/world.ts';

export interface GraphqlRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly operationName: string | undefined;
}

/** A document that may be executed, or why it may not. */
export type Prepared =
  | { readonly document: DocumentNode }
  | { readonly errors: readonly GraphQLError[]; readonly code: string };

/** Validating costs more than everything else, and clients send the same few documents again and again. */
const known = new Map<string, Prepared>();
const KNOWN_AT_MOST = 500;

/** Parses and validates. */
export function prepare(query: string): Prepared {
  const present = known.get(query);
  if (present !== undefined) return present;
  if (known.size >= KNOWN_AT_MOST) known.clear();
  const prepared = prepareAnew(query);
  known.set(query, prepared);
  return prepared;
}

function prepareAnew(query: string): Prepared {
  let document: DocumentNode;
  try {
    document = parse(query);
  } catch (thrown) {
    const error = thrown instanceof GraphQLError ? thrown : new GraphQLError('Syntax Error');
    return { errors: [error], code: 'GRAPHQL_PARSE_FAILED' };
  }
  const isSubscription = document.definitions.some(
    (each) =>
      each.kind === NodeKind.OPERATION_DEFINITION &&
      each.operation === OperationTypeNode.SUBSCRIPTION,
  );
  if (isSubscription) {
    const error = new GraphQLError('Subscriptions need a WebSocket');
    return { errors: [error], code: 'GRAPHQL_VALIDATION_FAILED' };
  }
  const errors = validate(simulatedSchema(), document);
  return errors.length === 0 ? { document } : { errors, code: 'GRAPHQL_VALIDATION_FAILED' };
}

/** The names of all fields at the root of any operation or fragment. For choosing requests, not for judging them. */
export function fieldsOf(document: DocumentNode): string[] {
  return document.definitions.flatMap((definition) =>
    'selectionSet' in definition && definition.selectionSet !== undefined
      ? definition.selectionSet.selections.flatMap((selection) =>
          selection.kind === NodeKind.FIELD ? [selection.name.value] : [],
        )
      : [],
  );
}

interface Execution {
  readonly context: Context;
  readonly recorder: Recorder;
  readonly fieldOf: Map<string, string>;
  readonly seen: Map<string, (readonly [Kind, { readonly id: string }])[]>;
}

function doerOf({ context }: Execution, field: string, alias: string) {
  return { token: context.caller.token?.id ?? 'anonymous', operation: { field, alias } };
}

function aliasOf(path: ResponsePath): string {
  let at = path;
  while (at.prev !== undefined) at = at.prev;
  return String(at.key);
}

type TypeFields = Readonly<
  Record<string, ((source: unknown, args: Arguments, context: Context) => unknown) | undefined>
>;

// Each type's fields are written against its own record, which is what GraphQL resolves that type from.
const fieldsByType = FIELDS as unknown as Readonly<Record<string, TypeFields | undefined>>;

const resolve: GraphQLFieldResolver<unknown, Execution, Arguments> = (
  source,
  args,
  execution,
  info,
) => {
  const { context, recorder } = execution;
  const type = info.parentType.name;
  if (info.path.prev === undefined) {
    const operation = (type === 'Mutation' ? MUTATIONS : QUERIES)[info.fieldName];
    // Nothing is done, so nothing is recorded.
    if (operation === undefined) throw badInput(`${info.fieldName} is not simulated`);
    const alias = aliasOf(info.path);
    execution.fieldOf.set(alias, info.fieldName);
    // What an earlier field looked at before it was refused is not this one's.
    context.caller.takeLooked();
    const { before, after, result } = context.world.transact(() => operation(args, context));
    recorder.recordChange(doerOf(execution, info.fieldName, alias), before, after);
    execution.seen.set(alias, context.caller.takeLooked());
    return result;
  }
  if (!isObject(source)) return null;
  const kind = KIND_OF_TYPE[type];
  const { id } = source;
  if (kind !== undefined && typeof id === 'string') {
    const alias = aliasOf(info.path);
    const seen = execution.seen.get(alias) ?? [];
    if (seen.at(-1)?.[1].id !== id) seen.push([kind, { ...source, id }]);
    execution.seen.set(alias, seen);
  }
  const field = fieldsByType[type]?.[info.fieldName];
  return field === undefined ? (source[info.fieldName] ?? null) : field(source, args, context);
};

/** Executes a prepared document. What it changed, read and revealed is recorded, also where it answers an error. */
export function executePrepared(
  document: DocumentNode,
  request: GraphqlRequest,
  context: Context,
  recorder: Recorder,
): ExecutionResult {
  const execution: Execution = { context, recorder, fieldOf: new Map(), seen: new Map() };
  const result = execute({
    schema: simulatedSchema(),
    document,
    variableValues: request.variables,
    operationName: request.operationName,
    contextValue: execution,
    fieldResolver: resolve,
  });
  if (result instanceof Promise) throw new Error('an operation is not synchronous');
  for (const [alias, field] of execution.fieldOf) {
    const answer = result.data?.[alias];
    if (answer === undefined || answer === null) continue;
    const doer = doerOf(execution, field, alias);
    recorder.recordAnswer(doer, context.world.state, answer, execution.seen.get(alias) ?? []);
  }
  return result;
}
