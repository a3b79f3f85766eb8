/** Leases for reading and reaping. They begin and end in `Journal.commit` only. */
import type { Lease, Leases } from '@countersign/broker';
import { type Clock, isUuid } from '@countersign/core';
import type { SQL } from 'drizzle-orm';
import { guarded, guardedRead } from './database.ts';
import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  or,
  sql,
} from './drizzle.ts';
import type { KekRing } from './kek-ring.ts';
import { signerOfLease } from './row-macs.ts';
import { leases, type Tables } from './tables.ts';

/**
 * How long a claim keeps other replicas away; then whoever took it counts as dead. Two that revoke the
 * same lease do no harm, so it is short: a crash must not leave a session open for longer.
 */
const CLAIM_MS = 15_000;
/** The furthest that a claim or a postponement reaches. */
const FURTHEST_MS = 90_000;
/** How far the clocks of two replicas may be apart: each within five seconds of the database's. */
const CLOCKS_MS = 10_000;

const isLive = inArray(leases.state, ['pending', 'active']);

export function openLeases(tables: Tables, ring: KekRing, clock: Clock): Leases {
  const toLease = (row: typeof leases.$inferSelect): Lease => {
    const { claimedUntil: _, mac, createdAt, expiresAt, ...rest } = row;
    const lease = { ...rest, createdAt: createdAt.getTime(), expiresAt: expiresAt.getTime() };
    return { ...lease, intact: signerOfLease(ring, lease, mac) !== null };
  };

  return {
    async find(id) {
      if (!isUuid(id)) return null;
      const [row] = await guardedRead('read a lease', () =>
        tables.select().from(leases).where(eq(leases.id, id)),
      );
      return row === undefined ? null : toLease(row);
    },

    async live(connection) {
      const ofConnection = connection === null ? undefined : eq(leases.connection, connection);
      const rows = await guardedRead('read leases', () =>
        tables.select().from(leases).where(and(isLive, ofConnection)).orderBy(asc(leases.id)),
      );
      return rows.map(toLease);
    },

    async liveOf(agents) {
      const rows = await guardedRead('read leases', () =>
        tables
          .select()
          .from(leases)
          .where(and(isLive, inArray(leases.agent, agents.filter(isUuid))))
          .orderBy(asc(leases.id)),
      );
      return rows.map(toLease);
    },

    /** Newest first. */
    async page({ after, limit }) {
      if (after !== null && !isUuid(after)) return [];
      const beyond = after === null ? undefined : lt(leases.id, after);
      const rows = await guardedRead('read leases', () =>
        tables.select().from(leases).where(beyond).orderBy(desc(leases.id)).limit(limit),
      );
      return rows.map(toLease);
    },

    async activate(id) {
      // A lease that was ever claimed for revoking may be gone at the provider: it stays pending.
      const rows = await guarded('activate a lease', () =>
        tables
          .update(leases)
          .set({ state: 'active' })
          .where(and(eq(leases.id, id), eq(leases.state, 'pending'), isNull(leases.claimedUntil)))
          .returning({ id: leases.id }),
      );
      return rows.length === 1;
    },

    async due({ now, pendingBefore, among, limit }) {
      const ended = or(
        lte(leases.expiresAt, new Date(now)),
        and(eq(leases.state, 'pending'), lt(leases.createdAt, new Date(pendingBefore))),
        // Whoever began to revoke it may be gone, or was told to come again.
        isNotNull(leases.claimedUntil),
        isNotNull(leases.trouble),
      );
      const place = sql<number>`row_number() over (
        partition by ${leases.connection} order by ${leases.expiresAt})`.as('place');
      const ranked = tables
        .select({ ...getTableColumns(leases), place })
        .from(leases)
        .where(
          and(
            isLive,
            isFree(now),
            ended,
            among === undefined ? undefined : inArray(leases.id, [...among]),
          ),
        )
        .as('ranked');
      const rows = await guardedRead('read leases that are due', () =>
        tables.select().from(ranked).where(lte(ranked.place, limit)).orderBy(asc(ranked.expiresAt)),
      );
      return rows.map(({ place: _, ...row }) => toLease(row));
    },

    async census({ now, pendingFor }) {
      const { state, createdAt, expiresAt, trouble } = leases;
      // A lease that may be pending no longer is due as of then, else at its end.
      const dueAt = sql`least(${expiresAt}, case when ${state} = 'pending'
        then ${createdAt} + ${pendingFor} * interval '1 millisecond' end)`;
      const isDue = sql`${dueAt} <= ${new Date(now).toISOString()}::timestamptz`;
      const count = (which: SQL) => sql`count(*) filter (where ${which})`.mapWith(Number);
      const [row] = await guardedRead('count leases', () =>
        tables
          .select({
            pending: count(sql`${state} = 'pending'`),
            active: count(sql`${state} = 'active'`),
            due: count(isDue),
            troubled: count(sql`${trouble} is not null`),
            oldest: sql`extract(epoch from min(${dueAt})) * 1000`.mapWith(Number),
          })
          .from(leases)
          .where(isLive),
      );
      if (row === undefined) throw new Error('counting gave no row');
      const { oldest, ...counts } = row;
      return { ...counts, latest: row.due === 0 ? 0 : Math.max(0, now - oldest) };
    },

    async claim(id, now) {
      if (!isUuid(id)) return null;
      const [row] = await guarded('claim a lease', () =>
        tables
          .update(leases)
          .set({ claimedUntil: new Date(now + CLAIM_MS) })
          .where(and(eq(leases.id, id), isLive, isFree(now)))
          .returning(),
      );
      return row === undefined ? null : toLease(row);
    },

    async postpone(ids, trouble, retryAt) {
      const now = clock.now();
      const claimedUntil = new Date(Math.min(Math.max(retryAt, now), now + FURTHEST_MS));
      await guarded('postpone a revocation', () =>
        tables
          .update(leases)
          .set({ trouble, claimedUntil })
          .where(and(inArray(leases.id, [...ids]), isLive)),
      );
    },
  };
}

/** A claim further away than any claim reaches was written by somebody else, and keeps nobody off. */
function isFree(now: number) {
  return or(
    isNull(leases.claimedUntil),
    lte(leases.claimedUntil, new Date(now)),
    gt(leases.claimedUntil, new Date(now + FURTHEST_MS + CLOCKS_MS)),
  );
}
