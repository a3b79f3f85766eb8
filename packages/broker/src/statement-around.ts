/** The whole statement around a drafted body: version, broker, times. */
import { type DraftAnswer, Statement, type StatementOf } from '@countersign/contract';
import { inputError, toInstant } from '@countersign/core';
import type { Deps } from './deps.ts';

/** Milliseconds. */
export const DAY = 86_400_000;

export type Body<K extends Statement['kind']> = StatementOf<K>['body'];

/**
 * @param options.signWithin milliseconds until `sign_by`; seven days when left out
 * @throws CountersignError `invalid_request`
 */
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
  // What is drafted is what could be signed: a draft that no fold would read is refused here.
  const read = Statement.safeParse(statement);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw inputError(
      'invalid_request',
      `This would be no valid statement: ${issue?.path.join('.') ?? kind}: ${issue?.message ?? 'not valid'}.`,
    );
  }
  return { statement: read.data, notes: [...(options.notes ?? [])] };
}
