/**
 * What there is in a database, by PostgreSQL's own catalogs, so that two looks inside one transaction
 * show what came, went and changed between them. Every object that a mere owner can touch is in it.
 */
import { ProviderError } from '@countersign/provider-kit';
import { GROUP_ROLES } from './names.ts';
import type { Transaction } from './session.ts';

export interface CatalogObject {
  /** `table public.orders`, as `pg_identify_object` has it. */
  readonly name: string;
  /** Changes when another object took the name: for tables, sequences and columns a loss of what was there. */
  readonly key: string;
  /** Over its definition. */
  readonly digest: string;
  /** What it is, e.g. `table`. */
  readonly kind: string;
  /** For what has a file: which one, and whether anything is in it. */
  readonly file: string | null;
  readonly empty: boolean;
}

/** More objects than this are not compared: the answer would come too late to be worth anything. */
const MOST_OBJECTS = 200_000;
/** The first oid that is not PostgreSQL's own. */
const FIRST_OWN = 16_384;

/** Catalogs whose rows are objects by themselves; `acl` is shown apart, as rights. */
const PLAIN: readonly {
  readonly catalog: string;
  readonly acl?: string;
  readonly where?: string;
}[] = [
  { catalog: 'pg_attrdef' },
  { catalog: 'pg_cast' },
  { catalog: 'pg_collation' },
  { catalog: 'pg_constraint' },
  { catalog: 'pg_conversion' },
  { catalog: 'pg_default_acl' },
  { catalog: 'pg_event_trigger' },
  { catalog: 'pg_extension' },
  { catalog: 'pg_foreign_data_wrapper', acl: 'fdwacl' },
  { catalog: 'pg_foreign_server', acl: 'srvacl' },
  { catalog: 'pg_language', acl: 'lanacl' },
  { catalog: 'pg_largeobject_metadata', acl: 'lomacl' },
  { catalog: 'pg_opclass' },
  { catalog: 'pg_operator' },
  { catalog: 'pg_opfamily' },
  { catalog: 'pg_policy' },
  { catalog: 'pg_proc', acl: 'proacl' },
  { catalog: 'pg_publication' },
  { catalog: 'pg_publication_rel' },
  { catalog: 'pg_publication_namespace' },
  { catalog: 'pg_rewrite' },
  { catalog: 'pg_statistic_ext' },
  { catalog: 'pg_trigger', where: 'NOT o.tgisinternal' },
  { catalog: 'pg_ts_config' },
  { catalog: 'pg_ts_dict' },
  { catalog: 'pg_ts_parser' },
  { catalog: 'pg_ts_template' },
  { catalog: 'pg_transform' },
  // Row types and array types come and go with what they belong to.
  {
    catalog: 'pg_type',
    acl: 'typacl',
    where: `o.typrelid = 0 AND NOT (o.typcategory = 'A' AND o.typelem <> 0)`,
  },
];

/** Columns of pg_class that change without anyone having changed the table. */
const RESTLESS = `'{relpages,reltuples,relallvisible,relallfrozen,relfilenode,relfrozenxid,relminmxid,relhasindex,relhasrules,relhastriggers,relhassubclass,relnatts,relchecks,reltoastrelid,relrewrite,relacl}'::pg_catalog.text[]`;

const digestOf = (json: string): string =>
  `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to((${json})::pg_catalog.text, 'UTF8')), 'base64')`;

/** Rights without those of the broker's own group roles, which leases add meanwhile and check each time. */
const rightsText = (acl: string): string =>
  `(SELECT pg_catalog.string_agg(a::pg_catalog.text, ',' ORDER BY a::pg_catalog.text COLLATE "C") FROM pg_catalog.unnest(${acl}) a WHERE NOT pg_catalog.starts_with(a::pg_catalog.text, '${GROUP_ROLES}'))`;

const identified = (catalog: string, oid: string, column = '0'): string =>
  `pg_catalog.pg_identify_object('pg_catalog.${catalog}'::pg_catalog.regclass, ${oid}, ${column}) i`;

const NO_FILE = 'NULL::pg_catalog.text AS file, false AS empty';

function plain({ catalog, acl, where }: (typeof PLAIN)[number]): string {
  const own = `o.oid >= ${FIRST_OWN} AND i.type IS NOT NULL${where === undefined ? '' : ` AND ${where}`}`;
  // What runs with the rights of its owner says so in its name.
  const kind =
    catalog === 'pg_proc'
      ? `CASE WHEN o.prosecdef THEN 'SECURITY DEFINER ' ELSE '' END || i.type`
      : 'i.type';
  const json = `pg_catalog.to_jsonb(o)${acl === undefined ? '' : ` - '${acl}'`}`;
  const objects = `SELECT ${kind} AS kind, i.identity AS identity, o.oid::pg_catalog.text AS key, ${digestOf(json)} AS digest, ${NO_FILE}
    FROM pg_catalog.${catalog} o, LATERAL ${identified(catalog, 'o.oid')} WHERE ${own}`;
  if (acl === undefined) return objects;
  return `${objects} UNION ALL ${rights(`pg_catalog.${catalog} o, LATERAL ${identified(catalog, 'o.oid')}`, `o.${acl}`, `${own} AND o.${acl} IS NOT NULL`)}`;
}

function rights(from: string, acl: string, where: string): string {
  return `SELECT 'rights on', i.type || ' ' || i.identity, '', ${rightsText(acl)}, ${NO_FILE} FROM ${from} WHERE ${where} AND ${rightsText(acl)} IS NOT NULL`;
}

