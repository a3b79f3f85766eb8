/** Catalogs for reading: which of those recorded count, and what each operation can do at worst. */
import { type AuthorityState, recordedCatalogs, recordedEffect } from '@countersign/authority';
import type { CatalogView } from '@countersign/contract';
import type { Catalog } from '@countersign/core';

/** One for each provider of which a catalog was ever recorded, by its name. */
export function catalogViews(state: AuthorityState): CatalogView[] {
  const providers = new Set([...state.catalogs.values()].map(({ provider }) => provider));
  return [...providers].sort().map((provider) => catalogView(state, provider));
}

function catalogView(state: AuthorityState, provider: string): CatalogView {
  const adoption = state.adopted.get(provider);
  const recorded = recordedCatalogs(state, provider);
  const counting = recorded.filter(({ counts }) => counts);
  return {
    provider,
    adopted: adoption?.digest ?? null,
    latest: state.latestCatalog.get(provider) ?? recorded.at(-1)?.digest ?? '',
    described: recorded.some(({ catalog }) => catalog.description !== undefined),
    recorded: recorded.map(({ digest, counts }) => ({ digest, counts })),
    operations: summaries(counting.map(({ catalog }) => catalog)).map(
      ({ name, summary, request }) => ({
        name,
        summary,
        request: request ?? null,
        own: adoption?.effects.get(name) ?? null,
        production: cases(state, name, 'production'),
        elsewhere: cases(state, name, 'other'),
      }),
    ),
  };
}

/** Of every operation in any of them, ascending by name; the words of the latest. */
function summaries(catalogs: readonly Catalog[]): Catalog['operations'] {
  const found = new Map(
    catalogs.flatMap(({ operations }) => operations.map((each) => [each.name, each] as const)),
  );
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function cases(state: AuthorityState, operation: string, environmentClass: string) {
  const on = (resource: string) => recordedEffect(state, { operation, resource, environmentClass });
  return { whole: on('whole'), narrowed: on('narrowed(a)') };
}
