/**
 * Group roles carry the rights of reads and writes, one for each operation on each table, so that ten
 * thousand leases leave no trace in a table's access list. They are named by what they may do.
 */
import { createHash } from 'node:crypto';
import { ProviderError } from '@countersign/provider-kit';
import type { Reached } from './connect.ts';
import { differences, expectedFootprint, grantStatements, readFootprint } from './footprint.ts';
import { groupRole } from './names.ts';
import type { Transaction } from './session.ts';
import type { TableRight } from './target-table.ts';

/** SHA-256 over the objects a right touches, by oid and column number: names may move, these stay. */
function rightDigest(reached: Reached, right: TableRight): string {
  const document = [
    1,
    reached.systemIdentifier,
    right.database.oid,
    right.schema.oid,
    right.table.oid,
    right.operation,
    right.columns?.map(({ number }) => number) ?? null,
    right.sequences.map(({ oid }) => oid).sort((a, b) => a - b),
  ];
  return createHash('sha256').update(JSON.stringify(document)).digest('hex');
}

/**
 * The group role of one right, made in this transaction when missing.
 * Law 1, what was signed is what runs: its whole footprint is compared before each use.
 * @param mayMake false where others may be changing access lists: then null for one that is missing
 * @throws ProviderError `misconfigured` when it is not exactly what it was made for
 */
export async function requireGroupRole(
  tx: Transaction,
  reached: Reached,
  brokerTag: string,
  right: TableRight,
  mayMake: boolean,
): Promise<string | null> {
  const role = groupRole(brokerTag, rightDigest(reached, right));
  const expected = expectedFootprint([right], { canLogin: false });
  const existing = await readFootprint(tx, role);
  if (existing === null) {
    if (!mayMake) return null;
    await tx.unsafe(
      [
        `CREATE ROLE ${role} NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`,
        ...grantStatements([right], role),
      ].join('; '),
    );
  }
  const found = existing ?? (await readFootprint(tx, role));
  const wrong = found === null ? ['the role is missing'] : differences(expected, found);
  if (wrong.length === 0) return role;
  throw existing === null ? ungrantable([right], wrong) : tampered(role, wrong);
}

/** GRANT without grant option is only a warning to PostgreSQL; the comparison makes it an error. */
export function ungrantable(
  rights: readonly TableRight[],
  wrong: readonly string[],
): ProviderError {
  const remedies = rights.flatMap(({ database, schema, table, privilege, sequences }) => [
    `GRANT CONNECT ON DATABASE ${database.sql} TO <role> WITH GRANT OPTION`,
    `GRANT USAGE ON SCHEMA ${schema.sql} TO <role> WITH GRANT OPTION`,
    `GRANT ${privilege} ON TABLE ${table.sql} TO <role> WITH GRANT OPTION`,
    ...sequences.map(({ sql }) => `GRANT USAGE ON SEQUENCE ${sql} TO <role> WITH GRANT OPTION`),
  ]);
  return new ProviderError(
    'misconfigured',
    `The role of this connection may not pass on all rights of this lease (${wrong.join(', ')}). As the owners, for the connection's role: ${[...new Set(remedies)].join('; ')};`,
  );
}

function tampered(role: string, wrong: readonly string[]): ProviderError {
  return new ProviderError(
    'misconfigured',
    `The group role ${role} is not what it was made for (${wrong.slice(0, 10).join(', ')}) and is not used. Inspect: SELECT deptype, pg_describe_object(classid, objid, objsubid) FROM pg_shdepend WHERE refobjid = '${role}'::regrole; SELECT roleid::regrole FROM pg_auth_members WHERE member = '${role}'::regrole; Remove: DROP OWNED BY ${role}; DROP ROLE ${role};`,
  );
}
