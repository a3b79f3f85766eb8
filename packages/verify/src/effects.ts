/**
 * What an operation can do at worst at one place of the ledger, from the recorded catalogs themselves. A
 * second reading of the rule that the server decides by, and on purpose none of its code.
 */
import type { AuthorityState } from '@countersign/authority';
import { type CatalogOperation, type Effect, effectOf, providerOf, worse } from '@countersign/core';

/** The worst effect that counts; null where no catalog that counts knows it, or one has no rule for the case. */
export function recordedThen(
  state: AuthorityState,
  operation: string,
  resource: string,
  environmentClass: string,
): Effect | null {
  const own = state.adopted.get(providerOf(operation));
  let worst: Effect | null = null;
  for (const { digest, known } of countingEntries(state, operation)) {
    const adopted = digest === own?.digest ? own.effects.get(operation) : undefined;
    const effect = adopted ?? effectOf(known.effects, { resource, environmentClass });
    if (effect === null) return null;
    worst = worst === null ? effect : worse(worst, effect);
  }
  return worst;
}

/** Whether a recorded catalog says that credentials are minted for it, or (false) that none ever is. */
export function isRecordedAs(
  state: AuthorityState,
  operation: string,
  exchangeable: boolean,
): boolean {
  return countingEntries(state, operation).some(({ known }) => known.exchangeable === exchangeable);
}

/** Law 1: every catalog ever recorded counts, but those that humans have put another in the place of. */
function countingEntries(
  state: AuthorityState,
  operation: string,
): readonly { readonly digest: string; readonly known: CatalogOperation }[] {
  const provider = providerOf(operation);
  const { digest: present = null, superseded = [] } = state.adopted.get(provider) ?? {};
  return [...state.catalogs].flatMap(([digest, catalog]) => {
    if (catalog.provider !== provider || superseded.includes(digest)) return [];
    // A description is some human's word, and no server's: it counts once it was signed.
    if (catalog.description !== undefined && digest !== present) return [];
    return catalog.operations
      .filter(({ name }) => name === operation)
      .map((known) => ({ digest, known }));
  });
}
