/** What runs with other rights than the lease's, in SQL: functions, triggers, rules, foreign keys. */

/** A function as it is, so that any change of it is another digest. Needs `p` and, outer joined, `m`. */
const CODE = `json_build_array(CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
  pg_get_userbyid(p.proowner), p.proacl::text, p.prosrc, p.probin, m.extname, m.extversion)`;

/** What indexes and ranges call without asking for EXECUTE. */
const SUPPORT = `p.oid IN (SELECT amproc FROM pg_amproc UNION ALL SELECT rngsubdiff FROM pg_range
    UNION ALL SELECT rngcanonical FROM pg_range)`;

/** What PostgreSQL makes with each range type. `CREATE OR REPLACE` undoes the dependency. */
const CONSTRUCTOR = `(l.lanname = 'internal' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
    AND d.objid = p.oid AND d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass))`;

/** Runs outside the rights of PostgreSQL: native or untrusted code that no read extension brought. */
const NATIVE = `(p.oid >= 16384 AND NOT l.lanpltrusted AND l.lanname <> 'sql' AND m.extname IS NULL AND NOT ${CONSTRUCTOR}
  OR NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') AND p.oid >= 16384)`;

const FUNCTION = `
SELECT 'function',
  CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || p.oid::regprocedure,
  json_build_object('name', p.oid::regprocedure::text, 'owner', quote_ident(pg_get_userbyid(p.proowner)),
    'why', CASE WHEN p.prosecdef AND ${SUPPORT} THEN 'support' WHEN p.prosecdef THEN 'definer' WHEN ${NATIVE} THEN 'native' WHEN p.prokind = 'a' THEN 'component' ELSE 'widened' END),
  json_build_array(${CODE}, CASE WHEN p.prokind = 'a' THEN (
    SELECT json_build_array(to_jsonb(a) - '{aggfnoid,aggtranstype,aggmtranstype,aggsortop}'::text[], (
        SELECT json_agg(json_build_array(pg_get_functiondef(f.oid), pg_get_userbyid(f.proowner), f.proacl::text) ORDER BY f.oid::regprocedure::text)
        FROM pg_proc f WHERE f.prokind <> 'a' AND f.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
          a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)))
    FROM pg_aggregate a WHERE a.aggfnoid = p.oid) END)
FROM pg_proc p
JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid, asked
WHERE p.proowner::regrole::text <> asked.role
  AND (p.prosecdef OR ${NATIVE}
    OR p.prokind = 'a' AND p.oid >= 16384 AND EXISTS (
      SELECT FROM pg_aggregate a JOIN pg_proc f ON f.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
        a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)
      WHERE a.aggfnoid = p.oid AND f.prosecdef)
    OR EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
      AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) x WHERE x.grantee = 0)))
  AND (has_function_privilege(asked.role, p.oid, 'EXECUTE') OR p.prosecdef AND ${SUPPORT})
  AND p.prorettype <> 'event_trigger'::regtype
  AND (p.prorettype <> 'trigger'::regtype
    OR has_database_privilege(asked.role, current_database(), 'TEMPORARY'))
  AND (p.pronamespace IN (SELECT oid FROM usable)
    -- What a lease made for its own session is there for nobody else, and must hold up nobody else.
    OR NOT pg_is_other_temp_schema(p.pronamespace) AND EXISTS (
    SELECT FROM pg_depend d WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
      AND d.deptype = 'n' AND d.classid NOT IN ('pg_trigger'::regclass, 'pg_event_trigger'::regclass)
      AND NOT EXISTS (SELECT FROM pg_aggregate a WHERE d.classid = 'pg_proc'::regclass AND a.aggfnoid = d.objid)))`;

const EXTENSION = `
SELECT 'extension', format('extension %I', m.extname),
  json_build_object('name', quote_ident(m.extname), 'version', m.extversion,
    'functions', json_agg(p.oid::regprocedure::text ORDER BY p.oid::regprocedure::text)),
  json_build_array(m.extversion, json_agg(json_build_array(p.oid::regprocedure::text, pg_get_userbyid(p.proowner),
    p.proacl::text, p.prosrc, p.probin) ORDER BY p.oid::regprocedure::text))
FROM member m
JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid AND NOT p.prosecdef
JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('c', 'internal'), asked
WHERE NOT m.known AND has_function_privilege(asked.role, p.oid, 'EXECUTE')
GROUP BY m.extname, m.extversion
HAVING bool_or(p.pronamespace IN (SELECT oid FROM usable))`;

