/** One-time codes, kept as MACs. They are made and spent in `Journal.commit`, with their entries. */
import type { Codes } from '@countersign/broker';
import type { Committer } from './committer.ts';
import { guarded, guardedRead } from './database.ts';
import { and, eq, gt, inArray } from './drizzle.ts';
import type { KekRing } from './kek-ring.ts';
import { keepCode, macOfCode, macsOfCode } from './row-macs.ts';
import { genesisCode, invitations, type Tables } from './tables.ts';

export function openCodes(tables: Tables, ring: KekRing, committer: Committer): Codes {
  return {
    async findInvitation(codeHash, now) {
      const [row] = await guardedRead('read an invitation', () =>
        tables
          .select()
          .from(invitations)
          .where(
            and(
              inArray(invitations.codeHash, macsOfCode(ring, codeHash)),
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
      await guarded('keep the genesis code', () =>
        committer.underHead(async (tx, { kek }) => {
          const codeHash = macOfCode(kek, hash);
          const sealed = await keepCode(kek, hash);
          await tx`
            insert into countersign.genesis_code (code_hash, sealed) values (${codeHash}, ${sealed})
            on conflict (id) do update set code_hash = ${codeHash}, sealed = ${sealed}`;
        }),
      );
    },

    async isGenesisCode(codeHash) {
      const rows = await guardedRead('read the genesis code', () =>
        tables
          .select()
          .from(genesisCode)
          .where(inArray(genesisCode.codeHash, macsOfCode(ring, codeHash))),
      );
      return rows.length === 1;
    },
  };
}
