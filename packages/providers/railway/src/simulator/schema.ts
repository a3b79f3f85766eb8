/** What is simulated is what is judged: the part of Railway's public schema that this package knows. */
import type { GraphQLSchema } from 'graphql';
import { knownSchema } from '../known-schema.ts';

export function simulatedSchema(): GraphQLSchema {
  return knownSchema();
}
