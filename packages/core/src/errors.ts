import type { Code, InputCode } from './codes.ts';

/**
 * The one error class that crosses package boundaries. `message` is one sentence for a human: what
 * was wrong and what to do; it never holds a secret, policy, or an upstream's words.
 */
export class CountersignError extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'CountersignError';
    this.code = code;
  }
}

/** The ledger in the database is not the one that was written: nobody waits for it to become better. */
export class UnfaithfulLedger extends CountersignError {
  constructor(message: string) {
    super('broker_unavailable', message);
  }
}

/** Input that never reached a decision: malformed, unknown, conflicting. */
export function inputError(code: InputCode, message: string): CountersignError {
  return new CountersignError(code, message);
}
