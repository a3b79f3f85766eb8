/**
 * Railway's own schema, against the one that requests are judged by. What it added is unknown here, so it cannot be
 * asked for; what it changed is drift, and whatever uses that is denied until a newer version knows it.
 */
import type { Clock } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import {
  buildClientSchema,
  type GraphQLNamedType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  type IntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { z } from 'zod';
import type { Ask } from './ask.ts';
import { knownSchema } from './known-schema.ts';

/** Milliseconds for which a comparison is taken for true. */
const LIFETIME = 3_600_000;
const MOST_CONNECTIONS = 200;

/** `Type.field` of everything known that is not at Railway, or is otherwise there. */
export type Drift = ReadonlySet<string>;

/** Railway's schema against the known one. */
export interface Comparison {
  readonly drift: Drift;
  /** What Railway has besides: root fields, and arguments, members and values of what is known. */
  readonly added: ReadonlySet<string>;
}

/** Fetches and compares. @throws ProviderError */
async function compareWith(ask: Ask): Promise<Comparison> {
  const query = getIntrospectionQuery({ descriptions: false });
  const fetched = await ask({ query, shape: z.object({ __schema: z.looseObject({}) }) });
  let schema: GraphQLSchema;
  try {
    // What is not an introspection does not build; nothing else looks at it.
    schema = buildClientSchema(fetched as unknown as IntrospectionQuery);
  } catch {
    throw new ProviderError('unavailable', 'Railway’s answer is no schema.');
  }
  const known = knownSchema();
  return { drift: driftBetween(known, schema), added: addedTo(known, schema) };
}

/** What of `known` is missing or otherwise in `theirs`. What `theirs` has besides is no drift. */
export function driftBetween(known: GraphQLSchema, theirs: GraphQLSchema): Drift {
  const drift = new Set<string>();
  for (const type of Object.values(known.getTypeMap())) {
    if (type.name.startsWith('__') || !(isObjectType(type) || isInterfaceType(type))) continue;
    const other = theirs.getType(type.name);
    const fields = isObjectType(other) || isInterfaceType(other) ? other.getFields() : {};
    for (const field of Object.values(type.getFields())) {
      const there = fields[field.name];
      const same =
        there !== undefined &&
        String(there.type) === String(field.type) &&
        field.args.every((arg) => {
          const same = there.args.find(({ name }) => name === arg.name);
          return (
            same !== undefined &&
            String(same.type) === String(arg.type) &&
            same.defaultValue === arg.defaultValue &&
            sameInput(getNamedType(arg.type), theirs, new Set())
          );
        });
      if (!same) drift.add(`${type.name}.${field.name}`);
    }
  }
  return drift;
}

/**
 * What `theirs` has of root fields, arguments, input members and values that `known` has not. None of it is
 * forwarded: a request for it is not valid here. Objects are known in part, so their other fields are not listed.
 */
export function addedTo(known: GraphQLSchema, theirs: GraphQLSchema): ReadonlySet<string> {
  const added = new Set<string>();
  const roots = new Set(['Query', 'Mutation', 'Subscription']);
  for (const type of Object.values(theirs.getTypeMap())) {
    const own = known.getType(type.name);
    if (type.name.startsWith('__') || own === undefined) continue;
    if (isEnumType(type) && isEnumType(own)) {
      for (const { name } of type.getValues()) {
        if (own.getValue(name) == null) added.add(`${type.name}.${name}`);
      }
    }
    if (isInputObjectType(type) && isInputObjectType(own)) {
      for (const name of Object.keys(type.getFields())) {
        if (!Object.hasOwn(own.getFields(), name)) added.add(`${type.name}.${name}`);
      }
    }
    if (!isObjectType(type) || !isObjectType(own)) continue;
    for (const field of Object.values(type.getFields())) {
      const present = own.getFields()[field.name];
      if (present === undefined) {
        if (roots.has(type.name)) added.add(`${type.name}.${field.name}`);
        continue;
      }
      const names = new Set(present.args.map(({ name }) => name));
      for (const { name } of field.args) {
        if (!names.has(name)) added.add(`${type.name}.${field.name}(${name})`);
      }
    }
  }
  return added;
}

/** Whether a value of that type means the same there. */
function sameInput(type: GraphQLNamedType, theirs: GraphQLSchema, seen: Set<string>): boolean {
  if (seen.has(type.name)) return true;
  seen.add(type.name);
  const other = theirs.getType(type.name);
  if (isEnumType(type)) {
    return isEnumType(other) && type.getValues().every(({ name }) => other.getValue(name) != null);
  }
  if (!isInputObjectType(type)) return other?.constructor === type.constructor;
  if (!isInputObjectType(other)) return false;
  const members = other.getFields();
  return Object.values(type.getFields()).every((member) => {
    const there = members[member.name];
    return (
      there !== undefined &&
      String(there.type) === String(member.type) &&
      there.defaultValue === member.defaultValue &&
      sameInput(getNamedType(member.type), theirs, seen)
    );
  });
}

/** Milliseconds for which a failed one stands: whoever asks, granted or not, has Railway asked no more often. */
const FAILURE = 5_000;

/** One comparison for each connection at a time, kept while it is fresh. */
export class Drifts {
  readonly #clock: Clock;
  readonly #known = new Map<
    string,
    { at: number; lifetime: number; compared: Promise<Comparison> }
  >();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(connectionId: string, ask: Ask): Promise<Comparison> {
    const present = this.#known.get(connectionId);
    const age = this.#clock.now() - (present?.at ?? 0);
    if (present !== undefined && age >= 0 && age < present.lifetime) return present.compared;
    if (this.#known.size >= MOST_CONNECTIONS) this.#known.clear();
    const compared = compareWith(ask);
    const entry = { at: this.#clock.now(), lifetime: LIFETIME, compared };
    this.#known.set(connectionId, entry);
    compared.catch(() => {
      entry.at = this.#clock.now();
      entry.lifetime = FAILURE;
    });
    return compared;
  }
}
