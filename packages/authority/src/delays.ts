/**
 * Statements that wait for a time to come: a cool-off that any human may use to veto, and the slow path by
 * which one admin completes what two should have signed. They take effect with an entry of their own.
 */
import { fromInstant, toInstant } from '@countersign/core';
import { isOvertaken } from './basis.ts';
import { progressOf } from './progress.ts';
import { type Requirement, requirementOf, slowPathOf } from './requirement.ts';
import type { AuthorityState, StatementRecord } from './state.ts';

export interface Due {
  /** Instant. */
  readonly from: string;
  /** What its signatures are held against then. */
  readonly requirement: Requirement;
}

/** When the statement can take effect without another signature; null where it never does. */
export function dueFrom(state: AuthorityState, record: StatementRecord): Due | null {
  const { statement } = record.decoded;
  if (isOvertaken(state, record)) return null;
  if (record.status === 'cooling_off') {
    return record.effectiveFrom === null
      ? null
      : { from: record.effectiveFrom, requirement: requirementOf(state, statement) };
  }
  const slow = slowPathOf(statement);
  if (record.status !== 'pending' || slow === null) return null;
  return {
    from: toInstant(fromInstant(record.proposedAt) + slow.after),
    requirement: slow.requirement,
  };
}

/** The instant from which a statement takes effect with no further signature, as things are now; or null. */
export function effectiveFrom(state: AuthorityState, record: StatementRecord): string | null {
  const due = dueFrom(state, record);
  if (due === null) return null;
  return progressOf(state, due.requirement, record.signatures).met ? due.from : null;
}

/** Ids of what waits for nothing but a time, soonest first. */
export function delayed(
  state: AuthorityState,
): readonly { readonly statement: string; readonly from: string }[] {
  return [...state.unsettled.keys()]
    .flatMap((statement) => {
      const record = state.statements.get(statement);
      const from = record === undefined ? null : effectiveFrom(state, record);
      return from === null ? [] : [{ statement, from }];
    })
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
}
