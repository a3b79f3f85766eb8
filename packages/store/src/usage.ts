/**
 * How often what was done, by day. Each step moves the mark and adds its counts in one statement, so any
 * number of servers may count and every entry is counted once. It carries no MAC: no decision reads it.
 */
import type { Usage, UsageCount } from '@countersign/broker';
import { isUuid } from '@countersign/core';
import { arrayOf, guarded, guardedRead, type Sql } from './database.ts';

interface UsageRow {
  readonly subject: string;
  readonly kind: UsageCount['kind'];
  readonly what: string;
  readonly count: number;
  readonly last_at: Date;
}

export function openUsage(sql: Sql): Usage {
  return {
    async counted() {
      const [row] = await guardedRead(
        'read what was counted',
        () => sql<{ entries: number }[]>`select entries from countersign.usage_counted`,
      );
      return row?.entries ?? 0;
    },

    async add(from, to, counts) {
      const column = (of: (count: (typeof counts)[number]) => string) =>
        arrayOf(sql, 'text', counts.map(of));
      // Who moves the mark holds its row until the counts are in; who comes second moves nothing.
      const [row] = await guarded(
        'count entries',
        () => sql<{ moved: number }[]>`
        with moved as (
          update countersign.usage_counted set entries = ${to} where entries = ${from} returning entries
        ), added as (
          insert into countersign.usage as present (subject, kind, what, day, count, last_at)
          select subject::uuid, kind, what, day::date, count::bigint, last_at::timestamptz
          from unnest(
            ${column((each) => each.subject)}::text[],
            ${column((each) => each.kind)}::text[],
            ${column((each) => each.what)}::text[],
            ${column((each) => each.day)}::text[],
            ${column((each) => `${each.count}`)}::text[],
            ${column((each) => new Date(each.lastAt).toISOString())}::text[]
          ) as given (subject, kind, what, day, count, last_at)
          where exists (select from moved)
          order by 1, 2, 3, 4
          on conflict (subject, kind, what, day) do update
          set count = present.count + excluded.count,
              last_at = greatest(present.last_at, excluded.last_at)
        )
        select count(*) as moved from moved`,
      );
      return (row?.moved ?? 0) > 0;
    },

    async restart() {
      await guarded(
        'forget counts',
        () => sql`
        with forgotten as (delete from countersign.usage)
        update countersign.usage_counted set entries = 0`,
      );
    },

    async of(subjects, since) {
      const day = new Date(since).toISOString().slice(0, 10);
      const rows = await guardedRead(
        'read counts',
        () => sql<UsageRow[]>`
        select subject, kind, what,
          coalesce(sum(count) filter (where day >= ${day}::date), 0)::bigint as count,
          max(last_at) as last_at
        from countersign.usage
        where subject = any(${arrayOf(sql, 'uuid', subjects.filter(isUuid))}::uuid[])
        group by subject, kind, what order by subject, kind, what`,
      );
      return rows.map(({ last_at: lastAt, ...rest }) => ({ ...rest, lastAt: lastAt.getTime() }));
    },
  };
}
