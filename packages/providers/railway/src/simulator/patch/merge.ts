/** Laying one JSON document over another: objects member by member, anything else as a whole. */
import { isObject } from '../args.ts';

export function merged(one: unknown, other: unknown): unknown {
  if (!isObject(one) || !isObject(other)) return other;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, key in other ? merged(one[key], other[key]) : one[key]]),
  );
}
