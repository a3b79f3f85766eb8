/**
 * Whose rights are judged, in SQL: what the role holds, and what a right on one table reaches through
 * views, inheritance and foreign keys. Everything else of the search joins these.
 */

/**
 * Parameters: $1 the role, $2 the mode, $3 the rights of the lease as JSON, $4 the known extensions.
 * `lease`: the role itself, after its grants. `connection`: PUBLIC, and any lease that this account
 * could make. `public`: PUBLIC alone, in another database.
 */
export const SCOPE = `
asked AS (SELECT $1::text AS role, $2::text AS mode),
leased AS (
  SELECT (r ->> 'relation')::oid AS rel, r ->> 'privilege' AS privilege, (r ->> 'column')::int AS col
  FROM json_array_elements($3::text::json) r
),
usable AS MATERIALIZED (
  SELECT n.oid FROM pg_namespace n, asked
  WHERE n.nspname !~ '^pg_(toast|temp|toast_temp)'
    AND (has_schema_privilege(asked.role, n.oid, 'USAGE') OR (asked.mode = 'connection'
      AND has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
      AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p'))))
),
member AS MATERIALIZED (
  SELECT d.classid, d.objid, e.oid AS extension, e.extname, e.extversion,
    e.extname = ANY (SELECT json_array_elements_text($4::text::json)) AS known
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
),
attribute AS MATERIALIZED (
  SELECT attrelid, attnum, attname, attacl, attgenerated FROM pg_attribute
  WHERE (attacl IS NOT NULL OR attgenerated <> '') AND NOT attisdropped
),
listed AS MATERIALIZED (
  SELECT c.oid AS rel, 0 AS col, x.privilege_type AS privilege
  FROM pg_class c, aclexplode(c.relacl) x
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND x.grantee = 0
    -- setval and nextval take a sequence by its oid, and then no schema is asked.
    AND (c.relnamespace IN (SELECT oid FROM usable) OR c.relkind = 'S' AND c.relpersistence <> 't')
  UNION SELECT a.attrelid, a.attnum, x.privilege_type
  FROM attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x
  WHERE x.grantee = 0
    AND c.relnamespace IN (SELECT oid FROM usable)
),
installed AS MATERIALIZED (
  SELECT i.objoid AS rel, i.objsubid AS col, x.privilege_type AS privilege
  FROM pg_init_privs i
  LEFT JOIN member m ON m.classid = i.classoid AND m.objid = i.objoid, aclexplode(i.initprivs) x
  WHERE i.classoid = 'pg_class'::regclass AND x.grantee = 0
    AND (i.privtype = 'i' OR COALESCE(m.known, false))
  UNION SELECT c.oid, 0, 'SELECT' FROM pg_class c
  WHERE c.relnamespace = 'information_schema'::regnamespace AND c.oid < 16384
),
shared AS MATERIALIZED (SELECT * FROM listed EXCEPT SELECT * FROM installed),
held AS (
  SELECT rel, privilege, col FROM leased
  UNION SELECT rel, privilege, col FROM shared
  UNION SELECT c.oid, p.privilege, 0
  FROM asked, pg_class c, (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) p (privilege)
  WHERE asked.mode = 'connection' AND c.relkind IN ('r', 'p') AND c.relnamespace IN (SELECT oid FROM usable)
    AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    AND CASE WHEN p.privilege IN ('DELETE', 'TRUNCATE')
      THEN has_table_privilege(c.oid, p.privilege || ' WITH GRANT OPTION')
      ELSE has_any_column_privilege(c.oid, p.privilege || ' WITH GRANT OPTION') END
),
invoker_view AS MATERIALIZED (
  SELECT c.oid FROM pg_class c, pg_options_to_table(c.reloptions) o
  WHERE c.relkind = 'v' AND o.option_name = 'security_invoker' AND o.option_value::bool
),
cascade AS MATERIALIZED (
  SELECT k.oid, k.confrelid AS parent, 'DELETE' AS event, 0 AS event_col, k.conrelid AS child,
    CASE k.confdeltype WHEN 'c' THEN 'DELETE' ELSE 'UPDATE' END AS privilege,
    CASE k.confdeltype WHEN 'c' THEN 0 ELSE s.col END AS col
  FROM pg_constraint k, unnest(COALESCE(k.confdelsetcols, k.conkey)) s (col)
  WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd')
  UNION SELECT k.oid, k.confrelid, 'UPDATE', p.col, k.conrelid, 'UPDATE', s.col
  FROM pg_constraint k, unnest(k.conkey) s (col), unnest(0::int2 || k.confkey) p (col)
  WHERE k.contype = 'f' AND k.confupdtype IN ('c', 'n', 'd')
),
edge AS MATERIALIZED (
  SELECT parent AS rel, event AS privilege, event_col AS col, child AS to_rel, privilege AS to_privilege,
    col AS to_col, true AS as_owner FROM cascade
  UNION SELECT i.inhparent, p.privilege, a.attnum, i.inhrelid, p.privilege, b.attnum, NULL::bool
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
  JOIN pg_attribute a ON a.attrelid = i.inhparent AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_attribute b ON b.attrelid = i.inhrelid AND b.attname = a.attname,
    (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) p (privilege)
  UNION SELECT i.inhparent, p.privilege, 0, i.inhrelid, p.privilege, 0, NULL
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f'),
    (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) p (privilege)
  UNION SELECT g.attrelid, 'UPDATE', a.attnum, g.attrelid, 'UPDATE', g.attnum, NULL
  FROM attribute g JOIN pg_attribute a ON a.attrelid = g.attrelid AND a.attnum > 0 AND a.attgenerated = ''
  WHERE g.attgenerated <> ''
  -- MOVE: a row whose partition key changes is deleted there and inserted here, by the right to UPDATE.
  UNION SELECT k.partrelid, 'UPDATE', m.col, k.partrelid, 'MOVE', 0, NULL
  FROM pg_partitioned_table k, LATERAL (SELECT 0 AS col UNION SELECT a.attnum FROM pg_attribute a
    WHERE a.attrelid = k.partrelid AND a.attnum > 0
      AND (k.partexprs IS NOT NULL OR a.attnum = ANY (k.partattrs::int2[]))) m
  UNION SELECT i.inhparent, 'MOVE', 0, i.inhrelid, 'MOVE', 0, NULL
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
  UNION SELECT w.ev_class, s.privilege, s.col, d.refobjid, s.privilege, 0, NULL
  FROM pg_rewrite w
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
  JOIN pg_class v ON v.oid = w.ev_class AND v.relkind = 'v' AND v.oid >= 16384,
    (SELECT DISTINCT privilege, col FROM shared UNION SELECT p, 0 FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) p) s
  WHERE w.rulename = '_RETURN'
),
reach AS (
  SELECT rel, privilege, col, false AS as_owner FROM held
  UNION SELECT e.to_rel, e.to_privilege, e.to_col, COALESCE(e.as_owner, r.as_owner)
  FROM reach r JOIN edge e ON e.rel = r.rel AND e.privilege = r.privilege AND e.col = r.col
),
reached AS MATERIALIZED (
  SELECT rel, privilege, col, bool_or(as_owner) AS as_owner FROM reach GROUP BY 1, 2, 3
)`;
