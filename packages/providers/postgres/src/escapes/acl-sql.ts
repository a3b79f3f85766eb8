/** What is open by access lists alone, in SQL: rights that PUBLIC holds and no lease was given. */
import { LEASE_ROLES } from '../names.ts';

const RELATION = `
SELECT 'relation' AS kind,
  CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN 'foreign table '
    WHEN 'S' THEN 'sequence ' ELSE 'table ' END || format('%I.%I', n.nspname, c.relname) AS object,
  json_build_object('name', format('%I.%I', n.nspname, c.relname), 'relkind', c.relkind,
    'owner', quote_ident(pg_get_userbyid(c.relowner)),
    'privileges', (SELECT json_agg(json_build_object('privilege', s.privilege, 'column', a.attname)
        ORDER BY s.privilege, a.attname)
      FROM shared s LEFT JOIN pg_attribute a ON a.attrelid = s.rel AND a.attnum = s.col AND s.col <> 0
      WHERE s.rel = c.oid)) AS detail,
  json_build_array(pg_get_userbyid(c.relowner), c.relkind, c.reloptions,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    (SELECT json_agg(format('%s %s', s.privilege, a.attname) ORDER BY 1)
      FROM (SELECT DISTINCT privilege, rel, col FROM shared WHERE rel = c.oid) s
      LEFT JOIN pg_attribute a ON a.attrelid = s.rel AND a.attnum = s.col AND s.col <> 0),
    (SELECT json_agg(x.line ORDER BY x.line) FROM (
      WITH RECURSIVE under AS (
        SELECT c.oid AS rel
        UNION SELECT d.refobjid FROM under u JOIN pg_rewrite w ON w.ev_class = u.rel
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
          AND d.refclassid = 'pg_class'::regclass)
      SELECT format('%I.%I %s %s', bn.nspname, b.relname, pg_get_userbyid(b.relowner),
        CASE WHEN b.relkind IN ('v', 'm') THEN pg_get_viewdef(b.oid) END) AS line
      FROM under u JOIN pg_class b ON b.oid = u.rel JOIN pg_namespace bn ON bn.oid = b.relnamespace
      WHERE c.relkind IN ('v', 'm')) x)) AS definition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid IN (SELECT s.rel FROM shared s WHERE NOT EXISTS (SELECT FROM leased l
    WHERE l.rel = s.rel AND l.privilege = s.privilege AND l.col IN (0, s.col)))
  AND c.oid NOT IN (SELECT oid FROM invoker_view)`;

const SCHEMA = `
SELECT 'schema', format('schema %I', n.nspname), json_build_object('name', quote_ident(n.nspname)),
  json_build_array(pg_get_userbyid(n.nspowner), 'CREATE')
FROM pg_namespace n, asked
WHERE n.nspname !~ '^pg_(toast|temp|toast_temp)' AND has_schema_privilege(asked.role, n.oid, 'CREATE')`;

const DATABASE = `
SELECT 'database', format('database %I', d.datname), json_build_object('name', quote_ident(d.datname)),
  json_build_array(pg_get_userbyid(d.datdba), 'CREATE')
FROM pg_database d, asked
WHERE d.datname = current_database() AND has_database_privilege(asked.role, d.oid, 'CREATE')`;

/** What a lease made and shared holds nothing but what it wrote there, and must hold up nobody else. */
const NO_LEASES = `NOT starts_with(pg_get_userbyid(o.lomowner)::text, '${LEASE_ROLES}')`;

const LARGE_OBJECT = `
SELECT 'large object', format('large object %s', o.oid), json_build_object('name', o.oid::text,
    'privileges', json_agg(x.privilege_type ORDER BY x.privilege_type)),
  json_build_array(pg_get_userbyid(o.lomowner), json_agg(x.privilege_type ORDER BY x.privilege_type))
FROM pg_largeobject_metadata o, aclexplode(o.lomacl) x
WHERE x.grantee = 0 AND ${NO_LEASES} GROUP BY o.oid, o.lomowner
UNION ALL SELECT 'setting', 'setting lo_compat_privileges', '{}'::json, '["on"]'::json
WHERE current_setting('lo_compat_privileges')::bool AND EXISTS (SELECT FROM pg_largeobject_metadata o WHERE ${NO_LEASES})`;

const PARAMETER = `
SELECT 'parameter', format('parameter %s', p.parname), json_build_object('name', p.parname),
  json_agg(x.privilege_type ORDER BY x.privilege_type)
FROM pg_parameter_acl p, aclexplode(p.paracl) x
WHERE x.grantee = 0 GROUP BY p.parname`;

const FOREIGN = `
SELECT 'wrapper', format('foreign data wrapper %I', w.fdwname), json_build_object('name', quote_ident(w.fdwname)),
  json_build_array(pg_get_userbyid(w.fdwowner), w.fdwoptions)
FROM pg_foreign_data_wrapper w, asked WHERE has_foreign_data_wrapper_privilege(asked.role, w.oid, 'USAGE')
UNION ALL SELECT 'server', format('foreign server %I', s.srvname), json_build_object('name', quote_ident(s.srvname)),
  json_build_array(pg_get_userbyid(s.srvowner), s.srvoptions)
FROM pg_foreign_server s, asked WHERE has_server_privilege(asked.role, s.oid, 'USAGE')
UNION ALL SELECT 'foreign partition', format('foreign partition %I.%I', n.nspname, c.relname),
  json_build_object('name', format('%I.%I', n.nspname, c.relname), 'parent', format('%I.%I', pn.nspname, p.relname)),
  json_build_array(pg_get_userbyid(c.relowner), s.srvname, s.srvoptions, f.ftoptions)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_foreign_table f ON f.ftrelid = c.oid JOIN pg_foreign_server s ON s.oid = f.ftserver
JOIN pg_inherits i ON i.inhrelid = c.oid
JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE c.relispartition AND EXISTS (SELECT FROM reached r JOIN reached h ON h.rel = i.inhparent
  WHERE r.rel = c.oid AND h.privilege = r.privilege AND r.privilege <> 'SELECT')`;

const LANGUAGE = `
SELECT 'language', format('language %I', l.lanname), json_build_object('name', quote_ident(l.lanname)),
  json_build_array(pg_get_userbyid(l.lanowner))
FROM pg_language l, asked
WHERE l.lanpltrusted AND (l.lanname IN ('c', 'internal') OR l.lanname ~ 'u$')
  AND has_language_privilege(asked.role, l.oid, 'USAGE')`;

/** Databases of this cluster that the role could connect to; what is in them is seen from there. */
const NEIGHBOUR = `
SELECT 'neighbour', format('database %I', d.datname),
  json_build_object('database', d.datname, 'name', quote_ident(d.datname)), '[]'::json
FROM pg_database d, asked
WHERE asked.mode <> 'public' AND d.datallowconn AND d.datname <> current_database()
  AND has_database_privilege(asked.role, d.oid, 'CONNECT')`;

export const ACCESS_LISTS: readonly string[] = [
  RELATION,
  SCHEMA,
  DATABASE,
  LARGE_OBJECT,
  PARAMETER,
  FOREIGN,
  LANGUAGE,
  NEIGHBOUR,
];