/**
 * A write that is reached fires it, with more rights than a lease's. A partition's copy of a trigger is
 * the same trigger, but only where that one fires too: each has its own writes and its own switch.
 */
const fires = (t: string): string => `${t}.tgenabled <> 'D'
  AND EXISTS (SELECT FROM reached r WHERE r.rel = ${t}.tgrelid
    AND ${t}.tgtype & CASE r.privilege WHEN 'INSERT' THEN 4 WHEN 'DELETE' THEN 8 WHEN 'UPDATE' THEN 16
      WHEN 'TRUNCATE' THEN 32 WHEN 'MOVE' THEN (${t}.tgtype & 1) * 12 ELSE 0 END <> 0
    AND (r.privilege <> 'UPDATE' OR r.col = 0 OR ${t}.tgattr::text = '' OR r.col = ANY (${t}.tgattr::int2[]))
    AND (p.prosecdef OR ${NATIVE} OR r.as_owner))`;

const TRIGGER = `
SELECT 'trigger', format('trigger %I on %I.%I', t.tgname, n.nspname, c.relname),
  json_build_object('name', quote_ident(t.tgname), 'table', format('%I.%I', n.nspname, c.relname),
    'function', p.oid::regprocedure::text, 'owner', quote_ident(pg_get_userbyid(p.proowner)),
    'table_owner', quote_ident(pg_get_userbyid(c.relowner)), 'view', c.relkind = 'v',
    'why', CASE WHEN p.prosecdef THEN 'definer' WHEN ${NATIVE} THEN 'native' ELSE 'cascade' END),
  json_build_array(pg_get_triggerdef(t.oid), t.tgenabled, pg_get_userbyid(c.relowner), ${CODE})
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
WHERE NOT t.tgisinternal AND ${fires('t')}
  AND NOT EXISTS (SELECT FROM pg_trigger o WHERE o.oid = t.tgparentid AND ${fires('o')})`;

const EVENT_TRIGGER = `
SELECT 'event trigger', format('event trigger %I', t.evtname),
  json_build_object('name', quote_ident(t.evtname), 'function', p.oid::regprocedure::text,
    'owner', quote_ident(pg_get_userbyid(p.proowner))),
  json_build_array(t.evtevent, t.evtenabled, t.evttags, pg_get_userbyid(t.evtowner), ${CODE})
FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
WHERE t.evtenabled <> 'D' AND (p.prosecdef OR ${NATIVE})`;

const RULE = `
SELECT 'rule', format('rule %I on %I.%I', w.rulename, n.nspname, c.relname),
  json_build_object('name', quote_ident(w.rulename), 'table', format('%I.%I', n.nspname, c.relname),
    'owner', quote_ident(pg_get_userbyid(c.relowner)), 'view', c.relkind = 'v'),
  json_build_array(pg_get_ruledef(w.oid), w.ev_enabled, pg_get_userbyid(c.relowner))
FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE w.ev_type <> '1' AND w.ev_enabled <> 'D' AND w.ev_action::text <> '<>'
  AND EXISTS (SELECT FROM reached r WHERE r.rel = w.ev_class AND r.privilege =
    CASE w.ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' WHEN '4' THEN 'DELETE' END)`;

/**
 * One for each pair of tables, with every constraint between them, so that each lease it concerns sees
 * the same digest: the constraint itself, not the copies that partitions have of it.
 */
