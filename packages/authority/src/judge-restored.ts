/**
 * A database that was restored behind its mirror (Law 1): statements were replayed, decisions are lost. What
 * hangs on decisions nobody knows any more, uses above all, ends here, for every replica and the verifier.
 */
import { RestoredBody } from '@countersign/contract';
import { type CountersignError, inputError } from '@countersign/core';
import { shapeProblem } from './envelope.ts';
import { isDeleteCapableGrant } from './grant-effect.ts';
import type { AuthorityEntry, Judgement } from './judgement.ts';
import { isSame, isSpent, presentLine } from './restored.ts';
import type { AuthorityState, Grant } from './state.ts';

/** @throws CountersignError `invalid_request`, `conflict`, `forbidden` */
export function judgeRestored(state: AuthorityState, entry: AuthorityEntry): Judgement {
  const parsed = RestoredBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  const { data: body } = parsed;
  const refusal = refusalOf(state, entry, body);
  if (refusal !== null) throw refusal;
  return {
    ok: true,
    statement: null,
    status: 'complete',
    progress: null,
    apply: () => applyRestored(state, entry, body),
  };
}

/** The broker writes it without a human, so it may say nothing but what takes authority away. */
function refusalOf(
  state: AuthorityState,
  { index }: AuthorityEntry,
  body: RestoredBody,
): CountersignError | null {
  if (state.broker === null) return inputError('conflict', 'Nothing is restored before genesis.');
  if (body.line.number <= presentLine(state).number || state.restorations.has(body.line.id)) {
    return inputError('conflict', 'The ledger had this name in the mirror already.');
  }
  if (body.accepted === null) {
    // Not at which index: this entry may have been replayed itself, behind fewer than there were.
    return body.lost !== null && body.replayed <= index && isGap(body, body.lost)
      ? null
      : inputError('invalid_request', 'It lost nothing, or replayed more than there is.');
  }
  if (isSpent(state, body.accepted, body.database)) {
    return inputError('conflict', 'A database has gone on by this statement already.');
  }
  const record = state.statements.get(body.accepted);
  const statement = record?.decoded.statement;
  const isAccepted =
    record?.status === 'complete' &&
    statement?.kind === 'restore.accept' &&
    isSame(statement.body.mirror, body.mirror) &&
    isSame(statement.body.restored, body.database);
  return isAccepted
    ? null
    : inputError('forbidden', 'No two humans have accepted this database beside this mirror.');
}

/** From the end of the database to that of the mirror: profiles excuse trees of that time, and of no other. */
function isGap(
  { database, mirror }: RestoredBody,
  { first, last }: { readonly first: number; readonly last: number },
): boolean {
  return first === database.size && last >= first && last >= mirror.size - 1;
}

function applyRestored(
  state: AuthorityState,
  at: { readonly index: number; readonly time: string },
  body: RestoredBody,
): void {
  state.restorations.set(body.line.id, { ...body, index: at.index, at: at.time });
  for (const grant of state.grants.values()) {
    if (grant.revokedAt === null && hangsOnDecisions(state, grant)) {
      state.grants.set(grant.id, { ...grant, revokedAt: at.time });
    }
  }
  state.size = at.index + 1;
  state.time = at.time;
}

/** What was used of it is not known any more, or would be one use too many. */
function hangsOnDecisions(state: AuthorityState, { body }: Grant): boolean {
  return body.max_uses !== null || isDeleteCapableGrant(state, body);
}
