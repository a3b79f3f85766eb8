/** Built-in catalogs go into the ledger at every start (Law 1): the worst effect ever recorded counts. */
import { catalogDigest } from '@countersign/authority';
import { type Catalog, uuidv7 } from '@countersign/core';
import { decideAndCommit } from './decide-and-commit.ts';
import type { Deps } from './deps.ts';
import { intentOf } from './intents.ts';
import type { EntryDraft } from './ports.ts';

/** One entry per built-in catalog. */
export function catalogEntries(deps: Deps): EntryDraft[] {
  return [...deps.providers.values()]
    .filter(({ catalog }) => catalog.description === undefined)
    .map(({ catalog }) => recordedEntry(deps, catalog));
}

export function recordedEntry(deps: Pick<Deps, 'clock' | 'random'>, catalog: Catalog): EntryDraft {
  return {
    id: uuidv7(deps.clock, deps.random),
    type: 'catalog.recorded',
    body: {
      digest: catalogDigest(catalog),
      // A catalog is data; this is the plain JSON of it.
      catalog: JSON.parse(JSON.stringify(catalog)),
    },
  };
}

/**
 * Records what this server has built in, unless it is what was recorded last. Before genesis there is
 * nothing to record into; genesis itself carries them.
 */
export async function recordCatalogs(deps: Deps): Promise<void> {
  await deps.authority.refresh();
  await decideAndCommit(deps, async () => {
    const { state } = deps.authority;
    const missing = catalogEntries(deps).filter(
      (entry) => state.broker !== null && !state.catalogs.has(String(entry.body['digest'])),
    );
    if (missing.length === 0) return { refuse: async () => undefined };
    return {
      intent: intentOf(missing, { changesAuthority: true }),
      settle: async () => {
        await deps.authority.refresh();
        return undefined;
      },
    };
  });
}
