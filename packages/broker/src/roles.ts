/** What a session may do at all. Authority itself never asks: it counts signatures. */
import { type AuthorityState, isFrozenKey, isPresent } from '@countersign/authority';
import type { Role } from '@countersign/contract';
import { inputError } from '@countersign/core';
import type { HumanCaller } from './use-cases.ts';

/** @throws CountersignError `forbidden` unless the human holds one of the roles now */
export function requireRole(
  state: AuthorityState,
  caller: HumanCaller,
  roles: readonly Role[],
): void {
  requireUnfrozen(state, caller);
  const human = state.humans.get(caller.human);
  if (isPresent(human) && human.roles.some((role) => roles.includes(role))) return;
  throw inputError('forbidden', `This takes the role ${roles.join(' or ')}.`);
}

/**
 * Law 1: who is frozen signs in to read, to veto and to lift a freeze, and for nothing else.
 * @throws CountersignError `forbidden`
 */
export function requireUnfrozen(state: AuthorityState, caller: HumanCaller): void {
  if (!isFrozenKey(state, caller.kid)) return;
  throw inputError(
    'forbidden',
    'You are frozen, or the key you signed in with is: you may read, veto, and sign that a freeze is lifted.',
  );
}
