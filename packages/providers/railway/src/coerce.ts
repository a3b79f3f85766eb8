/** The arguments of a field as Railway's executor would have them, and as they are sent: JSON all through. */
import { type FieldNode, type GraphQLField, getArgumentValues } from 'graphql';
import type { Arguments } from './arguments.ts';
import { isObject, unreadable } from './judgement.ts';

/**
 * Coerced by the schema: variables and defaults in their places, absent ones left out, null kept.
 * @throws RequestRefusal `unparseable_request`
 */
export function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  variables: Readonly<Record<string, unknown>>,
): Arguments {
  let coerced: unknown;
  try {
    // What is judged is what is sent, so whatever JSON cannot say is lost before it is judged.
    coerced = JSON.parse(JSON.stringify(getArgumentValues(field, node, { ...variables })));
  } catch {
    throw unreadable('An argument is not what the schema says it is.');
  }
  if (!isObject(coerced)) throw unreadable('An argument is not what the schema says it is.');
  return coerced;
}
