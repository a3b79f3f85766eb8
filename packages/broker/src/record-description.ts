/**
 * A description on its way to be adopted: kept in the ledger with its digest, where those who sign read it. It
 * counts for nothing until they have.
 */
import { catalogDigest, isBuiltIn } from '@countersign/authority';
import type { RecordedCatalogView } from '@countersign/contract';
import { type Catalog, inputError } from '@countersign/core';
import { recordedEntries } from './catalogs.ts';
import { decideAndCommit } from './decide-and-commit.ts';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { intentOf } from './intents.ts';
import { requireRole } from './roles.ts';
import type { HumanCaller } from './use-cases.ts';

/** Descriptions that nobody adopted; the ledger keeps them all, so nobody fills it with them. */
const MOST_UNADOPTED = 64;

/**
 * The digest to sign for; of a description that the ledger has already the same one, and no second entry.
 * @throws CountersignError `invalid_request`, `conflict`, `forbidden`, `unavailable`
 */
export async function recordDescription(
  deps: Deps,
  caller: HumanCaller,
  description: Readonly<Record<string, unknown>>,
): Promise<RecordedCatalogView> {
  requireRole(deps.authority.state, caller, ['admin']);
  const catalog = deps.descriptions.read(description);
  const digest = catalogDigest(catalog);
  return await decideAndCommit(deps, async () => {
    requireRole(deps.authority.state, caller, ['admin']);
    if (deps.authority.state.catalogs.has(digest)) {
      return { refuse: async () => viewOf(digest, catalog) };
    }
    requireRoom(deps, catalog);
    return {
      intent: intentOf(recordedEntries(deps, catalog), { changesAuthority: true }),
      settle: async ({ outcome }) => {
        if (outcome !== 'committed') throw UNAVAILABLE();
        await deps.authority.refresh();
        return viewOf(digest, catalog);
      },
    };
  });
}

function requireRoom({ authority: { state } }: Deps, { provider }: Catalog): void {
  if (isBuiltIn(state, provider)) {
    throw inputError('conflict', `${provider} is built in; a description has another name.`);
  }
  const adopted = new Set(
    [...state.adopted.values()].flatMap(({ digest, superseded }) => [digest, ...superseded]),
  );
  const unadopted = [...state.catalogs].filter(
    ([digest, catalog]) => catalog.description !== undefined && !adopted.has(digest),
  );
  if (unadopted.length < MOST_UNADOPTED) return;
  throw inputError(
    'conflict',
    `${MOST_UNADOPTED} descriptions wait to be adopted: adopt one of those first, by its digest.`,
  );
}

function viewOf(digest: string, { provider, operations }: Catalog): RecordedCatalogView {
  return { provider, digest, operations: operations.length };
}
