/** Arguments as graphql-js hands them over: coerced by the schema, but untyped. Each accessor says what it expects. */

export type Arguments = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Arguments {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A required string. @throws {Error} when the schema let something else through. */
export function text(args: Arguments, name: string): string {
  const value = args[name];
  if (typeof value !== 'string') throw new Error(`argument ${name} is no string`);
  return value;
}

/** A string, or undefined where the argument is absent or null. */
export function optionalText(args: Arguments, name: string): string | undefined {
  const value = args[name];
  return typeof value === 'string' ? value : undefined;
}

export function optionalNumber(args: Arguments, name: string): number | undefined {
  const value = args[name];
  return typeof value === 'number' ? value : undefined;
}

/** An input object. @throws {Error} when the schema let something else through. */
export function input(args: Arguments, name = 'input'): Arguments {
  const value = args[name];
  if (!isObject(value)) throw new Error(`argument ${name} is no object`);
  return value;
}

export function texts(args: Arguments, name: string): string[] {
  const value = args[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** The entries of a JSON scalar that has to be an object. Undefined: it is none. */
export function entries(value: unknown): [string, unknown][] | undefined {
  return isObject(value) ? Object.entries(value) : undefined;
}
