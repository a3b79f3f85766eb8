/** What the state says of databases that were restored, and of humans who went on with one. */
import type { RestoredBody } from '@countersign/contract';
import type { AuthorityState, Grant, Restoration } from './state.ts';

/** As a checkpoint says it. */
interface Tree {
  readonly size: number;
  /** base64url. */
  readonly root: string;
}

export function isSame(a: Tree, b: Tree): boolean {
  return a.size === b.size && a.root === b.root;
}

/** Whether it was a restored database that ended the grant, and no human. */
export function isVoid(state: AuthorityState, grant: Grant): boolean {
  return [...state.restorations.values()].some(({ at }) => at === grant.revokedAt);
}

/** The latest restoration; null where there never was one. */
export function latestRestoration(state: AuthorityState): Restoration | null {
  return [...state.restorations.values()].at(-1) ?? null;
}

/** What the mirror calls the ledger as it is now. */
export function presentLine(state: AuthorityState): RestoredBody['line'] {
  return latestRestoration(state)?.line ?? { number: 0, id: 'genesis' };
}

/**
 * Whether a database went on since humans accepted that one, by this statement or any other way: they accept one
 * restoration, not all that look alike.
 */
export function isSpent(state: AuthorityState, statement: string, restored: Tree): boolean {
  const latest = latestRestoration(state);
  return (
    (latest !== null && restored.size <= latest.index) ||
    [...state.restorations.values()].some(({ accepted }) => accepted === statement)
  );
}

/** A completed, unspent `restore.accept` of exactly this mirror whose database `isOurs`; null where there is none. */
export async function restoreAccepted(
  state: AuthorityState,
  mirror: Tree,
  isOurs: (database: Tree) => Promise<boolean>,
): Promise<{ readonly statement: string; readonly database: Tree } | null> {
  for (const { status, decoded } of [...state.statements.values()].reverse()) {
    const { statement } = decoded;
    if (status !== 'complete' || statement.kind !== 'restore.accept') continue;
    const { mirror: named, restored } = statement.body;
    if (isSpent(state, statement.id, restored)) continue;
    if (isSame(named, mirror) && (await isOurs(restored))) {
      return { statement: statement.id, database: restored };
    }
  }
  return null;
}
