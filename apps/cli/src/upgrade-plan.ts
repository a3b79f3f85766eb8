/**
 * What would change with the catalogs of this installation, operation by operation, before any server of it
 * starts: compared with what the ledger has recorded and humans have adopted.
 */
import {
  type AuthorityState,
  catalogDigest,
  recordedEffect,
  stateWithCatalog,
} from '@countersign/authority';
import { type Catalog, type Effect, effectOf, worse } from '@countersign/core';

/** raised: counts at once. lowered: only once humans adopt it. gone: this version knows it no more. */
type Change = 'new' | 'raised' | 'lowered' | 'gone';

interface OperationChange {
  readonly operation: string;
  readonly change: Change;
  /** In the case that differs most; null: unknown, so denied. */
  readonly before: Effect | null;
  readonly after: Effect | null;
}

export interface CatalogPlan {
  readonly provider: string;
  readonly digest: string;
  /** Whether some server has recorded it already. */
  readonly recorded: boolean;
  readonly operations: readonly OperationChange[];
}

/** Whole and narrowed resources, in production and elsewhere: all that an effect can depend on. */
const CASES = ['whole', 'narrowed(a)'].flatMap((resource) =>
  ['production', 'other'].map((environmentClass) => ({ resource, environmentClass })),
);

export function planCatalog(state: AuthorityState, catalog: Catalog): CatalogPlan {
  const digest = catalogDigest(catalog);
  const recorded = stateWithCatalog(state, catalog);
  const here = new Map(catalog.operations.map((operation) => [operation.name, operation]));
  const counted = [...state.catalogs.values()]
    .filter(({ provider }) => provider === catalog.provider)
    .flatMap(({ operations }) => operations.map(({ name }) => name));
  const names = [...new Set([...here.keys(), ...counted])].sort();
  return {
    provider: catalog.provider,
    digest,
    recorded: state.catalogs.has(digest),
    operations: names.flatMap((operation) => {
      const rules = here.get(operation)?.effects ?? null;
      const cases = CASES.map((place) => ({
        before: recordedEffect(state, { operation, ...place }),
        after: recordedEffect(recorded, { operation, ...place }),
        says: rules === null ? null : effectOf(rules, place),
      }));
      const change = changeOf(operation, rules !== null, cases);
      return change === null ? [] : [change];
    }),
  };
}

interface Case {
  readonly before: Effect | null;
  readonly after: Effect | null;
  /** What this version's own catalog says. */
  readonly says: Effect | null;
}

function changeOf(
  operation: string,
  isHere: boolean,
  cases: readonly Case[],
): OperationChange | null {
  const [first] = cases;
  const known = cases.find(({ before }) => before !== null);
  if (known === undefined) {
    return isHere ? { operation, change: 'new', before: null, after: first?.after ?? null } : null;
  }
  if (!isHere) return { operation, change: 'gone', before: known.before, after: null };
  const raised = cases.find(({ before, after }) => before !== after);
  if (raised !== undefined) {
    return { operation, change: 'raised', before: raised.before, after: raised.after };
  }
  const lowered = cases.find(
    ({ before, says }) =>
      before !== null && (says === null || (says !== before && worse(says, before) === before)),
  );
  return lowered === undefined
    ? null
    : { operation, change: 'lowered', before: lowered.before, after: lowered.says };
}
