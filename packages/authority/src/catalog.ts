/** Effects as the ledger knows them: the worst ever recorded counts, on every replica (Law 1). */
import { type Catalog, type Effect, effectOf, worse } from '@countersign/core';
import { digestOfDocument } from './canonical.ts';
import type { AuthorityState } from './state.ts';

/** base64url SHA-256 of a catalog's canonical form. */
export function catalogDigest(catalog: Catalog): string {
  return digestOfDocument(catalog);
}

/** Where effects are asked for. `environmentClass` null asks for the worst of all classes. */
export interface EffectQuestion {
  readonly operation: string;
  readonly resource: string;
  readonly environmentClass: string | null;
}

/**
 * The worst effect any recorded catalog gives the operation there; null when no catalog knows it, or
 * when one that knows it has no rule for the case: unknown is denied.
 */
export function recordedEffect(state: AuthorityState, question: EffectQuestion): Effect | null {
  let worst: Effect | null = null;
  for (const catalog of state.catalogs.values()) {
    const operation = catalog.operations.find((op) => op.name === question.operation);
    if (operation === undefined) continue;
    const effect = effectOf(operation.effects, question);
    if (effect === null) return null;
    worst = worst === null ? effect : worse(worst, effect);
  }
  return worst;
}

/** The operation in the latest recorded catalog of its provider. */
export function latestOperation(state: AuthorityState, operation: string) {
  const provider = operation.slice(0, operation.indexOf(':'));
  const digest = state.latestCatalog.get(provider);
  const catalog = digest === undefined ? undefined : state.catalogs.get(digest);
  return catalog?.operations.find((op) => op.name === operation);
}
