/**
 * A first draft of a description from an OpenAPI 3 document: every operation with a proposed effect and the reason
 * for it. What the document does not say is proposed as the worst, and what cannot be described is left out, so denied.
 */
import { type Effect, isDeleteCapable } from '@countersign/core';
import { type Imported, type ImportOptions, line, requireFew } from './draft.ts';
import { DraftPlaces, resourceOf } from './draft-places.ts';
import { narrowestFirst } from './narrowest-first.ts';
import { bodyOf, type Json, resolved } from './openapi-reading.ts';
import { parsePathTemplate } from './path.ts';
import { objectOf } from './pointer.ts';
import { proposeEffect } from './propose.ts';
import type { Description, OperationDescription } from './shape.ts';

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options', 'trace'] as const;

/**
 * @param document OpenAPI 3.0 or 3.1, read from JSON; references within it are followed
 * @throws Error with what is missing, in words
 */
export function importOpenApi(document: unknown, options: ImportOptions): Imported {
  const root = objectOf(document);
  const paths = objectOf(root?.['paths']);
  if (root === null || paths === null || !String(root['openapi'] ?? '').startsWith('3.')) {
    throw new Error('It is no OpenAPI 3 document: openapi is 3.0 or later, and paths an object.');
  }
  requireFew(Object.values(paths).flatMap((item) => Object.keys(objectOf(item) ?? {})));
  const server = serverOf(root, options.base);
  const skipped: { request: string; reason: string }[] = [];
  const places = new DraftPlaces();
  const names = new Set<string>();
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = resolved(root, resolved(root, item)?.[method]);
      if (operation === null) return [];
      const request = `${method.toUpperCase()} ${path}`;
      const drafted = draftOperation(root, {
        method,
        path: `${server.prefix}${path}`,
        item,
        operation,
      });
      if (typeof drafted === 'string') {
        skipped.push({ request, reason: drafted });
        return [];
      }
      const name = unique(names, nameOf(operation, method, path));
      return [{ ...drafted, name, place: places.of(drafted.request) }];
    }),
  );
  const info = objectOf(root['info']);
  return {
    description: {
      version: 1,
      name: options.name,
      title: line(String(info?.['title'] ?? options.name), 120),
      source: line(`OpenAPI, version ${String(info?.['version'] ?? 'unknown')}`, 300),
      base: server.origin,
      credential: credentialOf(root),
      places: places.all(),
      // OpenAPI 3 section 4.8.8: a path without parameters is matched before those with them.
      operations: narrowestFirst(operations, ({ request }) => !request.includes('{')).map(inOrder),
    },
    skipped,
  };
}

interface Subject {
  readonly method: string;
  readonly path: string;
  readonly item: unknown;
  readonly operation: Json;
}

type Drafted = Omit<OperationDescription, 'name' | 'place'>;

function draftOperation(root: Json, { method, path, item, operation }: Subject): Drafted | string {
  const verb = method.toUpperCase();
  if (verb === 'OPTIONS' || verb === 'TRACE') return `${verb} is never forwarded`;
  const parameters = parametersOf(root, item, operation);
  const template = templateOf(root, path, parameters);
  if (parsePathTemplate(template) === null) return 'a segment holds more than one parameter';
  const summary = line(String(operation['summary'] ?? operation['description'] ?? path), 300);
  const proposed = proposeEffect({
    ...{ method: verb, path, summary },
    name: String(operation['operationId'] ?? ''),
  });
  const { body, isOpen } = bodyOf(root, operation);
  // What a body may hold is what it may do.
  const isGuess = isOpen && !isDeleteCapable(proposed.effect);
  const effect: Effect = isGuess ? 'delete' : proposed.effect;
  const query = parameters
    .filter((each) => each['in'] === 'query')
    .flatMap((each) => (typeof each['name'] === 'string' ? each['name'].slice(0, 100) : []));
  return {
    request: `${verb} ${template}`,
    effect,
    summary,
    reason: isGuess ? 'its body is not described' : proposed.reason,
    resource: resourceOf(template, isDeleteCapable(effect)),
    ...(query.length === 0 ? {} : { query: [...new Set(query)].slice(0, 200) }),
    ...(body === null || verb === 'GET' || verb === 'HEAD' ? {} : { body }),
  };
}

