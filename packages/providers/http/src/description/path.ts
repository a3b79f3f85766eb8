/**
 * Paths and their templates. What an upstream could route otherwise than it reads here is noticed: by letter case,
 * by an extension, by a number that a lenient parser would take (Law 3).
 */
import { encodeValue, isPlain } from './text.ts';

/** What stands in a place of a path. `rest` is all segments from there on. */
type ParameterType = 'text' | 'integer' | 'uuid' | 'rest' | readonly string[];

interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
}

/** A parameter may have text around it, as in `{task}:archive`, which is routed to something else than `{task}`. */
interface Varying {
  readonly parameter: Parameter;
  readonly before: string;
  readonly after: string;
}

type Segment = { readonly literal: string } | Varying;

export interface PathTemplate {
  /** As it was written. */
  readonly text: string;
  readonly segments: readonly Segment[];
}

/** Decoded values by the names of their parameters. */
export type Bound = ReadonlyMap<string, string>;

const LITERAL = /^[A-Za-z0-9._~@:+,=-]+$/;
const AROUND = /^([A-Za-z0-9._~@:+,=-]*)(\{[^{}]*\})([A-Za-z0-9._~@:+,=-]*)$/;
const PARAMETER =
  /^\{([A-Za-z_][A-Za-z0-9_-]{0,63})(?::([a-z]+|[A-Za-z0-9._-]+(?:\|[A-Za-z0-9._-]+)+))?\}$/;

/** Null: not a template. */
export function parsePathTemplate(text: string): PathTemplate | null {
  if (text === '/') return { text, segments: [] };
  if (!text.startsWith('/')) return null;
  const segments = text.slice(1).split('/').map(parseSegment);
  const names = segments.flatMap((each) =>
    each !== null && 'parameter' in each ? [each.parameter.name] : [],
  );
  if (new Set(names).size !== names.length) return null;
  const isWhole = segments.every(
    (each, at) =>
      each !== null &&
      ('literal' in each || each.parameter.type !== 'rest' || at === segments.length - 1),
  );
  return isWhole ? { text, segments: segments.flatMap((each) => each ?? []) } : null;
}

function parseSegment(text: string): Segment | null {
  if (LITERAL.test(text) && text !== '.' && text !== '..') return { literal: text };
  const [, before = '', inside = '', after = ''] = AROUND.exec(text) ?? [];
  const [, name, type = 'text'] = PARAMETER.exec(inside) ?? [];
  if (name === undefined) return null;
  if (type.includes('|')) return { parameter: { name, type: type.split('|') }, before, after };
  const known = (['text', 'integer', 'uuid', 'rest'] as const).find((each) => each === type);
  const isPart = before !== '' || after !== '';
  if (known === undefined || (known === 'rest' && isPart)) return null;
  return { parameter: { name, type: known }, before, after };
}

/** What stands in the place of the parameter; null where the text around it does not. */
function within({ before, after }: Varying, value: string): string | null {
  const isThere =
    value.length > before.length + after.length &&
    value.startsWith(before) &&
    value.endsWith(after);
  return isThere ? value.slice(before.length, value.length - after.length) : null;
}

function isBare({ before, after }: Varying): boolean {
  return before === '' && after === '';
}

/** Whether the two stand for the same paths, whatever their parameters are called. */
export function shapeOf({ segments }: PathTemplate): string {
  return segments
    .map((each) =>
      'literal' in each ? each.literal : `${each.before}{${each.parameter.type}}${each.after}`,
    )
    .join('/');
}

/** Whether a path of the first is one of the second too, and more is known of it. */
export function isWithin(one: PathTemplate, other: PathTemplate): boolean {
  const isLonger = one.segments.length > other.segments.length;
  if (one.segments.length < other.segments.length || (isLonger && !endsInRest(other))) return false;
  return other.segments.every((wide, at) => {
    const narrow = one.segments[at];
    if (narrow === undefined) return false;
    if ('literal' in wide) return 'literal' in narrow && narrow.literal === wide.literal;
    if ('literal' in narrow) return takes(wide, narrow.literal);
    const isAround = isBare(wide) || (narrow.before === wide.before && narrow.after === wide.after);
    return isAround && (wide.parameter.type === 'text' || wide.parameter.type === 'rest');
  });
}

/** Whether some path could be one of both. */
export function overlap(one: PathTemplate, other: PathTemplate): boolean {
  const [a, b] = [one.segments, other.segments];
  const [rest, longer] = endsInRest(one) ? [one, other] : [other, one];
  if (
    a.length !== b.length &&
    !(endsInRest(rest) && longer.segments.length >= rest.segments.length)
  )
    return false;
  const shared = Math.min(a.length, b.length);
  return Array.from({ length: shared }, (_, at) => [a[at], b[at]] as const).every(([x, y]) => {
    if (x === undefined || y === undefined) return true;
    if ('literal' in x && 'literal' in y) return x.literal === y.literal;
    if ('literal' in x) return 'parameter' in y && takes(y, x.literal);
    if ('literal' in y) return takes(x, y.literal);
    return isBare(x) && isBare(y) ? typesMeet(x.parameter.type, y.parameter.type) : textsMeet(x, y);
  });
}

function takes(segment: Varying, literal: string): boolean {
  const value = within(segment, literal);
  return value !== null && admits(segment.parameter.type, value);
}

