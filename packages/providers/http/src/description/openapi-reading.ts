/** Reading an OpenAPI document: objects through their references, and what a body may hold. */

import { objectOf } from './pointer.ts';
import type { BodyDescription } from './shape.ts';

export type Json = Readonly<Record<string, unknown>>;

/** The body of an operation, by its first JSON, else form, else any type. `isOpen`: what it may hold is not said. */
export function bodyOf(
  root: Json,
  operation: Json,
): { body: BodyDescription | null; isOpen: boolean } {
  const content = objectOf(resolved(root, operation['requestBody'])?.['content']);
  const types = Object.keys(content ?? {});
  if (content === null || types.length === 0) return { body: null, isOpen: false };
  const json = types.find((each) => /^application\/(?:[a-z0-9.-]+\+)?json\b/i.test(each));
  const form = types.find((each) => each === 'application/x-www-form-urlencoded');
  const chosen = json ?? form;
  if (chosen === undefined) {
    const bytes = types
      .map((each) => each.toLowerCase())
      .filter((each) => /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/.test(each));
    const known = bytes.length === 0 ? ['application/octet-stream'] : bytes.slice(0, 8);
    return { body: { type: 'bytes', content: known }, isOpen: true };
  }
  const schema = resolved(root, objectOf(content[chosen])?.['schema']);
  const isList = schema?.['type'] === 'array';
  const members = membersOf(root, isList ? resolved(root, schema?.['items']) : schema);
  const isOpen = members === null || members.length > 200;
  const keys = isOpen ? ('any' as const) : [...members];
  return {
    body: {
      type: chosen === json ? 'json' : 'form',
      keys,
      ...(isList && chosen === json ? { list: true as const } : {}),
    },
    isOpen,
  };
}

/** Schemas that are read of one body: references in circles come again and again. */
const MOST_SCHEMAS = 2000;

/** Names of the members of an object, in all forms it may have; null where other members may be there. */
function membersOf(
  root: Json,
  schema: Json | null,
  depth = 0,
  read = { schemas: 0 },
): readonly string[] | null {
  read.schemas += 1;
  if (schema === null || depth > 8 || read.schemas > MOST_SCHEMAS) return null;
  const parts = ['allOf', 'oneOf', 'anyOf'].flatMap((each) => {
    const list = schema[each];
    return Array.isArray(list) ? list : [];
  });
  const within = parts.map((part) => membersOf(root, resolved(root, part), depth + 1, read) ?? []);
  if (read.schemas > MOST_SCHEMAS) return null;
  const own = Object.keys(objectOf(schema['properties']) ?? {});
  const all = [...new Set([...own, ...within.flat()])].filter(
    (each) => each !== '' && each.length <= 100,
  );
  const isMap =
    objectOf(schema['additionalProperties']) !== null || schema['additionalProperties'] === true;
  return isMap || all.length === 0 ? null : all;
}

/** An object, through the references within the document; null for anything else. */
export function resolved(root: Json, value: unknown, depth = 0): Json | null {
  const found = objectOf(value);
  const reference = found?.['$ref'];
  if (typeof reference !== 'string') return found;
  if (!reference.startsWith('#/') || depth > 8) return null;
  let target: unknown = root;
  for (const token of reference.slice(2).split('/')) {
    target = objectOf(target)?.[token.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return resolved(root, target, depth + 1);
}
