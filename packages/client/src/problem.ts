/** A refusal as the broker sent it: the closed code to switch on, and the whole problem for whoever shows it. */
import { OAuthProblem, Problem } from '@countersign/contract';
import { CountersignError } from '@countersign/core';

export class ProblemError extends CountersignError {
  /** RFC 9457 members; on decisions also what an agent shall do and how it may ask. */
  readonly problem: Problem;
  /** HTTP status. */
  readonly status: number;
  /** RFC 6749 `error`, from the token endpoint; else null. */
  readonly oauthError: string | null;

  constructor(problem: Problem, status: number, oauthError: string | null) {
    super(problem.code, problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
    this.status = status;
    this.oauthError = oauthError;
  }
}

/** The error that an answer other than 2xx stands for. A body that is no problem is never quoted. */
export function errorOf(status: number, body: unknown): CountersignError {
  const oauth = OAuthProblem.safeParse(body);
  if (oauth.success) return new ProblemError(oauth.data, status, oauth.data.error);
  const problem = Problem.safeParse(body);
  if (problem.success) return new ProblemError(problem.data, status, null);
  return notABroker(`it answered ${status} without a reason`);
}

/** What was reached does not speak this contract. */
export function notABroker(why: string): CountersignError {
  return new CountersignError(
    'broker_unavailable',
    `The server did not answer as a broker does: ${why}. Check its URL and version.`,
  );
}
