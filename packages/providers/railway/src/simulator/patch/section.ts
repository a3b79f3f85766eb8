/** The two things that every part of a patch is read by. */
import { type Arguments, entries, isObject } from '../args.ts';
import { badInput } from '../errors.ts';

/** Null removes as `isDeleted` does: what nobody has seen Railway do with it is taken at its worst. */
export function isDeletion(entry: unknown): boolean {
  return entry === null || (isObject(entry) && entry['isDeleted'] === true);
}

/** The entries of a part. Absent or null: none. @throws bad input where it is no object. */
export function section(patch: Arguments, name: string): [string, unknown][] {
  const value = patch[name];
  if (value === undefined || value === null) return [];
  const found = entries(value);
  if (found === undefined) throw badInput(`Invalid environment config: ${name}`);
  return found;
}
