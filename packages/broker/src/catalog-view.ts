/** Catalogs for reading: which of those recorded count, and what each operation can do at worst. */
import { type AuthorityState, recordedEffect } from '@countersign/authority';
import type { CatalogView } from '@countersign/contract';
import type { Catalog } from '@countersign/core';

/** One for each provider that was ever recorded, by its name. */
export function catalogViews(state: AuthorityState): CatalogView[] {
  return [...state.latestCatalog.keys()].sort().map((provider) => catalogView(state, provider));
}

function catalogView(state: AuthorityState, provider: string): CatalogView {
  const adoption = state.adopted.get(provider);
  const recorded = [...state.catalogs].filter(([, catalog]) => catalog.provider === provider);
  const counting = recorded.filter(([digest]) => adoption?.superseded.includes(digest) !== true);
  return {
    provider,
    adopted: adoption?.digest ?? null,
    latest: state.latestCatalog.get(provider) ?? '',
    recorded: recorded.map(([digest]) => ({
      digest,
      counts: adoption?.superseded.includes(digest) !== true,
    })),
    operations: summaries(counting.map(([, catalog]) => catalog)).map(([name, summary]) => ({
      name,
      summary,
      own: adoption?.effects.get(name) ?? null,
      production: cases(state, name, 'production'),
      elsewhere: cases(state, name, 'other'),
    })),
  };
}

/** Of every operation in any of them, ascending by name; the words of the latest. */
function summaries(catalogs: readonly Catalog[]): [name: string, summary: string][] {
  const found = new Map<string, string>();
  for (const { operations } of catalogs) {
    for (const { name, summary } of operations) found.set(name, summary);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function cases(state: AuthorityState, operation: string, environmentClass: string) {
  const on = (resource: string) => recordedEffect(state, { operation, resource, environmentClass });
  return { whole: on('whole'), narrowed: on('narrowed(a)') };
}
