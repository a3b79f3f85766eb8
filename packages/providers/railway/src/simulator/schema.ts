/** The part of Railway's public schema that is simulated: its real names, arguments and types, in `schema/*.graphql`. */
import { readdirSync, readFileSync } from 'node:fs';
import { buildSchema, type GraphQLSchema } from 'graphql';

const FOLDER = new URL('./schema/', import.meta.url);

/** The schema language of all that is simulated. */
function readSdl(): string {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.graphql'))
    .sort()
    .map((name) => readFileSync(new URL(name, FOLDER), 'utf8'))
    .join('\n');
}

let built: GraphQLSchema | undefined;

export function simulatedSchema(): GraphQLSchema {
  built ??= buildSchema(readSdl());
  return built;
}
