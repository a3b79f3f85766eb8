/**
 * Patterns of resources and of provider ids: text with places that are filled from the path, the query, the body
 * or an answer. One pattern over one request gives the names of everything that it concerns.
 */
import type { Bound } from './path.ts';
import { isNearlyNamed, parsePointer, valuesAt, valuesOfEach } from './pointer.ts';
import { decodeValue, encodeValue, isPlain } from './text.ts';

type Source = 'path' | 'query' | 'body' | 'arg' | 'answer';

export interface Place {
  readonly source: Source;
  /** Of a path or query parameter. */
  readonly name: string;
  readonly pointer: readonly string[];
  /** Of a query: where there is no such parameter, `-` stands for it. */
  readonly isOptional: boolean;
}

export interface Pattern {
  readonly text: string;
  readonly parts: readonly (string | Place)[];
}

/** What a pattern is filled from. */
export interface Sources {
  readonly path: Bound;
  readonly query: ReadonlyMap<string, readonly string[]>;
  readonly body: unknown;
  /** Of a GraphQL root field. */
  readonly args?: unknown;
  readonly answer: unknown;
}

const ABSENT = '-';

/** Names that one pattern may give for one request. */
const MOST = 64;

const PLACE = /\{([^{}]*)\}/g;
const AROUND = /^[A-Za-z0-9._~@:+,=/-]*$/;

/** Null: not a pattern. */
export function parsePattern(text: string): Pattern | null {
  const parts: (string | Place)[] = [];
  let end = 0;
  for (const found of text.matchAll(PLACE)) {
    const place = parsePlace(found[1] ?? '');
    if (place === null) return null;
    parts.push(text.slice(end, found.index), place);
    end = found.index + found[0].length;
  }
  parts.push(text.slice(end));
  const around = parts.filter((part) => typeof part === 'string');
  if (text === '' || !around.every((part) => AROUND.test(part))) return null;
  // Two places with nothing between them that no value holds would give one name to two things.
  if (!around.slice(1, -1).every((part) => part.includes('/'))) return null;
  return { text, parts };
}

/** A single place without its braces, e.g. `project`, `query:force`, `body:/state`. Null: not one. */
export function parsePlace(text: string): Place | null {
  const at = text.indexOf(':');
  if (at < 0) {
    return isName(text) ? { source: 'path', name: text, pointer: [], isOptional: false } : null;
  }
  const [source, rest] = [text.slice(0, at), text.slice(at + 1)];
  if (source === 'query') {
    const name = rest.replace(/\?$/, '');
    return name === '' ? null : { source, name, pointer: [], isOptional: name !== rest };
  }
  if (source !== 'body' && source !== 'arg' && source !== 'answer') return null;
  const pointer = parsePointer(rest);
  return pointer === null ? null : { source, name: '', pointer, isOptional: false };
}

function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(text);
}

export function placesIn({ parts }: Pattern): readonly Place[] {
  return parts.filter((part) => typeof part !== 'string');
}

/**
 * Every name, each once, in order. Null where a place stands empty, holds what is no name, or gives too many: then
 * nobody can say what the request concerns.
 */
export function fill({ parts }: Pattern, sources: Sources): readonly string[] | null {
  let names: string[] = [''];
  for (const part of parts) {
    const values = typeof part === 'string' ? [part] : written(part, sources);
    if (values === null || values.length === 0) return null;
    names = names.flatMap((before) => values.map((value) => `${before}${value}`));
    if (names.length > MOST) return null;
  }
  return [...new Set(names)];
}

/** What stands in a place of a request, or in one that a lenient server takes for it. */
export function valuesNear(place: Place, sources: Sources): readonly unknown[] {
  const { source, name, pointer } = place;
  if (source === 'query') {
    return [...sources.query].flatMap(([each, values]) =>
      isNearlyNamed(each, name) ? values : [],
    );
  }
  if (source === 'arg') return valuesAt(sources.args, pointer, isNearlyNamed);
  return source === 'body'
    ? documentsOf(sources.body).flatMap((each) => valuesAt(each, pointer, isNearlyNamed))
    : valuesIn(place, sources);
}

/**
 * What stands in a place of a request, where that is all that it says of it. Law 3: null where a lenient server
 * could find more of it, or one of several things does not say it.
 */
export function soleReading(place: Place, sources: Sources): readonly unknown[] | null {
  const { source, pointer } = place;
  const documents = {
    path: null,
    query: null,
    body: documentsOf(sources.body),
    arg: [sources.args],
    answer: [sources.answer],
  }[source];
  const values = valuesIn(place, sources);
  const isWhole = documents?.every((each) => valuesOfEach(each, pointer) !== null) ?? true;
  return isWhole && valuesNear(place, sources).length === values.length ? values : null;
}

function documentsOf(body: unknown): readonly unknown[] {
  return Array.isArray(body) ? body : [body];
}

/** What stands in a place of a request, as it came. */
function valuesIn({ source, name, pointer }: Place, sources: Sources): readonly unknown[] {
  switch (source) {
    case 'path': {
      const value = sources.path.get(name);
      return value === undefined ? [] : [value];
    }
    case 'query':
      return sources.query.get(name) ?? [];
    case 'body':
      return documentsOf(sources.body).flatMap((each) => valuesAt(each, pointer));
    case 'arg':
      return valuesAt(sources.args, pointer);
    case 'answer':
      return valuesAt(sources.answer, pointer);
  }
}

function written(place: Place, sources: Sources): readonly string[] | null {
  const found = soleReading(place, sources);
  if (place.isOptional && found?.length === 0) return [ABSENT];
  const values = found?.map((value) => {
    if (place.isOptional && value === ABSENT) return null;
    if (typeof value === 'boolean') return String(value);
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
    if (typeof value !== 'string') return null;
    // Only a rest of a path has slashes, and they stay what they are.
    const isRest = place.source === 'path' && value.includes('/');
    if (isRest) return value.split('/').map(encodeValue).join('/');
    return isPlain(value) || (place.source !== 'path' && isSeen(value)) ? encodeValue(value) : null;
  });
  return values?.every((value) => value !== null) === true ? values : null;
}

/** A value outside of a path may hold separators: encoded, they separate nothing. */
function isSeen(value: string): boolean {
  return value !== '' && value.length <= 255 && isPlain(value.replace(/[/\\%?#;]/g, '-'));
}

/** Whether a resource is one that the pattern could give, in its one spelling. `rests` name what spans segments. */
export function isOf({ parts }: Pattern, resource: string, rests: ReadonlySet<string>): boolean {
  const source = parts.map((part) => {
    if (typeof part === 'string') return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return part.source === 'path' && rests.has(part.name) ? '(.+)' : '([^/]+)';
  });
  const found = new RegExp(`^${source.join('')}$`).exec(resource);
  if (found === null) return false;
  return found.slice(1).every((text) =>
    text.split('/').every((each) => {
      const value = decodeValue(each);
      return value !== null && isSeen(value);
    }),
  );
}
