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

/** Fetches and compares. @throws ProviderError */
async function fetchDrift(ask: Ask): Promise<Drift> {
  const query = getIntrospectionQuery({ descriptions: false });
  const fetched = await ask({ query, shape: z.object({ __schema: z.looseObject({}) }) });
  let schema: GraphQLSchema;
  try {
    // What is not an introspection does not build; nothing else looks at it.
    schema = buildClientSchema(fetched as unknown as IntrospectionQuery);
  } catch {
    throw new ProviderError('unavailable', 'Railway’s answer is no schema.');
  }
  return driftBetween(knownSchema(), schema);
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
  readonly #known = new Map<string, { at: number; lifetime: number; drift: Promise<Drift> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(connectionId: string, ask: Ask): Promise<Drift> {
    const present = this.#known.get(connectionId);
    const age = this.#clock.now() - (present?.at ?? 0);
    if (present !== undefined && age >= 0 && age < present.lifetime) return present.drift;
    if (this.#known.size >= MOST_CONNECTIONS) this.#known.clear();
    const drift = fetchDrift(ask);
    const entry = { at: this.#clock.now(), lifetime: LIFETIME, drift };
    this.#known.set(connectionId, entry);
    drift.catch(() => {
      entry.at = this.#clock.now();
      entry.lifetime = FAILURE;
    });
    return drift;
  }
}
