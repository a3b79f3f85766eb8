/** Entries about who came and asked: sessions, invitations, access requests. They give nobody authority. */
import type {
  AccessRequestFiledBody,
  AccessRequestRejectedBody,
  SessionOpenedBody,
} from '@countersign/contract';
import { fromInstant } from '@countersign/core';
import { agentProblem, humanProblem } from './callers.ts';
import type { Entry, LedgerSoFar } from './ledger-so-far.ts';

/** Milliseconds. */
const LONGEST_SESSION = 8 * 3_600_000;

/** By a key that may sign. Who is frozen may sign in, to read and to veto. */
export function judgeSession(
  { state }: LedgerSoFar,
  { human, kid, session }: SessionOpenedBody,
  { at }: Entry,
): string | null {
  const key = state.keys.get(kid);
  const isStanding = key?.revokedAt === null && state.humans.get(human)?.removedAt === null;
  if (!isStanding || key.human !== human) {
    return 'it was opened with no key of theirs that may sign';
  }
  return fromInstant(session.expires_at) > at + LONGEST_SESSION
    ? 'its session is longer than eight hours'
    : null;
}

export function judgeFiled(
  ledger: LedgerSoFar,
  { request, agent, sender }: AccessRequestFiledBody,
): string | null {
  const problem = agentProblem(ledger, agent);
  if (problem !== null) return problem;
  if (ledger.requests.has(request)) return `access request ${request} was filed before`;
  ledger.requests.set(request, { agent, sender });
  return null;
}

export function judgeRequestRejected(
  ledger: LedgerSoFar,
  { request, agent, human }: AccessRequestRejectedBody,
): string | null {
  if (ledger.requests.get(request)?.agent !== agent) return 'its agent had filed no such request';
  return humanProblem(ledger, human, ['admin', 'approver']);
}
