/**
 * The part of Railway's public schema that is judged: its real names, arguments and types, in `schema/*.graphql`.
 * A field that does not stand there is unknown, so denied, whatever Railway has added since.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { buildSchema, type GraphQLSchema } from 'graphql';

const FOLDER = new URL('./schema/', import.meta.url);

/** The schema language of all that is known. */
function readSdl(): string {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.graphql'))
    .sort()
    .map((name) => readFileSync(new URL(name, FOLDER), 'utf8'))
    .join('\n');
}

let built: GraphQLSchema | undefined;

export function knownSchema(): GraphQLSchema {
  built ??= buildSchema(readSdl());
  return built;
}
