/**
 * What an admin should know of a target before trusting it with leases: that minting works at all,
 * and what PostgreSQL gives every role, a lease's too, without being asked.
 */
import { type ConnectionCheck, ProviderError } from '@countersign/provider-kit';
import { MEMBERSHIP_OPTIONS, type Reached, type Target } from './connect.ts';
import { findEscapes, lookIntoNeighbours } from './escapes/find.ts';
import { printable } from './escapes/names.ts';
import { requireRoleRights } from './resolve.ts';
import type { Transaction } from './session.ts';
import { identifier } from './sql.ts';

interface Finding {
  readonly ok: boolean;
  readonly text: string;
}

/** Objects named in one finding; more are counted. */
const NAMED = 10;

/** Never throws for what it looks at: an unreachable server is a finding. */
export async function checkTarget(target: Target): Promise<ConnectionCheck> {
  try {
    return await target.transaction(async (tx, answer) => {
      const rights = roleFindings(answer, target.config.username);
      const findings = [
        reachedFinding(target, answer),
        ...rights,
        ...(answer.superuser ? [await superuserFinding(tx, target.config.database)] : []),
        ...versionFindings(answer),
        ...(await publicFindings(tx, target.config.database)),
      ];
      const escapes = await findEscapes(tx, { mode: 'connection' }, lookIntoNeighbours(target));
      return { ok: rights.every(({ ok }) => ok), findings, escapes };
    });
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { ok: false, findings: [{ ok: false, text: error.message }], escapes: [] };
  }
}

function reachedFinding(target: Target, reached: Reached): Finding {
  const tls =
    target.config.sslmode === 'disable' ? 'on this machine, without TLS' : 'over verified TLS';
  return {
    ok: true,
    text: `Reached PostgreSQL ${Math.floor(reached.version / 10000)}.${reached.version % 10000} ${tls}; it proved itself with SCRAM-SHA-256; system identifier ${reached.systemIdentifier}.`,
  };
}

function roleFindings(reached: Reached, username: string): readonly Finding[] {
  try {
    requireRoleRights(reached, username);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return [{ ok: false, text: error.message }];
  }
  return [{ ok: true, text: 'The role of this connection may create and drop roles.' }];
}

/** The smallest role that can do all of this, in SQL that makes it: what a lease gets, it must hold. */
async function superuserFinding(tx: Transaction, database: string): Promise<Finding> {
  const schemas = await tx<{ name: string }[]>`
    SELECT DISTINCT quote_ident(n.nspname) AS name FROM pg_namespace n
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1`;
  const grants = schemas.flatMap(({ name }) => [
    `GRANT USAGE ON SCHEMA ${name} TO countersign_broker WITH GRANT OPTION;`,
    `GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA ${name} TO countersign_broker WITH GRANT OPTION;`,
    `GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${name} TO countersign_broker WITH GRANT OPTION;`,
  ]);
  const made = [
    "CREATE ROLE countersign_broker LOGIN CREATEROLE PASSWORD '…';",
    `GRANT CONNECT ON DATABASE ${identifier(database)} TO countersign_broker WITH GRANT OPTION;`,
    ...grants,
  ];
  return {
    ok: false,
    text: printable(
      `The role of this connection is a superuser, far more than leases need. Make one that is not, with DELETE and TRUNCATE only where two humans shall be able to grant them: ${made.join(' ')}`,
    ),
  };
}

function versionFindings(reached: Reached): readonly Finding[] {
  const findings: Finding[] = [];
  if (reached.version < MEMBERSHIP_OPTIONS) {
    findings.push({
      ok: false,
      text: 'Before PostgreSQL 16 a lease cannot be kept from SET ROLE to its group roles, and CREATEROLE is close to superuser. Upgrade to 16 or newer.',
    });
  }
  return findings;
}

async function publicFindings(tx: Transaction, database: string): Promise<readonly Finding[]> {
  const [found] = await tx<
    {
      temporary: boolean;
      databases: string[];
      schemas: string[];
      tables: string[];
      prepared: boolean;
    }[]
  >`
    SELECT has_database_privilege('public', current_database(), 'TEMPORARY') AS temporary,
      current_setting('max_prepared_transactions')::int > 0 AS prepared,
      COALESCE((SELECT json_agg(datname ORDER BY datname) FROM pg_database
        WHERE datallowconn AND datname <> current_database()
          AND has_database_privilege('public', oid, 'CONNECT')), '[]') AS databases,
      COALESCE((SELECT json_agg(nspname ORDER BY nspname) FROM pg_namespace
        WHERE has_schema_privilege('public', oid, 'CREATE')), '[]') AS schemas,
      COALESCE((SELECT json_agg(format('%I.%I', n.nspname, c.relname) ORDER BY 1)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND (has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            OR has_any_column_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))), '[]') AS tables`;
  if (found === undefined) return [{ ok: false, text: 'The rights of PUBLIC could not be read.' }];
  return [
    finding(
      !found.temporary,
      'No lease may create temporary tables here.',
      `Every lease may create temporary tables here. Close: REVOKE TEMPORARY ON DATABASE ${identifier(database)} FROM PUBLIC;`,
    ),
    finding(
      found.databases.length === 0,
      'No lease may connect to another database of this cluster.',
      `Every lease may connect to ${some(found.databases)} as well. Close each: ${some(found.databases.map((name) => `REVOKE CONNECT ON DATABASE ${identifier(name)} FROM PUBLIC;`))}`,
    ),
    finding(
      found.schemas.length === 0,
      'No lease may create objects in a schema.',
      `Every lease may create objects in ${some(found.schemas)}. Close: ${some(found.schemas.map((name) => `REVOKE CREATE ON SCHEMA ${identifier(name)} FROM PUBLIC;`))}`,
    ),
    finding(
      found.tables.length === 0,
      'No table has rights that PUBLIC holds.',
      `Every lease has rights on ${some(found.tables)} through PUBLIC. Close: ${some(found.tables.map((name) => `REVOKE ALL ON ${name} FROM PUBLIC;`))}`,
    ),
    finding(
      !found.prepared,
      'No lease can leave a prepared transaction behind.',
      'A lease can leave a prepared transaction, whose locks outlive it. Close: max_prepared_transactions = 0.',
    ),
  ];
}

function finding(ok: boolean, good: string, bad: string): Finding {
  return { ok, text: ok ? good : bad };
}

function some(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(' ')}${more > 0 ? ` … and ${more} more` : ''}`;
}
