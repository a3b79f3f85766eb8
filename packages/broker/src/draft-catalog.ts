/** A catalog to adopt, completed for signing: which one, and this deployment's own words on its operations. */
import { effectChanges } from '@countersign/authority';
import type { DraftAnswer, DraftOf } from '@countersign/contract';
import { inputError } from '@countersign/core';
import type { Deps } from './deps.ts';
import { type Body, statementAround } from './statement-around.ts';

/** @throws CountersignError `not_found`, `conflict`, `invalid_request` */
export function draftAdoption(deps: Deps, request: DraftOf<'catalog.adopt'>): DraftAnswer {
  const { state } = deps.authority;
  const { provider, reason, effects = [] } = request.body;
  const digest = request.body.digest ?? state.latestCatalog.get(provider);
  const catalog = state.catalogs.get(digest ?? '');
  if (digest === undefined || catalog === undefined) {
    throw inputError('not_found', `No server has recorded such a catalog of ${provider}.`);
  }
  const present = state.adopted.get(provider);
  const known = new Set(catalog.operations.map(({ name }) => name));
  const kept = [...(present?.effects ?? [])].filter(([operation]) => known.has(operation));
  const own = new Map(kept);
  for (const { operation, effect } of effects) {
    if (effect === null) own.delete(operation);
    else own.set(operation, effect);
  }
  const body: Body<'catalog.adopt'> = {
    provider,
    digest,
    effects: [...own]
      .map(([operation, effect]) => ({ operation, effect }))
      .sort((a, b) => (a.operation < b.operation ? -1 : 1)),
    reason,
  };
  if (present?.digest === digest && effectChanges(state, body).length === 0) {
    throw inputError('conflict', `This catalog of ${provider} is in force already, as it stands.`);
  }
  const dropped = (present?.effects.size ?? 0) - kept.length;
  return statementAround(deps, 'catalog.adopt', request.id, body, {
    notes:
      dropped === 0 ? [] : [`${dropped} of your own effects are on operations it has no more.`],
  });
}
