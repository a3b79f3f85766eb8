/** An emergency stop, completed for signing: the id behind the name of what it stops. */
import type { DraftAnswer, DraftOf, FreezeTarget } from '@countersign/contract';
import type { Deps } from './deps.ts';
import { idOf } from './named.ts';
import { statementAround } from './statement-around.ts';

/** @throws CountersignError `not_found` */
export function draftFreeze(deps: Deps, request: DraftOf<'freeze'>): DraftAnswer {
  const { reason } = request.body;
  return statementAround(deps, 'freeze', request.id, { target: targetOf(deps, request), reason });
}

function targetOf(deps: Deps, { body: { target } }: DraftOf<'freeze'>): FreezeTarget {
  switch (target.kind) {
    case 'everything':
    case 'key':
      return target;
    default:
      return { kind: target.kind, id: idOf(deps.authority.state, target.kind, target.id) };
  }
}
