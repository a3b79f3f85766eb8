/** Failures as the terminal shows them: one sentence, one code, the command to run next. */
import { ProblemError } from '@countersign/client';
import { CountersignError, DENIAL_CODES } from '@countersign/core';
import { EXIT, type ExitStatus } from './exit-status.ts';

/** A failure found here rather than answered by the broker. */
export class Failure extends Error {
  readonly status: ExitStatus;
  readonly code: string;
  /** A command, or a short sentence with one in it. */
  readonly next: string;

  constructor(failed: {
    readonly status: ExitStatus;
    readonly code: string;
    readonly message: string;
    readonly next: string;
  }) {
    super(failed.message);
    this.name = 'Failure';
    this.status = failed.status;
    this.code = failed.code;
    this.next = failed.next;
  }
}

/** The broker's refusal, whole, with a next command that only the caller could know. */
class Refused extends Failure {
  readonly problem: ProblemError['problem'];

  constructor(error: ProblemError, next: string) {
    const { status, code, message } = explain(error);
    super({ status, code, message, next });
    this.problem = error.problem;
  }
}

/** Work whose refusal leads somewhere else than its code alone says; null: where the code says. */
export async function withNext<T>(
  work: Promise<T>,
  next: (error: ProblemError) => string | null,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const better = error instanceof ProblemError ? next(error) : null;
    if (!(error instanceof ProblemError) || better === null) throw error;
    throw new Refused(error, better);
  }
}

export function usageFailure(message: string, next: string): Failure {
  return new Failure({ status: EXIT.usage, code: 'usage', message, next });
}

export function failed(code: string, message: string, next: string): Failure {
  return new Failure({ status: EXIT.failed, code, message, next });
}

/** Something is not what it was said to be: nothing was signed, nothing was believed. */
export function unverified(message: string, next: string): Failure {
  return new Failure({ status: EXIT.unverified, code: 'verification_failed', message, next });
}

export interface Explanation {
  readonly status: ExitStatus;
  readonly code: string;
  readonly message: string;
  readonly next: string;
  /** The broker's own words, where it answered. */
  readonly problem?: ProblemError['problem'];
}

/** Any thrown value as something to print. Only errors that were made to be read are quoted. */
export function explain(error: unknown): Explanation {
  if (error instanceof Failure) {
    const { status, code, message, next } = error;
    const problem = error instanceof Refused ? { problem: error.problem } : {};
    return { status, code, message, next, ...problem };
  }
  if (error instanceof ProblemError) {
    const { problem, code, message } = error;
    return { status: statusOfProblem(error), code, message, next: nextAfter(code), problem };
  }
  if (error instanceof CountersignError) {
    const status = error.code === 'invalid_request' ? EXIT.usage : EXIT.failed;
    return { status, code: error.code, message: error.message, next: nextAfter(error.code) };
  }
  return {
    status: EXIT.failed,
    code: 'failed',
    message: error instanceof Error ? error.message : 'Something that is no error was thrown.',
    next: 'countersign --help',
  };
}

/** Law 5: a refused decision is not a fault to work around, so it has a status of its own. */
function statusOfProblem({ code }: ProblemError): ExitStatus {
  const denial = (DENIAL_CODES as readonly string[]).includes(code);
  return denial || code === 'forbidden' ? EXIT.denied : EXIT.failed;
}

function nextAfter(code: string): string {
  switch (code) {
    case 'broker_unavailable':
      return 'countersign serve   (or name another broker with --server URL)';
    case 'unauthenticated':
      return 'ask another human to run: countersign pending';
    case 'invalid_token':
    case 'token_expired':
    case 'token_revoked':
      return 'run the command again; it signs in anew, if your key still counts';
    case 'needs_signature':
    case 'not_granted':
    case 'resource_not_granted':
    case 'grant_expired':
    case 'grant_exhausted':
    case 'grant_suspended':
      return 'countersign ask   (with the same flags; humans answer it)';
    case 'forbidden':
      return 'countersign human list   (who holds which role)';
    case 'conflict':
      return 'countersign pending';
    case 'not_found':
      return 'look at the list: countersign pending, grant list, request list, agent list';
    default:
      return 'countersign --help';
  }
}
