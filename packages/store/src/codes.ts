/** One-time codes, kept as hashes. They are spent in `Journal.commit`, with the entry they let in. */
import type { Codes } from '@countersign/broker';
import { and, eq, gt } from 'drizzle-orm';
import { guarded } from './database.ts';
import { genesisCode, invitations, type Tables } from './tables.ts';

export function openCodes(tables: Tables): Codes {
  return {
    async invite(codeHash, invitation) {
      const { name, roles, groups, sponsor, expiresAt } = invitation;
      await guarded('keep an invitation', () =>
        tables.insert(invitations).values({
          codeHash,
          name,
          roles: [...roles],
          groups: [...groups],
          sponsor,
          expiresAt: new Date(expiresAt),
        }),
      );
    },

    async findInvitation(codeHash, now) {
      const [row] = await guarded('read an invitation', () =>
        tables
          .select()
          .from(invitations)
          .where(
            and(
              eq(invitations.codeHash, codeHash),
              eq(invitations.spent, false),
              gt(invitations.expiresAt, new Date(now)),
            ),
          ),
      );
      if (row === undefined) return null;
      const { name, roles, groups, sponsor, expiresAt } = row;
      return { name, roles, groups, sponsor, expiresAt: expiresAt.getTime() };
    },

    async setGenesisCode(codeHash) {
      await guarded('keep the genesis code', () =>
        tables
          .insert(genesisCode)
          .values({ codeHash })
          .onConflictDoUpdate({ target: genesisCode.id, set: { codeHash } }),
      );
    },

    async isGenesisCode(codeHash) {
      const rows = await guarded('read the genesis code', () =>
        tables.select().from(genesisCode).where(eq(genesisCode.codeHash, codeHash)),
      );
      return rows.length === 1;
    },
  };
}
