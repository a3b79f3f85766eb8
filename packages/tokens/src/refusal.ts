import { CountersignError, type DenialCode } from '@countersign/core';
import type { z } from 'zod';

/**
 * Why a token was refused, inside this package. Each public function turns it into the one code its
 * callers may see, and turns whatever else is thrown into the same: an error is a refusal (Law 5).
 */
export class Refusal extends Error {}

export function demand(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Refusal(why);
}

/** The value as its schema reads it, or a refusal that names the member and never its content. */
export function demandShape<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const member = issue?.path.join('.') ?? '';
  throw new Refusal(
    issue?.code === 'unrecognized_keys'
      ? `the ${what} has members that are not allowed`
      : `the ${what} member "${member}" is missing or not allowed`,
  );
}

/** Runs the checks; every failure leaves as `code` with the message that `describe` makes of the reason. */
export async function refuseAs<T>(
  code: DenialCode,
  describe: (why: string) => string,
  checks: () => Promise<T> | T,
): Promise<T> {
  try {
    return await checks();
  } catch (error) {
    throw toDenial(error, code, describe);
  }
}

/** The denial that a failed check becomes; a denial stays what it is. */
export function toDenial(
  error: unknown,
  code: DenialCode,
  describe: (why: string) => string,
): CountersignError {
  if (error instanceof CountersignError) return error;
  const why = error instanceof Refusal ? error.message : 'it could not be checked';
  return new CountersignError(code, describe(why), { cause: error });
}
