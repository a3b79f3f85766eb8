/**
 * How a value stands in a path and in a resource: percent-encoded in one way, so that equal things have equal
 * names, and a name is never longer or stranger than what it came from.
 */

/** Characters of one value. */
const LONGEST_VALUE = 255;

/** Nothing that steers a terminal, ends a segment, or would be read as one more encoding. */
const STRANGE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\%?#;]/u;

/** What ends a segment, or is one of those that mean another, to whoever folds compatible characters first. */
const SEPARATING = /[/\\%]|^\.{1,2}$/;

/** Whether a value can stand in one segment of a path, and be the same to whoever reads it there. */
export function isPlain(value: string): boolean {
  return (
    value !== '' &&
    value.length <= LONGEST_VALUE &&
    value === value.trim() &&
    !STRANGE.test(value) &&
    !SEPARATING.test(value.normalize('NFKC'))
  );
}

/** RFC 3986 section 2.1, of everything but unreserved characters and those that mean nothing in a segment. */
export function encodeValue(value: string): string {
  return encodeURIComponent(value)
    .replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(?:40|3A|2B|2C|3D)/g, decodeURIComponent);
}

/** The value of such a text; null where it is not how any value is written. */
export function decodeValue(text: string): string | null {
  try {
    const value = decodeURIComponent(text);
    return encodeValue(value) === text ? value : null;
  } catch {
    return null;
  }
}
