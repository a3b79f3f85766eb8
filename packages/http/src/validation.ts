/** The contract's schemas applied to what came in, and their first complaint in one sentence. */
import { inputError } from '@countersign/core';
import type { z } from 'zod';

/**
 * @param where names the part of the request where no field can be named
 * @throws CountersignError `invalid_request`, naming the field and never its value
 */
export function validate(
  schema: z.ZodType,
  value: unknown,
  where: 'path' | 'query' | 'body',
): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw inputError(
    'invalid_request',
    issue === undefined ? `The ${where} is not valid.` : sentence(issue, where),
  );
}

/**
 * Validates query parameters. A number has one spelling, so that `0x10`, `1e2` and ` 5` are no limits.
 *
 * @throws CountersignError `invalid_request`
 */
export function validateQuery(
  schema: z.ZodType,
  parameters: Readonly<Record<string, string>>,
): unknown {
  const value = validate(schema, parameters, 'query');
  for (const [name, parsed] of Object.entries(value ?? {})) {
    if (typeof parsed === 'number' && String(parsed) !== parameters[name]) {
      throw inputError('invalid_request', `${name}: a number is written in plain digits.`);
    }
  }
  return value;
}

function sentence(issue: z.core.$ZodIssue, where: string): string {
  const field =
    issue.path.length === 0 ? `the ${where}` : issue.path.slice(0, 8).map(plain).join('.');
  if (issue.code === 'unrecognized_keys') {
    return `${field}: there is an unknown member ${plain(issue.keys[0] ?? '')}.`;
  }
  if (issue.code === 'invalid_union') {
    const inner = issue.errors[0]?.[0];
    return inner === undefined ? `${field}: the value is not a known one.` : withStop(field, inner);
  }
  return withStop(field, issue);
}

function withStop(field: string, issue: z.core.$ZodIssue): string {
  return issue.message.endsWith('received undefined')
    ? `${field} is missing.`
    : `${field}: ${issue.message.replace(/\.$/, '')}.`;
}

/** Names come from the client: only what cannot lie on a screen is repeated. */
function plain(name: PropertyKey): string {
  return String(name)
    .slice(0, 64)
    .replace(/[^\w.:/-]/g, '?');
}