/** Whether the texts around two parameters could be around one value. */
function textsMeet(x: Varying, y: Varying): boolean {
  const [bare] = [x, y].filter(isBare);
  if (bare?.parameter.type === 'integer' || bare?.parameter.type === 'uuid') return false;
  return (
    (x.before.startsWith(y.before) || y.before.startsWith(x.before)) &&
    (x.after.endsWith(y.after) || y.after.endsWith(x.after))
  );
}

function typesMeet(a: ParameterType, b: ParameterType): boolean {
  if (typeof a !== 'string') return a.some((each) => admits(b, each));
  if (typeof b !== 'string') return b.some((each) => admits(a, each));
  return !((a === 'integer' && b === 'uuid') || (a === 'uuid' && b === 'integer'));
}

function endsInRest({ segments }: PathTemplate): boolean {
  const last = segments.at(-1);
  return last !== undefined && 'parameter' in last && last.parameter.type === 'rest';
}

/** Whether a decoded value is one of the type. */
function admits(type: ParameterType, value: string): boolean {
  if (typeof type !== 'string') return type.includes(value);
  switch (type) {
    case 'integer':
      return /^(?:0|[1-9]\d{0,18})$/.test(value);
    case 'uuid':
      return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
    case 'text':
      return isPlain(value);
    case 'rest':
      return value.length <= 1024 && value.split('/').every(isPlain);
  }
}

/** Whether an upstream that reads loosely could take the value for one of the type. */
function couldBe(type: ParameterType, value: string): boolean {
  if (typeof type !== 'string') return type.some((each) => isNearly(each, value));
  switch (type) {
    case 'integer':
      return /^[+-]?\p{Nd}/u.test(value);
    case 'uuid':
      return /^\{?[0-9a-f-]{32,36}\}?(?:\.|$)/i.test(value);
    case 'text':
    case 'rest':
      return true;
  }
}

/** The same but for letter case, compatible characters and extensions. */
function isNearly(literal: string, value: string): boolean {
  const folded = value.normalize('NFKC').toLowerCase();
  const wanted = literal.toLowerCase();
  return (
    folded === wanted ||
    (folded.startsWith(`${wanted}.`) && /^(?:\.[a-z0-9]{0,8})+$/.test(folded.slice(wanted.length)))
  );
}

/**
 * The decoded segments of a path as it came, or why it has no single reading. Begins with `/`; no segment is empty,
 * `.` or `..`, hides a separator, or is encoded where it needs not be.
 */
export function readPath(path: string): readonly string[] | { readonly problem: string } {
  if (path === '/') return [];
  if (!/^\/[A-Za-z0-9._~!$&'()*+,=:@%/-]*$/.test(path)) {
    return { problem: 'The path has a character that does not belong into one, or a `;`.' };
  }
  const segments: string[] = [];
  for (const text of path.slice(1).split('/')) {
    if (text === '') return { problem: 'The path has an empty segment, or ends in a slash.' };
    const value = decodeSegment(text);
    if (value === null || !isPlain(value)) {
      return {
        problem:
          'The path has a segment with more than one reading: `.`, an encoded separator, an encoding of what needs none.',
      };
    }
    segments.push(value);
  }
  return segments;
}

function decodeSegment(text: string): string | null {
  // Law 3: what somebody encoded without need, somebody else compares without decoding.
  if (/%(?:[46][1-9A-F]|[57][0-9A]|3[0-9]|2D|2E|5F|7E)/i.test(text) && needless(text)) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function needless(text: string): boolean {
  return [...text.matchAll(/%([0-9a-f]{2})/gi)].some(([, hex = '']) =>
    /[A-Za-z0-9._~-]/.test(String.fromCharCode(Number.parseInt(hex, 16))),
  );
}

/** exact: a path of the template. near: none, but an upstream could take it for one. */
export type Match =
  | { readonly kind: 'exact'; readonly bound: Bound }
  | { readonly kind: 'near' }
  | null;

export function matchPath(template: PathTemplate, path: readonly string[]): Match {
  const { segments } = template;
  const isRest = endsInRest(template);
  if (isRest ? path.length < segments.length : path.length !== segments.length) return null;
  const bound = new Map<string, string>();
  let isExact = true;
  for (const [at, segment] of segments.entries()) {
    const value = path[at] ?? '';
    if ('literal' in segment) {
      if (value === segment.literal) continue;
      if (!isNearly(segment.literal, value)) return null;
      isExact = false;
      continue;
    }
    const { name, type } = segment.parameter;
    const exact = within(segment, value);
    const inside = exact ?? withinNearly(segment, value);
    if (inside === null) return null;
    if (exact === null) isExact = false;
    const whole = type === 'rest' ? path.slice(at).join('/') : inside;
    if (!admits(type, whole)) {
      if (!couldBe(type, whole)) return null;
      isExact = false;
    }
    bound.set(name, whole);
  }
  return isExact ? { kind: 'exact', bound } : { kind: 'near' };
}

/** The same but for letter case, compatible characters and extensions. */
function withinNearly({ parameter, before, after }: Varying, value: string): string | null {
  const folded = value.normalize('NFKC').toLowerCase();
  const around = { parameter, before: before.toLowerCase(), after: after.toLowerCase() };
  return within(around, folded) ?? within(around, folded.replace(/(?:\.[a-z0-9]{0,8})+$/, ''));
}

/** The path as it is sent: made from what was judged. */
export function renderPath({ segments }: PathTemplate, bound: Bound): string {
  return `/${segments
    .map((each) => {
      if ('literal' in each) return each.literal;
      const value = bound.get(each.parameter.name) ?? '';
      return `${each.before}${value.split('/').map(encodeValue).join('/')}${each.after}`;
    })
    .join('/')}`;
}