const OWN_SCHEMA = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;
const CLASSES = `pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace AND ${OWN_SCHEMA}`;
const COLUMNS = `pg_catalog.pg_attribute a JOIN ${CLASSES} ON o.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')`;

const PARTS = [
  `SELECT i.type AS kind, i.identity AS identity, o.oid::pg_catalog.text AS key,
      ${digestOf(`pg_catalog.jsonb_build_array(pg_catalog.to_jsonb(o) - ${RESTLESS},
        (SELECT pg_catalog.to_jsonb(x) - 'indcheckxmin' FROM pg_catalog.pg_index x WHERE x.indexrelid = o.oid),
        (SELECT pg_catalog.to_jsonb(s) FROM pg_catalog.pg_sequence s WHERE s.seqrelid = o.oid),
        (SELECT pg_catalog.jsonb_agg(h.inhparent ORDER BY h.inhseqno) FROM pg_catalog.pg_inherits h WHERE h.inhrelid = o.oid))`)} AS digest,
      CASE WHEN o.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_filenode(o.oid)::pg_catalog.text END AS file,
      CASE WHEN o.relkind IN ('r', 'm') THEN COALESCE(pg_catalog.pg_relation_size(o.oid), 0) = 0 ELSE false END AS empty
    FROM ${CLASSES}, LATERAL ${identified('pg_class', 'o.oid')} WHERE i.type IS NOT NULL AND o.relkind <> 't'`,
  rights(
    `${CLASSES}, LATERAL ${identified('pg_class', 'o.oid')}`,
    'o.relacl',
    'o.relacl IS NOT NULL',
  ),
  `SELECT i.type, i.identity, o.oid || '.' || a.attnum, ${digestOf('pg_catalog.jsonb_build_array(a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated, a.attcollation, a.attoptions, a.attfdwoptions, a.attstorage)')}, ${NO_FILE}
    FROM ${COLUMNS}, LATERAL ${identified('pg_class', 'o.oid', 'a.attnum')} WHERE i.type IS NOT NULL`,
  rights(
    `${COLUMNS}, LATERAL ${identified('pg_class', 'o.oid', 'a.attnum')}`,
    'a.attacl',
    'a.attacl IS NOT NULL',
  ),
  `SELECT i.type, i.identity, n.oid::pg_catalog.text, ${digestOf("pg_catalog.to_jsonb(n) - 'nspacl'")}, ${NO_FILE}
    FROM pg_catalog.pg_namespace n, LATERAL ${identified('pg_namespace', 'n.oid')} WHERE ${OWN_SCHEMA} AND i.type IS NOT NULL`,
  rights(
    `pg_catalog.pg_namespace n, LATERAL ${identified('pg_namespace', 'n.oid')}`,
    'n.nspacl',
    OWN_SCHEMA,
  ),
  `SELECT 'database', d.datname, d.oid::pg_catalog.text, ${digestOf("pg_catalog.to_jsonb(d) - '{datfrozenxid,datminmxid,datacl}'::pg_catalog.text[]")}, ${NO_FILE}
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`,
  `SELECT 'rights on', 'database ' || d.datname, '', ${rightsText('d.datacl')}, ${NO_FILE}
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database() AND ${rightsText('d.datacl')} IS NOT NULL`,
  `SELECT 'settings of', COALESCE('role ' || pg_catalog.pg_get_userbyid(NULLIF(s.setrole, 0)), 'database'), s.setdatabase || '.' || s.setrole, ${digestOf('pg_catalog.to_jsonb(s)')}, ${NO_FILE}
    FROM pg_catalog.pg_db_role_setting s WHERE NOT pg_catalog.starts_with(COALESCE(pg_catalog.pg_get_userbyid(NULLIF(s.setrole, 0))::pg_catalog.text, ''), 'cs')`,
  `SELECT 'membership of', m.member::pg_catalog.regrole || ' in ' || m.roleid::pg_catalog.regrole || ' by ' || m.grantor::pg_catalog.regrole, '', ${digestOf("pg_catalog.to_jsonb(m) - 'oid'")}, ${NO_FILE}
    FROM pg_catalog.pg_auth_members m WHERE NOT pg_catalog.starts_with(pg_catalog.pg_get_userbyid(m.roleid)::pg_catalog.text, '${GROUP_ROLES}')`,
  `SELECT 'user mapping', u.srvname || ' for ' || u.usename, u.umid::pg_catalog.text, ${digestOf('pg_catalog.to_jsonb(u)')}, ${NO_FILE} FROM pg_catalog.pg_user_mappings u`,
  `SELECT 'subscription', s.subname, s.oid::pg_catalog.text, '', ${NO_FILE} FROM pg_catalog.pg_subscription s`,
];

const SNAPSHOT = [...PARTS, ...PLAIN.map(plain)].join('\nUNION ALL\n');

/** All objects there are now. Names are qualified: what a script put into its temporary schema is not asked. */
export async function readCatalog(tx: Transaction): Promise<ReadonlyMap<string, CatalogObject>> {
  const rows = await tx.unsafe<
    {
      kind: string;
      identity: string;
      key: string;
      digest: string;
      file: string | null;
      empty: boolean;
    }[]
  >(`SELECT * FROM (${SNAPSHOT}) all_objects LIMIT ${MOST_OBJECTS + 1}`);
  if (rows.length > MOST_OBJECTS) {
    throw new ProviderError(
      'refused',
      `This database has more than ${MOST_OBJECTS} objects, too many to compare before and after.`,
    );
  }
  return new Map(
    rows.map(({ identity, ...row }) => {
      const name = `${row.kind} ${identity}`;
      return [name, { name, ...row }];
    }),
  );
}
