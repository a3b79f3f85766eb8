/**
 * What Vercel's SDK says of its API: methods, paths, parameters and the members of bodies, read out of its sources
 * by their form. A body that cannot be read so may hold anything, and an operation that cannot, such as one whose path
 * is broken over lines, is left out, so denied.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sketched } from './sketch.ts';

/** Members of each body by the name of its type, as they are sent; null where others may be there. */
type Bodies = ReadonlyMap<string, readonly string[] | null>;

/** @param root the folder of the unpacked package. @throws Error where a file cannot be read */
export function operationsOf(root: string): readonly Sketched[] {
  const bodies = bodiesIn(join(root, 'src/models'));
  return textsIn(join(root, 'src/funcs')).flatMap((text) => operationIn(text, bodies) ?? []);
}

function textsIn(folder: string): readonly string[] {
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
}

function bodiesIn(folder: string): Bodies {
  const schemas =
    /export const (\w+)\$outboundSchema: z\.ZodType<[^=]*?> = ([\s\S]*?);\n(?=\n|export)/g;
  return new Map(
    textsIn(folder).flatMap((text) =>
      [...text.matchAll(schemas)].map(
        ([, name = '', schema = '']) => [name, membersOf(schema)] as const,
      ),
    ),
  );
}

function membersOf(schema: string): readonly string[] | null {
  const isOpen = /^ {2}additionalProperties: /m.test(schema);
  if (isOpen || !/^z\s*\.object\(\{/.test(schema)) return null;
  // `clientSecret: "client_secret"`: a member has another name when it is sent.
  const sentAs = new Map(
    [...schema.matchAll(/^ {4}(\w+): "([^"]+)",$/gm)].map(([, own = '', sent = '']) => [own, sent]),
  );
  return [...schema.matchAll(/^ {2}(\w+):/gm)].map(([, own = '']) => sentAs.get(own) ?? own);
}

function operationIn(text: string, bodies: Bodies): Sketched | null {
  const [, path] = /pathToFunc\(\s*"([^"]+)",?\s*\)/.exec(text) ?? [];
  const [, method] = /\n {4}method: "([A-Z]+)"/.exec(text) ?? [];
  const [, name] = /operationID: "([^"]+)"/.exec(text) ?? [];
  if (path === undefined || method === undefined || name === undefined) return null;
  const [, query = ''] = /encodeFormQuery\(\{([\s\S]*?)\n {2}\}/.exec(text) ?? [];
  return {
    ...{ method, path, name },
    query: [...query.matchAll(/"([^"]+)":/g)].map(([, each = '']) => each),
    body: bodyIn(text, bodies),
  };
}

function bodyIn(text: string, bodies: Bodies): Sketched['body'] {
  if (!/const body = (?!null)/.test(text)) return [];
  const [, type = ''] = /\n {2}request\??: (\w+)/.exec(text) ?? [];
  // What has neither path nor query to say beside it is the body itself.
  const isAll = /const body = [^;]*encodeJSON\(\s*"body",\s*payload,/.test(text);
  return bodies.get(isAll ? type : type.replace(/Request\d*$/, 'RequestBody')) ?? null;
}
