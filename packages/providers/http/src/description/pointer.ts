/**
 * What stands in a JSON document where a pointer points, as it is written and as a lenient server would find it: what
 * somebody there could take for it counts as it (Law 3).
 */

/** RFC 6901 section 4, and `*` for every element of an array or member of an object. */
export function parsePointer(text: string): readonly string[] | null {
  if (text === '') return [];
  if (!/^(?:\/(?:[^~/]|~[01])*)+$/.test(text)) return null;
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A copy of an object's own members; null for a list, and for anything else. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}

/**
 * Every value at the pointer; a place where there is none gives nothing.
 *
 * @param isNamed whether a member's name is that of the pointer
 */
export function valuesAt(
  document: unknown,
  pointer: readonly string[],
  isNamed: (name: string, token: string) => boolean = isExactly,
): readonly unknown[] {
  const [token, ...rest] = pointer;
  if (token === undefined) return [document];
  if (typeof document !== 'object' || document === null) {
    const isNothing = document === null || document === undefined || isNamed === isExactly;
    if (isNothing) return [];
    // A lenient server takes one value for a list of one, and finds more in a text than a text.
    return token === '*' ? valuesAt(document, rest, isNamed) : [document];
  }
  if (token === '*') {
    return Object.values(document).flatMap((each) => valuesAt(each, rest, isNamed));
  }
  if (Array.isArray(document) && !/^(?:0|[1-9]\d{0,8})$/.test(token)) {
    // And a list of one for the one.
    return isNamed === isExactly
      ? []
      : document.flatMap((each: unknown) => valuesAt(each, pointer, isNamed));
  }
  return Object.entries(document)
    .filter(([name]) => isNamed(name, token))
    .flatMap(([, value]) => valuesAt(value, rest, isNamed));
}

/**
 * Every value at the pointer, where there is one in each of what a `*` stands for; else null: what does not say
 * it may concern anything.
 */
export function valuesOfEach(
  document: unknown,
  [token, ...rest]: readonly string[],
): readonly unknown[] | null {
  if (token === undefined) return [document];
  if (typeof document !== 'object' || document === null) return null;
  const each = token === '*' ? Object.values(document) : valuesAt(document, [token]);
  const found = each.map((value) => valuesOfEach(value, rest));
  return found.length > 0 && found.every((values) => values !== null) ? found.flat() : null;
}

function isExactly(name: string, token: string): boolean {
  return name === token;
}

/**
 * Names that a lenient server takes for one: letter case, compatible characters, what is nested in it, and how its
 * words are joined (`projectId` and `project_id` are one to a reader of Protocol Buffers).
 */
export function isNearlyNamed(name: string, wanted: string): boolean {
  return name === wanted || rootOf(name) === rootOf(wanted);
}

function rootOf(name: string): string {
  const root = name.replace(/\[.*$/s, '').normalize('NFKC').toLowerCase();
  const joined = root.replace(/[\s._-]+/g, '');
  return joined === '' ? root : joined;
}
