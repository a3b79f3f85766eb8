/** Replay ids of reads, which make no entry. One table with those of commits: an id is used once. */
import type { ReplayIds } from '@countersign/broker';
import { lt } from 'drizzle-orm';
import { guarded } from './database.ts';
import { replayIds, type Tables } from './tables.ts';

export function openReplayIds(tables: Tables): ReplayIds {
  return {
    async remember({ id, expiresAt }) {
      const rows = await guarded('remember a replay id', () =>
        tables
          .insert(replayIds)
          .values({ id, expiresAt: new Date(expiresAt) })
          .onConflictDoNothing()
          .returning({ id: replayIds.id }),
      );
      return rows.length === 1;
    },

    async sweep(now) {
      await guarded('forget replay ids', () =>
        tables.delete(replayIds).where(lt(replayIds.expiresAt, new Date(now))),
      );
    },
  };
}
