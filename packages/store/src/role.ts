/** What the server's role may do in its database, and whether the way there is encrypted. Changes nothing. */
import type { Secret } from '@countersign/core';
import { guarded, openClient } from './database.ts';

export interface RoleReport {
  /** Rights beyond what `production.md` asks for, as PostgreSQL names them. */
  readonly excess: readonly string[];
  /** Whether this session is encrypted. Over a socket it is not. */
  readonly encrypted: boolean;
}

interface RoleRow {
  readonly superuser: boolean;
  readonly createrole: boolean;
  readonly createdb: boolean;
  readonly replication: boolean;
  readonly bypassrls: boolean;
  readonly schemas: boolean;
  readonly elsewhere: readonly string[];
  readonly member: readonly string[];
  readonly encrypted: boolean;
}

/** @throws CountersignError `broker_unavailable` when the database does not answer */
export async function examineRole(url: Secret): Promise<RoleReport> {
  const sql = openClient(url, { connections: 1 });
  try {
    const [row] = await guarded(
      'say what the role may do',
      () => sql<RoleRow[]>`
      select rolsuper as superuser, rolcreaterole as createrole, rolcreatedb as createdb,
        rolreplication as replication, rolbypassrls as bypassrls,
        has_database_privilege(current_database(), 'CREATE') as schemas,
        coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
        array(
          select nspname::text from pg_namespace
          where nspname not in ('countersign', 'information_schema') and nspname !~ '^pg_'
            and has_schema_privilege(oid, 'CREATE')
          order by 1 limit 10
        ) as elsewhere,
        array(
          select granted.rolname::text
          from pg_auth_members membership join pg_roles granted on granted.oid = membership.roleid
          where membership.member = present.oid
          order by 1 limit 10
        ) as member
      from pg_roles present where rolname = current_user`,
    );
    return { excess: row === undefined ? [] : excessOf(row), encrypted: row?.encrypted === true };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function excessOf(row: RoleRow): string[] {
  // A superuser has all the others too.
  if (row.superuser) return ['SUPERUSER'];
  return [
    ...(row.createrole ? ['CREATEROLE'] : []),
    ...(row.createdb ? ['CREATEDB'] : []),
    ...(row.replication ? ['REPLICATION'] : []),
    ...(row.bypassrls ? ['BYPASSRLS'] : []),
    ...(row.schemas ? ['CREATE on the database'] : []),
    ...row.elsewhere.map((schema) => `CREATE in schema ${schema}`),
    ...row.member.map((role) => `member of ${role}`),
  ];
}
