/**
 * Which tables lose or change rows when those of one table do: the tables that are parts of it, and those whose
 * foreign keys say what happens to the rows that refer to it, however far that goes.
 */
import type { TableResource } from './resource.ts';
import type { Transaction } from './session.ts';

export type TableEvent = 'delete' | 'truncate' | 'update';

/** One table and what happens to its rows. Names are quoted as `quote_ident` does. */
export interface ReachedTable {
  readonly relation: number;
  readonly event: TableEvent;
  /** True for the named table and its parts, false for what only a foreign key leads to. */
  readonly named: boolean;
  /** `pg_class.relkind`. */
  readonly kind: string;
  readonly name: string;
  /** Bytes, with indexes and what is stored out of line; 0 for a partitioned table itself. */
  readonly size: number;
  /** By the last ANALYZE or VACUUM; -1: never. */
  readonly tuples: number;
  /** Tables whose rows its rows are too. */
  readonly parents: readonly number[];
  readonly references: readonly {
    readonly constraint: string;
    /** The event on the other table, and `pg_constraint.confdeltype` or `confupdtype`. */
    readonly action: string;
    readonly columns: readonly string[];
  }[];
  /** Triggers and rules, in words. */
  readonly runs: readonly string[];
  /** Views over it, and views over those. */
  readonly readers: readonly string[];
}

const ACTION = `CASE r.event WHEN 'delete' THEN k.confdeltype WHEN 'update' THEN k.confupdtype END`;
const READS = `pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
      WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass`;

const QUERY = `
  WITH RECURSIVE reached(relation, event, named) AS (
    SELECT c.oid, $3::text, true FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relname = $2::text AND c.relkind IN ('r', 'p')
    UNION
    SELECT next.relation, next.event, next.named FROM reached r, LATERAL (
      SELECT i.inhrelid, r.event, r.named FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
      WHERE i.inhparent = r.relation AND (r.named OR p.relkind = 'p')
      UNION ALL
      SELECT k.conrelid, CASE WHEN r.event = 'delete' AND k.confdeltype = 'c' THEN 'delete' ELSE 'update' END, false
      FROM pg_constraint k
      WHERE k.contype = 'f' AND k.confrelid = r.relation AND ${ACTION} IN ('c', 'n', 'd')
        AND (r.named OR r.event = 'delete' OR EXISTS (SELECT FROM pg_constraint f
          WHERE f.contype = 'f' AND f.conrelid = r.relation AND f.conkey && k.confkey))
    ) next(relation, event, named)
  ), tables AS (
    SELECT relation, event, bool_or(named) AS named FROM reached GROUP BY relation, event
  ), readers(relation, reader) AS (
    SELECT s.relation, w.ev_class FROM tables s, LATERAL (
      SELECT w.ev_class FROM ${READS} AND d.refobjid = s.relation AND w.ev_class <> s.relation) w
    UNION
    SELECT s.relation, w.ev_class FROM readers s, LATERAL (
      SELECT w.ev_class FROM ${READS} AND d.refobjid = s.reader AND w.ev_class <> s.reader) w
  )
  SELECT t.relation::int8::float8 AS relation, t.event, t.named, c.relkind::text AS kind,
    format('%I.%I', n.nspname, c.relname) AS name,
    COALESCE(pg_total_relation_size(c.oid), 0)::float8 AS size, c.reltuples::float8 AS tuples,
    COALESCE((SELECT json_agg(i.inhparent::int8) FROM pg_inherits i WHERE i.inhrelid = c.oid), '[]') AS parents,
    COALESCE((SELECT json_agg(json_build_object('constraint', quote_ident(k.conname),
          'action', r.event || ' ' || (${ACTION})::text,
          'columns', (SELECT json_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute a
            WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))) ORDER BY k.conname, r.event)
      FROM pg_constraint k JOIN tables r ON r.relation = k.confrelid
      WHERE k.contype = 'f' AND k.conrelid = c.oid AND ${ACTION} IN ('c', 'n', 'd')
        AND t.event = CASE WHEN r.event = 'delete' AND k.confdeltype = 'c' THEN 'delete' ELSE 'update' END), '[]') AS references,
    COALESCE((SELECT json_agg(format('trigger %I of %I.%I, which runs %I.%I', g.tgname, n.nspname, c.relname, fn.nspname, f.proname) ORDER BY g.tgname)
      FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid JOIN pg_namespace fn ON fn.oid = f.pronamespace
      WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D'
        AND g.tgtype & CASE t.event WHEN 'delete' THEN 8 WHEN 'update' THEN 16 ELSE 32 END <> 0
        AND NOT EXISTS (SELECT FROM pg_trigger above JOIN tables o ON o.relation = above.tgrelid AND o.event = t.event
          WHERE above.oid = g.tgparentid)), '[]') AS triggers,
    COALESCE((SELECT json_agg(format('rule %I of %I.%I', w.rulename, n.nspname, c.relname) ORDER BY w.rulename)
      FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_enabled <> 'D'
        AND w.ev_type = CASE t.event WHEN 'delete' THEN '4' WHEN 'update' THEN '2' END), '[]') AS rules,
    COALESCE((SELECT json_agg(DISTINCT format('%s %I.%I', CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, vn.nspname, v.relname))
      FROM readers s JOIN pg_class v ON v.oid = s.reader AND v.relkind IN ('v', 'm')
      JOIN pg_namespace vn ON vn.oid = v.relnamespace WHERE s.relation = c.oid), '[]') AS readers
  FROM tables t JOIN pg_class c ON c.oid = t.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  ORDER BY t.named DESC, t.event, name`;

/** The named table first; empty: there is none of that name. */
export async function reachedTables(
  tx: Transaction,
  { schema, table }: TableResource,
  event: TableEvent,
): Promise<readonly ReachedTable[]> {
  const rows = await tx.unsafe<
    (Omit<ReachedTable, 'runs'> & {
      readonly triggers: readonly string[];
      readonly rules: readonly string[];
    })[]
  >(QUERY, [schema, table, event]);
  return rows.map(({ triggers, rules, ...row }) => ({ ...row, runs: [...triggers, ...rules] }));
}
