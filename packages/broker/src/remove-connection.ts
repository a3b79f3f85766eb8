/**
 * The end of a removed connection. Its leases are taken back like all whose authority ended; this destroys
 * its credential after them. Any replica may run it any number of times: what is done is found done.
 */
import type { Connection } from '@countersign/authority';
import { uuidv7 } from '@countersign/core';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import { reapStraysOf } from './revoke.ts';

/** Milliseconds until a connection that is not done is looked at again. */
const RETRY_AFTER = 5_000;

export interface Removals {
  /** Destroys the credentials of removed connections that nothing needs any more. Rejects when one failed. */
  finish(): Promise<void>;
}

export function createRemovals(deps: Deps): Removals {
  /** What this replica found done; another start looks again. */
  const done = new Set<string>();
  const retryAt = new Map<string, number>();

  async function attempt(connection: Connection): Promise<void> {
    const { id, setBy } = connection;
    if (!(await deps.sealed.holds(setBy))) {
      done.add(id);
      retryAt.delete(id);
      return;
    }
    try {
      // Law 4: no lease was committed since it was removed, so that none left is none to come.
      const live = await deps.leases.live(id);
      if (live.length === 0 && (await reapStraysOf(deps, connection))) {
        await destroy(deps, connection);
      }
    } finally {
      retryAt.set(id, performance.now() + RETRY_AFTER);
    }
  }

  return {
    async finish() {
      const due = [...deps.authority.state.connections.values()].filter(
        ({ id, removedAt }) =>
          removedAt !== null && !done.has(id) && performance.now() >= (retryAt.get(id) ?? 0),
      );
      // One that fails must not let the next round begin beside another that still goes on.
      const attempts = await Promise.allSettled(due.map(attempt));
      for (const tried of attempts) if (tried.status === 'rejected') throw tried.reason;
    },
  };
}

/** The one replica whose commit finds the credential destroys it, and says so in the ledger. */
async function destroy(deps: Deps, connection: Connection): Promise<void> {
  const body = { connection: connection.id, credential: connection.setBy };
  await deps.journal.commit([
    {
      ...entryIntent(uuidv7(deps.clock, deps.random), 'connection.removed', body),
      effects: [{ kind: 'destroy-credential', statement: connection.setBy }],
    },
  ]);
}

/** removing: a lease or the credential is still there. */
export async function removalOf(
  deps: Deps,
  { id, setBy, removedAt }: Connection,
): Promise<'active' | 'removing' | 'removed'> {
  if (removedAt === null) return 'active';
  const left = (await deps.sealed.holds(setBy)) || (await deps.leases.live(id)).length > 0;
  return left ? 'removing' : 'removed';
}
