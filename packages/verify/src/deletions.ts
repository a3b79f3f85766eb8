/** What deletions would take with them, looked up for drafts: by whom, and what statements say of it (Law 1). */
import { digestOfDocument } from '@countersign/authority';
import type { DeletionAssessedBody, StatementOf } from '@countersign/contract';
import { agentProblem, humanProblem } from './callers.ts';
import type { Entry, LedgerSoFar } from './ledger-so-far.ts';

type Subject = Pick<DeletionAssessedBody, 'agent' | 'connection' | 'environment'>;

function subjectOf({ agent, connection, environment }: Subject): string {
  return JSON.stringify([agent, connection, environment]);
}

export function judgeDeletionAssessed(
  ledger: LedgerSoFar,
  body: DeletionAssessedBody,
  { id }: Entry,
): string | null {
  const problem =
    humanProblem(ledger, body.human, ['admin', 'approver']) ?? agentProblem(ledger, body.agent);
  if (problem !== null) return problem;
  ledger.assessments.set(id, { of: subjectOf(body), found: body.assessment });
  return null;
}

/** What signers read of a deletion is what the broker found, by an entry of its own. */
export function deletionProblem(
  { assessments }: LedgerSoFar,
  { body }: StatementOf<'grant.create'>,
): string | null {
  if (body.sql !== null || body.assessment?.kind !== 'deletion') return null;
  const entry = body.assessment.body['assessed'];
  const looked = assessments.get(typeof entry === 'string' ? entry : '');
  const isOwn =
    looked?.found === digestOfDocument(body.assessment) && looked.of === subjectOf(body);
  return isOwn ? null : 'what it says it takes with it is not what the broker found';
}
