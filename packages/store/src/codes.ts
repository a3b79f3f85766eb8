/** One-time codes, kept as MACs. They are made and spent in `Journal.commit`, with their entries. */
import type { Codes } from '@countersign/broker';
import { and, eq, gt } from 'drizzle-orm';
import { guarded } from './database.ts';
import type { Kek } from './kek.ts';
import { macOfCode } from './row-macs.ts';
import { genesisCode, invitations, type Tables } from './tables.ts';

export function openCodes(tables: Tables, kek: Kek): Codes {
  return {
    async findInvitation(codeHash, now) {
      const [row] = await guarded('read an invitation', () =>
        tables
          .select()
          .from(invitations)
          .where(
            and(
              eq(invitations.codeHash, macOfCode(kek, codeHash)),
              eq(invitations.spent, false),
              gt(invitations.expiresAt, new Date(now)),
            ),
          ),
      );
      if (row === undefined) return null;
      const { name, roles, groups, sponsor, expiresAt } = row;
      return { name, roles, groups, sponsor, expiresAt: expiresAt.getTime() };
    },

    async setGenesisCode(hash) {
      const codeHash = macOfCode(kek, hash);
      await guarded('keep the genesis code', () =>
        tables
          .insert(genesisCode)
          .values({ codeHash })
          .onConflictDoUpdate({ target: genesisCode.id, set: { codeHash } }),
      );
    },

    async isGenesisCode(codeHash) {
      const rows = await guarded('read the genesis code', () =>
        tables
          .select()
          .from(genesisCode)
          .where(eq(genesisCode.codeHash, macOfCode(kek, codeHash))),
      );
      return rows.length === 1;
    },
  };
}