const CASCADE = `
SELECT 'cascade', CASE x.event WHEN 'DELETE' THEN 'cascade ' ELSE 'update cascade ' END
    || format('%I.%I -> %I.%I', pn.nspname, p.relname, n.nspname, c.relname),
  json_build_object('parent', format('%I.%I', pn.nspname, p.relname), 'child', format('%I.%I', n.nspname, c.relname),
    'event', x.event, 'privileges', json_agg(DISTINCT x.privilege), 'owner', quote_ident(pg_get_userbyid(c.relowner)),
    'constraints', json_agg(DISTINCT jsonb_build_object('name', quote_ident(k.conname),
      'definition', format('FOREIGN KEY (%s) REFERENCES %s (%s)%s%s%s%s',
        (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY o.i) FROM unnest(k.conkey) WITH ORDINALITY o (n, i)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.n),
        format('%I.%I', rpn.nspname, rp.relname),
        (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY o.i) FROM unnest(k.confkey) WITH ORDINALITY o (n, i)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.n),
        CASE k.confmatchtype WHEN 'f' THEN ' MATCH FULL' ELSE '' END,
        CASE WHEN x.event = 'DELETE' THEN CASE k.confupdtype WHEN 'c' THEN ' ON UPDATE CASCADE'
            WHEN 'n' THEN ' ON UPDATE SET NULL' WHEN 'd' THEN ' ON UPDATE SET DEFAULT' WHEN 'r' THEN ' ON UPDATE RESTRICT' ELSE '' END
          ELSE CASE k.confdeltype WHEN 'c' THEN ' ON DELETE CASCADE'
            WHEN 'n' THEN ' ON DELETE SET NULL' WHEN 'd' THEN ' ON DELETE SET DEFAULT' WHEN 'r' THEN ' ON DELETE RESTRICT' ELSE '' END
            || COALESCE((SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a
              WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.confdelsetcols)), '') END,
        CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END,
        CASE WHEN k.convalidated THEN '' ELSE ' NOT VALID' END),
      'table', format('%I.%I', rn.nspname, rc.relname)))),
  json_build_array(json_agg(DISTINCT pg_get_constraintdef(k.oid)), pg_get_userbyid(c.relowner))
FROM (SELECT DISTINCT oid, parent, child, event, privilege FROM cascade
    WHERE (parent, child, event) IN (SELECT f.parent, f.child, f.event
      FROM cascade f JOIN reached r ON r.rel = f.parent AND r.privilege = f.event AND r.col = f.event_col
      WHERE NOT EXISTS (SELECT FROM leased l
        WHERE l.rel = f.child AND l.privilege = f.privilege AND l.col IN (0, f.col)))) x
JOIN pg_constraint own ON own.oid = x.oid
JOIN pg_class p ON p.oid = x.parent JOIN pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_class c ON c.oid = x.child JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (WITH RECURSIVE up AS (SELECT own.oid, own.conparentid
    UNION ALL SELECT q.oid, q.conparentid FROM up JOIN pg_constraint q ON q.oid = up.conparentid)
  SELECT oid FROM up WHERE conparentid = 0 LIMIT 1) root
JOIN pg_constraint k ON k.oid = root.oid
JOIN pg_class rc ON rc.oid = k.conrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
JOIN pg_class rp ON rp.oid = k.confrelid JOIN pg_namespace rpn ON rpn.oid = rp.relnamespace
WHERE NOT EXISTS (SELECT FROM cascade f
  JOIN reached r ON r.rel = f.parent AND r.privilege = f.event AND r.col = f.event_col
  WHERE f.oid = own.conparentid AND f.event = x.event)
GROUP BY x.event, pn.nspname, p.relname, n.nspname, c.relname, c.relowner`;

/** Rows of a child are no rows of the parent that was granted. Partitions are: they are its storage. */
const INHERITANCE = `
SELECT 'inheritance', format('inheritance %I.%I -> %I.%I', pn.nspname, p.relname, n.nspname, c.relname),
  json_build_object('parent', format('%I.%I', pn.nspname, p.relname), 'child', format('%I.%I', n.nspname, c.relname),
    'privileges', json_agg(DISTINCT r.privilege)),
  json_build_array(pg_get_userbyid(c.relowner), c.relkind)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'f') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
JOIN reached r ON r.rel = i.inhparent AND r.privilege <> 'INSERT'
WHERE NOT EXISTS (SELECT FROM leased l WHERE l.rel = c.oid AND l.privilege = r.privilege AND l.col = 0)
GROUP BY pn.nspname, p.relname, n.nspname, c.relname, c.relowner, c.relkind`;

export const CODE_THAT_RUNS: readonly string[] = [
  FUNCTION,
  EXTENSION,
  TRIGGER,
  EVENT_TRIGGER,
  RULE,
  CASCADE,
  INHERITANCE,
];
