/** Operation names and resource ids, as far as they mean the same at every provider. */

const OPERATION = /^[a-z][a-z0-9-]{0,31}:[A-Za-z][A-Za-z0-9_./-]{0,127}$/;

/** `<provider>:<name>`, e.g. `postgres:select`. */
export function isOperation(value: string): boolean {
  return OPERATION.test(value);
}

/** The provider part of an operation name. */
export function providerOf(operation: string): string {
  return operation.slice(0, operation.indexOf(':'));
}

/**
 * True when a resource names only part of what it stands for: `public.orders(status)`. A quoted
 * identifier ends in a quote, so a closing parenthesis is always a list of parts.
 */
export function isNarrowed(resource: string): boolean {
  return resource.endsWith(')');
}
