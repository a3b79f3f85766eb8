/** Built-in catalogs go into the ledger at every start (Law 1): the worst effect ever recorded counts. */
import { catalogDigest } from '@countersign/authority';
import { uuidv7 } from '@countersign/core';
import { entryIntent } from './denial-log.ts';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import type { EntryDraft } from './ports.ts';

/** One entry per built-in catalog. */
export function catalogEntries(deps: Deps): EntryDraft[] {
  return [...deps.providers.values()].map(({ catalog }) => ({
    id: uuidv7(deps.clock, deps.random),
    type: 'catalog.recorded',
    body: {
      digest: catalogDigest(catalog),
      // A catalog is data; this is the plain JSON of it.
      catalog: JSON.parse(JSON.stringify(catalog)),
    },
  }));
}

/**
 * Records what this server has built in, unless it is what was recorded last. Before genesis there is
 * nothing to record into; genesis itself carries them.
 */
export async function recordCatalogs(deps: Deps): Promise<void> {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    await deps.authority.refresh();
    const { state, version } = deps.authority;
    if (state.broker === null) return;
    const missing = catalogEntries(deps).filter(
      (entry) => !state.catalogs.has(String(entry.body['digest'])),
    );
    if (missing.length === 0) return;
    const [outcome] = await deps.journal.commit([
      {
        ...entryIntent('', '', {}),
        entries: missing,
        authorityVersion: version,
        changesAuthority: true,
      },
    ]);
    if (outcome?.outcome === 'committed') {
      await deps.authority.refresh();
      return;
    }
  }
  throw UNAVAILABLE();
}
