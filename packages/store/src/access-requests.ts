/** Agents' questions to humans, for reading. They are asked and settled in `Journal.commit`. */
import type { AccessRequest, AccessRequests } from '@countersign/broker';
import { isUuid } from '@countersign/core';
import { guardedRead } from './database.ts';
import { and, count, desc, eq, isNull, lt } from './drizzle.ts';
import type { KekRing } from './kek-ring.ts';
import { signerOfRequest } from './row-macs.ts';
import { accessRequests, type Tables } from './tables.ts';

const isOpen = and(isNull(accessRequests.rejection), isNull(accessRequests.statement));

export function openAccessRequests(tables: Tables, ring: KekRing): AccessRequests {
  /** A request edited by hand asks for nothing: what it names was never what the agent said. */
  const readable = (row: typeof accessRequests.$inferSelect): AccessRequest[] => {
    const { mac, ...rest } = row;
    const request = { ...rest, createdAt: row.createdAt.getTime() };
    return signerOfRequest(ring, request, mac) !== null ? [request] : [];
  };

  return {
    async find(id) {
      if (!isUuid(id)) return null;
      const [row] = await guardedRead('read an access request', () =>
        tables.select().from(accessRequests).where(eq(accessRequests.id, id)),
      );
      return row === undefined ? null : (readable(row)[0] ?? null);
    },

    /** Newest first. */
    async page({ after, limit, open }) {
      if (after !== null && !isUuid(after)) return [];
      const beyond = after === null ? undefined : lt(accessRequests.id, after);
      const rows = await guardedRead('read access requests', () =>
        tables
          .select()
          .from(accessRequests)
          .where(and(beyond, open ? isOpen : undefined))
          .orderBy(desc(accessRequests.id))
          .limit(limit),
      );
      return rows.flatMap(readable);
    },

    async countOpen(agent) {
      if (!isUuid(agent)) return 0;
      const [row] = await guardedRead('count access requests', () =>
        tables
          .select({ open: count() })
          .from(accessRequests)
          .where(and(eq(accessRequests.agent, agent), isOpen)),
      );
      return row?.open ?? 0;
    },
  };
}
