/**
 * Everything a role can do by grants, as PostgreSQL's own catalogs record it, compared exactly with
 * what it was made for. A role that somebody widened is never used, and never quietly repaired.
 */
import { GROUP_ROLES, HEIR_ROLES, LEASE_ROLES } from './names.ts';
import type { Transaction } from './session.ts';
import type { TableRight } from './target-table.ts';

/** Lines of one spelling each, so that two footprints compare as sets. */
export interface Footprint {
  /** `rolcanlogin=true` and the like. */
  readonly attributes: readonly string[];
  /** Roles it is a member of, with the options of the membership. */
  readonly memberships: readonly string[];
  /** Rows of pg_shdepend: what it owns, has rights on, or is named by, in every database. */
  readonly dependencies: readonly string[];
  /** Rights on those objects, in this database and on it. */
  readonly privileges: readonly string[];
}

/** The statements that give `role` exactly these rights. `role` is a name of ours. */
export function grantStatements(rights: readonly TableRight[], role: string): readonly string[] {
  const statements = rights.flatMap(
    ({ privilege, database, schema, table, columns, sequences }) => [
      `GRANT CONNECT ON DATABASE ${database.sql} TO ${role}`,
      `GRANT USAGE ON SCHEMA ${schema.sql} TO ${role}`,
      `GRANT ${privilege}${columns === null ? '' : ` (${columns.map(({ sql }) => sql).join(', ')})`} ON TABLE ${table.sql} TO ${role}`,
      ...sequences.map(({ sql }) => `GRANT USAGE ON SEQUENCE ${sql} TO ${role}`),
    ],
  );
  return [...new Set(statements)];
}

/** The footprint of a role that has exactly these rights and memberships. */
export function expectedFootprint(
  rights: readonly TableRight[],
  { canLogin, groups = [] }: { canLogin: boolean; groups?: readonly string[] },
): Footprint {
  const dependencies = new Set<string>();
  const privileges = new Set<string>();
  const expect = (
    catalog: string,
    oid: number,
    column: number,
    privilege: string,
    database: number,
  ): void => {
    dependencies.add([database, catalog, oid, column, 'a'].join('/'));
    privileges.add([catalog, oid, column, privilege, false].join('/'));
  };
  for (const { privilege, database, schema, table, columns, sequences } of rights) {
    expect('pg_database', database.oid, 0, 'CONNECT', 0);
    expect('pg_namespace', schema.oid, 0, 'USAGE', database.oid);
    for (const { number } of columns ?? [{ number: 0 }]) {
      expect('pg_class', table.oid, number, privilege, database.oid);
    }
    for (const { oid } of sequences) expect('pg_class', oid, 0, 'USAGE', database.oid);
  }
  return {
    attributes: [
      ...['rolsuper', 'rolcreaterole', 'rolcreatedb', 'rolreplication', 'rolbypassrls'].map(
        (attribute) => `${attribute}=false`,
      ),
      `rolcanlogin=${canLogin}`,
      `rolinherit=${canLogin}`,
    ],
    memberships: groups.map((group) => `${group}/inherit=true/set=false/admin=false`),
    dependencies: [...dependencies],
    privileges: [...privileges],
  };
}

/**
 * What the catalogs say of `role` in this transaction, or null when there is no such role.
 * Default privileges of the role itself are left out: they speak of objects that it creates, it can
 * create none, and every member may set them, so they would let one lease spoil a group for all. So is
 * what belongs to a lease role or its heir, or are default privileges of a group role: a lease may share
 * what it made with any role there is, in any database, and gives nobody more than it had.
 * PostgreSQL 15 has no options on memberships: INHERIT is the member's own there, and SET, which it
 * cannot forbid, is read as what we would have asked for.
 */
export async function readFootprint(tx: Transaction, role: string): Promise<Footprint | null> {
  const [row] = await tx<Footprint[]>`
    WITH role AS (SELECT * FROM pg_roles WHERE rolname = ${role}::text),
    dependency AS (
      SELECT d.* FROM pg_shdepend d, role
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid
        AND NOT (d.classid = 'pg_default_acl'::regclass AND d.deptype = 'o')
        AND NOT (d.deptype = 'a' AND EXISTS (SELECT FROM pg_shdepend w
          JOIN pg_roles o ON o.oid = w.refobjid
          WHERE w.dbid = d.dbid AND w.classid = d.classid AND w.objid = d.objid AND w.deptype = 'o'
            AND w.refclassid = 'pg_authid'::regclass
            AND (starts_with(o.rolname::text, ${LEASE_ROLES}::text)
              OR starts_with(o.rolname::text, ${HEIR_ROLES}::text)
              OR d.classid = 'pg_default_acl'::regclass AND starts_with(o.rolname::text, ${GROUP_ROLES}::text))))
    ),
    acl AS (
      SELECT 'pg_database' AS catalog, o.oid, 0 AS number, o.datacl AS items
        FROM pg_database o WHERE o.oid IN (SELECT objid FROM dependency WHERE classid = 'pg_database'::regclass)
      UNION ALL SELECT 'pg_namespace', o.oid, 0, o.nspacl
        FROM pg_namespace o WHERE o.oid IN (SELECT objid FROM dependency WHERE classid = 'pg_namespace'::regclass)
      UNION ALL SELECT 'pg_class', o.oid, 0, o.relacl
        FROM pg_class o WHERE o.oid IN (SELECT objid FROM dependency WHERE classid = 'pg_class'::regclass)
      UNION ALL SELECT 'pg_class', o.attrelid, o.attnum, o.attacl
        FROM pg_attribute o WHERE o.attrelid IN (SELECT objid FROM dependency WHERE classid = 'pg_class'::regclass)
    )
    SELECT
      ARRAY_TO_JSON(ARRAY[
        'rolsuper=' || role.rolsuper, 'rolcreaterole=' || role.rolcreaterole,
        'rolcreatedb=' || role.rolcreatedb, 'rolreplication=' || role.rolreplication,
        'rolbypassrls=' || role.rolbypassrls, 'rolcanlogin=' || role.rolcanlogin,
        'rolinherit=' || role.rolinherit]) AS attributes,
      COALESCE((SELECT json_agg(DISTINCT
          g.rolname || '/inherit=' || COALESCE(to_jsonb(m) ->> 'inherit_option', role.rolinherit::text)
            || '/set=' || COALESCE(to_jsonb(m) ->> 'set_option', 'false')
            || '/admin=' || m.admin_option::text)
        FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = role.oid), '[]') AS memberships,
      COALESCE((SELECT json_agg(DISTINCT
          concat_ws('/', d.dbid, d.classid::regclass, d.objid, d.objsubid, d.deptype))
        FROM dependency d), '[]') AS dependencies,
      COALESCE((SELECT json_agg(DISTINCT
          concat_ws('/', a.catalog, a.oid, a.number, x.privilege_type,
            CASE WHEN x.is_grantable THEN 'true' ELSE 'false' END))
        FROM acl a, aclexplode(a.items) x WHERE x.grantee = role.oid), '[]') AS privileges
    FROM role`;
  return row ?? null;
}

/** What differs, one line each: `+` is there and should not be, `-` is missing. Empty: equal. */
export function differences(expected: Footprint, found: Footprint): readonly string[] {
  const kinds = ['attributes', 'memberships', 'dependencies', 'privileges'] as const;
  return kinds.flatMap((kind) => [
    ...found[kind].filter((line) => !expected[kind].includes(line)).map((line) => `+${line}`),
    ...expected[kind].filter((line) => !found[kind].includes(line)).map((line) => `-${line}`),
  ]);
}
