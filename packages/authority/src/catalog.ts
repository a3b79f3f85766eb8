/** Catalogs as the ledger holds them, by digest. Which of their effects count: `adoption.ts`. */
import { type Catalog, providerOf } from '@countersign/core';
import { digestOfDocument } from './canonical.ts';
import type { AuthorityState } from './state.ts';

/** base64url SHA-256 of a catalog's canonical form. */
export function catalogDigest(catalog: Catalog): string {
  return digestOfDocument(catalog);
}

/** The operation in the latest recorded catalog of its provider. */
export function latestOperation(state: AuthorityState, operation: string) {
  const digest = state.latestCatalog.get(providerOf(operation));
  const catalog = digest === undefined ? undefined : state.catalogs.get(digest);
  return catalog?.operations.find((op) => op.name === operation);
}
