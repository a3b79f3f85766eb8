/** Use counters of limited grants, for reading. A projection of the ledger: `Journal.commit` counts. */
import type { Uses } from '@countersign/broker';
import { isUuid } from '@countersign/core';
import { inArray } from 'drizzle-orm';
import { guardedRead } from './database.ts';
import { grantUses, type Tables } from './tables.ts';

export function openUses(tables: Tables): Uses {
  return {
    async used(grants) {
      const rows = await guardedRead('read use counters', () =>
        tables
          .select({ grant: grantUses.grant, used: grantUses.used })
          .from(grantUses)
          .where(inArray(grantUses.grant, grants.filter(isUuid))),
      );
      const counted = new Map(rows.map((row) => [row.grant, row.used]));
      return new Map(grants.map((grant) => [grant, counted.get(grant) ?? 0]));
    },
  };
}
