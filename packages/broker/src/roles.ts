/** What a session may do at all. Authority itself never asks: it counts signatures. */
import { type AuthorityState, isPresent } from '@countersign/authority';
import type { Role } from '@countersign/contract';
import { inputError } from '@countersign/core';
import type { HumanCaller } from './use-cases.ts';

/** @throws CountersignError `forbidden` unless the human holds one of the roles now */
export function requireRole(
  state: AuthorityState,
  caller: HumanCaller,
  roles: readonly Role[],
): void {
  const human = state.humans.get(caller.human);
  if (isPresent(human) && human.roles.some((role) => roles.includes(role))) return;
  throw inputError('forbidden', `This takes the role ${roles.join(' or ')}.`);
}
