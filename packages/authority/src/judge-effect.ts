/**
 * The end of a delay: nothing new is signed, and what was signed is judged once more, as things are now.
 * So the fold needs no clock, and every replica and the verifier see the effect at the same entry.
 */
import { StatementEffectiveBody } from '@countersign/contract';
import { inputError } from '@countersign/core';
import { applyStatement } from './apply.ts';
import { dueFrom } from './delays.ts';
import { shapeProblem, thumbprintsIn } from './envelope.ts';
import type { AuthorityEntry, Judgement } from './judgement.ts';
import { progressOf } from './progress.ts';
import { requireNotOvertaken, requireStillAdmissible } from './settle.ts';
import type { AuthorityState } from './state.ts';

/** @throws CountersignError `invalid_request`, `not_found`, `conflict` */
export async function judgeEffect(
  state: AuthorityState,
  entry: AuthorityEntry,
): Promise<Judgement> {
  const parsed = StatementEffectiveBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  const record = state.statements.get(parsed.data.statement);
  if (record === undefined) throw inputError('not_found', 'There is no such statement.');
  if (record.status === 'pending' || record.status === 'cooling_off') {
    requireNotOvertaken(state, record);
  }
  const due = dueFrom(state, record);
  if (due === null) {
    throw inputError('conflict', 'This statement does not wait for a time to come.');
  }
  if (entry.time < due.from)
    throw inputError('conflict', `Nothing of it takes effect before ${due.from}.`);
  const { decoded, signatures } = record;
  const { statement } = decoded;
  const progress = progressOf(state, due.requirement, signatures);
  if (!progress.met) {
    throw inputError(
      'conflict',
      `Its signatures no longer suffice: ${progress.missing.join('; ')}.`,
    );
  }
  const thumbprints = await thumbprintsIn(statement);
  requireStillAdmissible(state, statement, thumbprints);
  return {
    ok: true,
    statement: statement.id,
    status: 'complete',
    progress,
    apply: () =>
      applyStatement(state, entry, {
        decoded,
        signatures,
        status: 'complete',
        onOneWord: progress.need < 2,
        thumbprints,
      }),
  };
}
