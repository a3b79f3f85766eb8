/** Built-in catalogs go into the ledger at every start (Law 1): the worst effect ever recorded counts. */
import { canonicalBytes, catalogDigest } from '@countersign/authority';
import { CATALOG_PART_BYTES } from '@countersign/contract';
import { type Catalog, uuidv7 } from '@countersign/core';
import { decideAndCommit } from './decide-and-commit.ts';
import type { Deps } from './deps.ts';
import { intentOf } from './intents.ts';
import type { EntryDraft } from './ports.ts';

/** Entries of every built-in catalog: not of a described one, which counts by what humans adopted alone. */
export function catalogEntries(deps: Deps): EntryDraft[] {
  return [...deps.providers.values()]
    .filter(({ catalog }) => catalog.description === undefined)
    .flatMap(({ catalog }) => recordedEntries(deps, catalog));
}

/** One entry, or as many as it takes: an entry has at most 65,535 bytes. */
export function recordedEntries(
  { clock, random }: Pick<Deps, 'clock' | 'random'>,
  catalog: Catalog,
): EntryDraft[] {
  const digest = catalogDigest(catalog);
  const bytes = canonicalBytes(catalog);
  const parts = Math.ceil(bytes.length / CATALOG_PART_BYTES);
  if (parts === 1) {
    // A catalog is data; this is the plain JSON of it.
    const body = { digest, catalog: JSON.parse(JSON.stringify(catalog)) };
    return [{ id: uuidv7(clock, random), type: 'catalog.recorded', body }];
  }
  return Array.from({ length: parts }, (_, at) => {
    const part = bytes.subarray(at * CATALOG_PART_BYTES, (at + 1) * CATALOG_PART_BYTES);
    const text = Buffer.from(part).toString('base64url');
    const body = { digest, part: at + 1, parts, bytes: text };
    return { id: uuidv7(clock, random), type: 'catalog.part', body };
  });
}

/**
 * Records what this server has built in, unless the ledger has it from an earlier start. Before genesis there
 * is nothing to record into; genesis itself carries them.
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
