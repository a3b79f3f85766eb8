/** What an attack expects: a refusal with its code, and nothing else. */
import { ProblemError } from '@countersign/client';
import { expect } from 'vitest';

/** The code of the refusal; fails the test when nothing was refused. */
export async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof ProblemError) return error.code;
    throw error;
  }
  throw new Error('the attack went through');
}

export async function refused(attempt: Promise<unknown>, code: string): Promise<void> {
  expect(await codeOf(attempt)).toBe(code);
}
