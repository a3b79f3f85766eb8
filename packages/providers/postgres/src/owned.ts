/**
 * Everything that a role could drop in this database: what it and the roles it is a member of own. Tables, which
 * hold rows, one by one; the rest in numbers.
 */
import type { SchemaOwner } from './owner.ts';
import { parseSchema } from './resource.ts';
import type { Transaction } from './session.ts';

export interface OwnedTable {
  /** `table`, `materialized view` or `foreign table`. */
  readonly kind: string;
  /** Quoted as `quote_ident` does. */
  readonly name: string;
  /** Bytes, with its partitions. */
  readonly size: number;
  /** Rows of each of its partitions by their last ANALYZE; -1: never. */
  readonly tuples: readonly number[];
  readonly isForeign: boolean;
  /** What would go with it: views over it, and foreign keys that refer to it. */
  readonly dependants: readonly string[];
}

interface Owned {
  /** Those of the named schema first, the largest first. */
  readonly tables: readonly OwnedTable[];
  /** e.g. `3 views`. */
  readonly others: readonly string[];
}

const KINDS: Readonly<Record<string, string>> = {
  r: 'table',
  p: 'table',
  m: 'materialized view',
  f: 'foreign table',
};

export async function ownedBy(
  tx: Transaction,
  { name: owner }: SchemaOwner,
  resource: string,
): Promise<Owned> {
  const schema = parseSchema(resource);
  const tables = await tx<(Omit<OwnedTable, 'kind'> & { kind: string })[]>`
    WITH RECURSIVE owned AS (
      SELECT c.oid, c.relkind, c.relname, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema' AND pg_has_role(${owner}::text, c.relowner, 'MEMBER')
    ), parts(top, oid) AS (
      SELECT oid, oid FROM owned
      UNION
      SELECT p.top, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
    ), sizes AS (
      SELECT p.top, sum(COALESCE(pg_total_relation_size(p.oid), 0))::float8 AS size,
        json_agg(c.reltuples::float8) AS tuples, bool_or(c.relkind = 'f') AS foreign
      FROM parts p JOIN pg_class c ON c.oid = p.oid GROUP BY p.top
    )
    SELECT o.relkind::text AS kind, format('%I.%I', o.nspname, o.relname) AS name,
      s.size, s.tuples, s.foreign AS "isForeign",
      COALESCE((SELECT json_agg(DISTINCT x.name) FROM (
        SELECT format('%s %I.%I', CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, vn.nspname, v.relname) AS name
        FROM parts p JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.oid
          AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm') AND v.oid <> p.oid
        JOIN pg_namespace vn ON vn.oid = v.relnamespace WHERE p.top = o.oid
        UNION ALL
        SELECT format('foreign key %I of %I.%I', k.conname, kn.nspname, kc.relname)
        FROM pg_constraint k JOIN pg_class kc ON kc.oid = k.conrelid JOIN pg_namespace kn ON kn.oid = kc.relnamespace
        WHERE k.contype = 'f' AND k.confrelid = o.oid AND k.conrelid <> o.oid AND k.conparentid = 0
      ) x), '[]') AS dependants
    FROM owned o JOIN sizes s ON s.top = o.oid
    ORDER BY o.nspname = ${schema ?? ''}::text DESC, s.size DESC, name`;
  const others = await tx<{ kind: string; count: number }[]>`
    SELECT kind, count(*)::int AS count FROM (
      SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'sequence' END AS kind FROM pg_class c
      WHERE c.relkind IN ('v', 'S') AND pg_has_role(${owner}::text, c.relowner, 'MEMBER')
      UNION ALL
      SELECT 'function' FROM pg_proc p WHERE pg_has_role(${owner}::text, p.proowner, 'MEMBER')
      UNION ALL
      SELECT 'schema' FROM pg_namespace n WHERE pg_has_role(${owner}::text, n.nspowner, 'MEMBER')
    ) x GROUP BY kind ORDER BY kind`;
  return {
    tables: tables.map(({ kind, ...table }) => ({ kind: KINDS[kind] ?? 'table', ...table })),
    others: others.map(({ kind, count }) => `${count} ${kind}${count === 1 ? '' : 's'}`),
  };
}
