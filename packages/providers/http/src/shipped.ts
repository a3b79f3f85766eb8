/** Descriptions that come with this version. They count for nothing until humans adopt one, like anybody's. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../catalogs/', import.meta.url);

/** Names of the providers they describe, ascending. */
export function shippedNames(): readonly string[] {
  return readdirSync(fileURLToPath(FOLDER))
    .flatMap((file) => (file.endsWith('.json') ? file.slice(0, -'.json'.length) : []))
    .sort();
}

/** As the file has it; undefined where none of that name is shipped. */
export function readShipped(name: string): unknown {
  if (!shippedNames().includes(name)) return undefined;
  return JSON.parse(readFileSync(fileURLToPath(new URL(`${name}.json`, FOLDER)), 'utf8'));
}
