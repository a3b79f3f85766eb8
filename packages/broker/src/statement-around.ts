/** The whole statement around a drafted body: version, broker, times. */
import type { DraftAnswer, Statement, StatementOf } from '@countersign/contract';
import { toInstant } from '@countersign/core';
import type { Deps } from './deps.ts';

/** Milliseconds. */
export const DAY = 86_400_000;

export type Body<K extends Statement['kind']> = StatementOf<K>['body'];

/** @param options.signWithin milliseconds until `sign_by`; seven days when left out */
export function statementAround<K extends Statement['kind']>(
  deps: Deps,
  kind: K,
  id: string,
  body: Body<K>,
  options: { readonly signWithin?: number; readonly notes?: readonly string[] } = {},
): DraftAnswer {
  const now = deps.clock.now();
  const statement = {
    v: 1,
    kind,
    id,
    broker: kind === 'genesis' ? null : deps.authority.state.broker,
    issued_at: toInstant(now),
    sign_by: toInstant(now + (options.signWithin ?? 7 * DAY)),
    body,
  };
  // Kind and body belong together by this function's signature; the union cannot see that.
  return { statement: statement as unknown as Statement, notes: [...(options.notes ?? [])] };
}
