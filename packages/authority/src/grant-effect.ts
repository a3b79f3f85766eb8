/** What a grant can do at worst, as things are now: by the catalogs recorded since, not by its own words. */
import type { StatementOf } from '@countersign/contract';
import { type Effect, isDeleteCapable, isNarrowed, worse } from '@countersign/core';
import { recordedEffect } from './adoption.ts';
import type { AuthorityState } from './state.ts';

type GrantBody = StatementOf<'grant.create'>['body'];

/** The effect of one right: the worse of what was signed and what was ever recorded; null is unknown. */
export function effectOfRight(
  state: AuthorityState,
  environment: string,
  operation: { readonly name: string; readonly effect: Effect },
  resource: string,
): Effect | null {
  const recorded = recordedEffect(state, {
    operation: operation.name,
    resource,
    environmentClass: state.environments.get(environment)?.rule.class ?? null,
  });
  return recorded === null ? null : worse(recorded, operation.effect);
}

/** The worst effect in a grant; an unknown one counts as `escalate`, the worst there is. */
export function worstEffect(state: AuthorityState, body: GrantBody): Effect {
  let worst: Effect = 'read';
  for (const permission of body.permissions) {
    // Effects differ between a whole resource and a part of one, and by nothing else of its name.
    const kinds = [
      permission.resources.find(isNarrowed),
      permission.resources.find((resource) => !isNarrowed(resource)),
    ].filter((resource) => resource !== undefined);
    for (const operation of permission.operations) {
      for (const resource of kinds) {
        const effect = effectOfRight(state, body.environment, operation, resource) ?? 'escalate';
        worst = worse(worst, effect);
      }
    }
  }
  return worst;
}

/** Whether the grant needs a second human, as things are now. */
export function isDeleteCapableGrant(state: AuthorityState, body: GrantBody): boolean {
  return isDeleteCapable(worstEffect(state, body));
}
