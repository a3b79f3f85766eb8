/**
 * Where a statement stands with the signatures it has: it waits for more, for a time to come, or for nothing.
 * What takes effect is what its signers were shown, and what is admissible when it does (Law 1).
 */
import type { Statement } from '@countersign/contract';
import { fromInstant, inputError, toInstant } from '@countersign/core';
import { admissible } from './admissible.ts';
import { applyDelayed, applyStatement } from './apply.ts';
import { isOvertaken } from './basis.ts';
import { type DecodedStatement, thumbprintsIn } from './envelope.ts';
import type { AuthorityEntry, Judgement } from './judgement.ts';
import { progressOf } from './progress.ts';
import { delayOf, requirementOf } from './requirement.ts';
import type { AuthorityState, CountedSignature, StatementRecord } from './state.ts';

/** Decides where it stands, and re-checks admissibility once its signatures are enough. */
export async function settle(
  state: AuthorityState,
  entry: AuthorityEntry,
  decoded: DecodedStatement,
  signatures: readonly CountedSignature[],
  when: { readonly proposal: boolean },
): Promise<Judgement> {
  const { statement } = decoded;
  const thumbprints = await thumbprintsIn(statement);
  const progress = progressOf(state, requirementOf(state, statement, entry.time), signatures);
  if (progress.met && !when.proposal) requireStillAdmissible(state, statement, thumbprints);
  const delay = delayOf(state, statement);
  const status = !progress.met ? 'pending' : delay > 0 ? 'cooling_off' : 'complete';
  return {
    ok: true,
    statement: statement.id,
    status,
    progress,
    apply: () => {
      const onOneWord = progress.need < 2;
      const change = { decoded, signatures, status, onOneWord, thumbprints } as const;
      if (status === 'cooling_off') {
        applyDelayed(state, entry, change, toInstant(fromInstant(entry.time) + delay * 1000));
      } else applyStatement(state, entry, change);
    },
  };
}

/** Law 1: what the signers were shown, and no other change, is what takes effect. */
export function requireNotOvertaken(state: AuthorityState, record: StatementRecord): void {
  if (isOvertaken(state, record)) {
    throw inputError(
      'conflict',
      'What it changes was changed since it was proposed. Propose it anew.',
    );
  }
}

export function requireStillAdmissible(
  state: AuthorityState,
  statement: Statement,
  thumbprints: readonly string[],
): void {
  const refusal = admissible(state, statement, thumbprints);
  if (refusal !== null) {
    throw inputError('conflict', `It can no longer take effect. ${refusal.message}`);
  }
}