function parametersOf(root: Json, item: unknown, operation: Json): readonly Json[] {
  const lists: unknown[] = [resolved(root, item)?.['parameters'], operation['parameters']];
  const given: unknown[] = lists.flatMap((list: unknown) => (Array.isArray(list) ? list : []));
  return given.flatMap((each) => {
    const found = resolved(root, each);
    return found === null ? [] : [found];
  });
}

/** The path with the types of its parameters, as far as they tell one path from another. */
function templateOf(root: Json, path: string, parameters: readonly Json[]): string {
  if (path === '/') return path;
  const segments = path.replace(/\/$/, '').split('/');
  return segments
    .map((segment, at) => {
      const [, before = '', name, after = ''] =
        /^([^{}]*)\{([^{}]+)\}([^{}]*)$/.exec(segment) ?? [];
      if (name === undefined) return segment;
      const found = parameters.find((each) => each['in'] === 'path' && each['name'] === name);
      const type = typeOf(root, found, at === segments.length - 1);
      const plain = name.replace(/[^A-Za-z0-9_-]/g, '_').replace(/^(?=[^A-Za-z_])/, '_');
      return `${before}{${plain}${type}}${after}`;
    })
    .join('/');
}

function typeOf(root: Json, parameter: Json | undefined, isLast: boolean): string {
  if (parameter?.['x-multi-segment'] === true && isLast) return ':rest';
  const schema = resolved(root, parameter?.['schema']);
  const values = schema?.['enum'];
  if (schema?.['type'] === 'integer') return ':integer';
  if (schema?.['format'] === 'uuid') return ':uuid';
  const isWords =
    Array.isArray(values) &&
    values.length > 1 &&
    values.length <= 16 &&
    values.every((each) => typeof each === 'string' && /^[A-Za-z0-9._-]+$/.test(each));
  return isWords ? `:${values.join('|')}` : '';
}

function serverOf(root: Json, base: string | null): { origin: string; prefix: string } {
  const servers = Array.isArray(root['servers']) ? root['servers'] : [];
  const url = URL.parse(base ?? String(objectOf(servers[0])?.['url'] ?? ''));
  if (url === null) throw new Error('It names no server with a whole URL: give --base-url.');
  return { origin: url.origin, prefix: url.pathname.replace(/\/$/, '') };
}

function credentialOf(root: Json): Description['credential'] {
  const schemes = Object.values(objectOf(objectOf(root['components'])?.['securitySchemes']) ?? {});
  for (const each of schemes) {
    const scheme = resolved(root, each);
    if (scheme?.['type'] === 'apiKey' && scheme['in'] === 'header') {
      const header = String(scheme['name']).toLowerCase();
      return { header, prefix: header === 'authorization' ? 'Bearer ' : '' };
    }
  }
  return { header: 'authorization', prefix: 'Bearer ' };
}

function nameOf(operation: Json, method: string, path: string): string {
  const given = String(operation['operationId'] ?? '');
  const text = given === '' ? `${path.slice(1).replace(/[{}]/g, '')}/${method}` : given;
  return text
    .replace(/[^A-Za-z0-9_./-]+/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .slice(0, 120)
    .padEnd(1, 'x');
}

function unique(names: Set<string>, wanted: string): string {
  let name = wanted;
  for (let n = 2; names.has(name); n += 1) name = `${wanted}-${n}`;
  names.add(name);
  return name;
}

/** Members in the order in which a reviewer reads them. */
function inOrder({ name, request, effect, reason, summary, ...rest }: OperationDescription) {
  return { name, request, effect, ...(reason === undefined ? {} : { reason }), summary, ...rest };
}
