/**
 * Whose rights a script has: the owner of its schema. Ownership knows no halves, so the owner itself
 * must be somebody harmless beyond what they own: whatever SQL runs as them can become all they can.
 */
import { ProviderError } from '@countersign/provider-kit';
import type { Reached } from './connect.ts';
import { parseSchema } from './resource.ts';
import type { Transaction } from './session.ts';
import { identifier } from './sql.ts';

/** The owner of a schema, and the names of both, quoted for SQL. */
export interface SchemaOwner {
  readonly schema: string;
  readonly role: string;
  /** As PostgreSQL stores it, for humans. */
  readonly name: string;
}

/** Roles of PostgreSQL itself that reach the machine or everybody's rows. */
const DANGEROUS_ROLES = [
  'pg_execute_server_program',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_read_all_data',
  'pg_write_all_data',
];

interface Power {
  readonly name: string;
  readonly itself: boolean;
  readonly superuser: boolean;
  readonly broker: boolean;
  readonly attribute: string | null;
  readonly predefined: boolean;
  readonly login: boolean;
}

/**
 * @param signed whether humans signed the very script that will run as this owner
 * @throws ProviderError `refused` for no such schema, `misconfigured` for an owner who can do too much
 */
export async function requireHarmlessOwner(
  tx: Transaction,
  reached: Reached,
  resource: string,
  { signed }: { readonly signed: boolean },
): Promise<SchemaOwner> {
  const schema = parseSchema(resource);
  if (schema === null) throw new ProviderError('refused', `${resource} is not a schema.`);
  // Nobody is a member of pg_database_owner but the owner of the database, which is who is meant.
  const [found] = await tx<{ oid: number; name: string }[]>`
    SELECT r.oid, r.rolname AS name
    FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner
    JOIN pg_database d ON d.oid = ${reached.databaseOid}
    JOIN pg_roles r ON r.oid = CASE WHEN o.rolname = 'pg_database_owner' THEN d.datdba ELSE o.oid END
    WHERE n.nspname = ${schema}::text`;
  if (found === undefined) {
    throw new ProviderError('refused', `There is no schema ${resource} in this database.`);
  }
  const powers = await tx<Power[]>`
    SELECT p.rolname AS name, p.oid = ${found.oid} AS itself, p.rolsuper AS superuser,
      p.rolname = current_user AS broker, p.rolcanlogin AS login,
      CASE WHEN p.rolcreaterole THEN 'CREATEROLE' WHEN p.rolcreatedb THEN 'CREATEDB'
        WHEN p.rolreplication THEN 'REPLICATION' WHEN p.rolbypassrls THEN 'BYPASSRLS' END AS attribute,
      p.rolname = ANY (string_to_array(${DANGEROUS_ROLES.join()}::text, ',')) AS predefined
    FROM pg_roles p
    WHERE CASE WHEN (SELECT rolsuper FROM pg_roles WHERE oid = ${found.oid}) THEN p.oid = ${found.oid}
      ELSE pg_has_role(${found.oid}::oid, p.oid, 'MEMBER') END
    ORDER BY p.oid = ${found.oid} DESC, p.rolname`;
  for (const power of powers) {
    const what = whatIsWrong(power, signed);
    if (what !== null) throw tooPowerful(resource, found.name, power, what);
  }
  return { schema: identifier(schema), role: identifier(found.name), name: found.name };
}

function whatIsWrong(power: Power, signed: boolean): string | null {
  if (power.superuser) return 'is a superuser';
  if (power.broker) return 'is the role of this connection itself';
  if (power.attribute !== null) return `has ${power.attribute}`;
  if (power.predefined) return 'reaches beyond its own objects';
  // SQL can set the password of the role it runs as, and that would outlive every grant.
  if (power.login && !signed) return 'can log in, and SQL that runs as it could set its password';
  return null;
}

function tooPowerful(resource: string, owner: string, power: Power, what: string): ProviderError {
  const who = power.itself ? owner : `${owner}, a member of ${power.name}, which`;
  const subject = power.itself ? `${who}, which ${what}` : `${who} ${what}`;
  const remedy =
    power.login && what.startsWith('can log in')
      ? `ALTER ROLE ${identifier(power.name)} NOLOGIN; and let applications log in as members of it`
      : `ALTER SCHEMA ${resource} OWNER TO <a role that can only own>; and the same for its objects`;
  return new ProviderError(
    'misconfigured',
    `The schema ${resource} belongs to ${subject}. No SQL is run with such rights. As a superuser: ${remedy}.`,
  );
}
