/** Replay ids of reads, which make no entry. One table with those of commits: an id is used once. */
import type { OnceId, ReplayIds } from '@countersign/broker';
import { toInstant } from '@countersign/core';
import { arrayOf, guarded, isRowFault, type Sql } from './database.ts';
import { lt } from './drizzle.ts';
import { replayIds, type Tables } from './tables.ts';

/** Ids in one statement. */
const MAX_BATCH = 256;

interface Waiting {
  readonly once: OnceId;
  readonly resolve: (isNew: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export function openReplayIds(sql: Sql, tables: Tables): ReplayIds {
  const queue: Waiting[] = [];
  let isRunning = false;

  /** Those that wait share a statement and its wait for the disk; a lone one waits for nothing else. */
  async function run(): Promise<void> {
    isRunning = true;
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_BATCH);
      try {
        settle(batch, await insert(sql, batch));
      } catch (error) {
        // One id that the database refuses must not fail the others.
        if (isRowFault(error) && batch.length > 1) await insertApart(batch);
        else for (const { reject } of batch) reject(error);
      }
    }
    isRunning = false;
  }

  async function insertApart(batch: readonly Waiting[]): Promise<void> {
    for (const one of batch) {
      await insert(sql, [one]).then((taken) => settle([one], taken), one.reject);
    }
  }

  return {
    async remember(once) {
      return await guarded(
        'remember a replay id',
        () =>
          new Promise<boolean>((resolve, reject) => {
            queue.push({ once, resolve, reject });
            if (!isRunning) void run();
          }),
      );
    },

    async sweep(now) {
      await guarded('forget replay ids', () =>
        tables.delete(replayIds).where(lt(replayIds.expiresAt, new Date(now))),
      );
    },
  };
}

/** In the order of their ids, so that no two servers wait for each other. */
export function inOrder(once: readonly OnceId[]): OnceId[] {
  return once.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** The ids that were new. */
async function insert(sql: Sql, batch: readonly Waiting[]): Promise<Set<string>> {
  const once = inOrder(batch.map((waiting) => waiting.once));
  const ids = once.map(({ id }) => id);
  const ends = once.map(({ expiresAt }) => toInstant(expiresAt));
  const rows = await sql<{ id: string }[]>`
    insert into countersign.replay_ids (id, expires_at)
    select id, expires_at from unnest(
      ${arrayOf(sql, 'text', ids)}::text[],
      ${arrayOf(sql, 'text', ends)}::text[]::timestamptz[]
    ) as seen (id, expires_at)
    on conflict do nothing
    returning id`;
  return new Set(rows.map(({ id }) => id));
}

/** Each new id is new once, to whoever came with it first. */
function settle(batch: readonly Waiting[], fresh: Set<string>): void {
  for (const { once, resolve } of batch) resolve(fresh.delete(once.id));
}
