/**
 * Use counters of limited grants, for reading. The ledger counts (`counted-uses.ts`); the rows keep races
 * apart, and one that says less than the ledger was set back by somebody else.
 */
import type { Uses } from '@countersign/broker';
import { isUuid } from '@countersign/core';
import type { Committer } from './committer.ts';
import { mostUsed } from './counted-uses.ts';
import { arrayOf, guarded, guardedRead, type Querier, type Sql } from './database.ts';

/** What a stored counter says, and what the ledger counts. */
export interface EditedCounter {
  readonly grant: string;
  readonly stored: number;
  readonly counted: number;
}

export interface UsesOptions {
  readonly sql: Sql;
  readonly committer: Committer;
  /** Told of each counter that says less than the ledger, whenever it is read. */
  readonly onEdited: (counter: EditedCounter) => void;
}

export function openUses({ sql, committer, onEdited }: UsesOptions): Uses {
  /** Held against every commit, since a use that comes back in between looks like an edit. */
  async function tellEdited(grants: readonly string[]): Promise<void> {
    const edited = await guarded('compare use counters', () =>
      committer.underHead(async (tx, head) => {
        const counted = await committer.countedUnder(tx, head);
        return lowered(grants, await storedOf(tx, grants), counted);
      }),
    );
    for (const counter of edited) onEdited(counter);
  }

  return {
    async used(grants) {
      const known = grants.filter(isUuid);
      const counted = await committer.counted();
      const stored = await guardedRead('read use counters', () => storedOf(sql, known));
      if (lowered(known, stored, counted).length > 0) await tellEdited(known);
      const most = mostUsed(stored, counted);
      return new Map(grants.map((grant) => [grant, most.get(grant) ?? 0]));
    },
  };
}

async function storedOf(
  sql: Querier,
  grants: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await sql<{ grant_id: string; used: number }[]>`
    select grant_id, used from countersign.grant_uses
    where grant_id = any(${arrayOf(sql, 'uuid', grants)}::uuid[])`;
  return new Map(rows.map((row) => [row.grant_id, row.used]));
}

function lowered(
  grants: readonly string[],
  rows: ReadonlyMap<string, number>,
  counts: ReadonlyMap<string, number>,
): EditedCounter[] {
  return grants
    .map((grant) => ({ grant, stored: rows.get(grant) ?? 0, counted: counts.get(grant) ?? 0 }))
    .filter(({ stored, counted }) => stored < counted);
}
