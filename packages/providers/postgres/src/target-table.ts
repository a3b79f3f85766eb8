/**
 * From names to objects. A grant names `public.orders`; what a lease gets is the table that has that
 * name now, by its oid, so that a rename never carries last week's rights to today's table.
 */
import type { LeaseRight } from '@countersign/provider-kit';
import { ProviderError } from '@countersign/provider-kit';
import { type TablePrivilege, tableOperation } from './catalog.ts';
import type { Reached } from './connect.ts';
import { formatResource, parseResource } from './resource.ts';
import type { Transaction } from './session.ts';
import { identifier } from './sql.ts';

interface NamedObject {
  readonly oid: number;
  /** Qualified and quoted for SQL. */
  readonly sql: string;
}

/** One operation on one table, resolved. */
export interface TableRight {
  readonly operation: string;
  readonly privilege: TablePrivilege;
  readonly database: NamedObject;
  readonly schema: NamedObject;
  readonly table: NamedObject;
  /** Sorted by number; null: the whole table. */
  readonly columns: readonly { readonly number: number; readonly sql: string }[] | null;
  /** Sequences that the table's own columns draw their defaults from, when rows are added. */
  readonly sequences: readonly NamedObject[];
}

/** @throws ProviderError `refused` when the right names nothing that a login can be given for */
export async function resolveRight(
  tx: Transaction,
  reached: Reached,
  database: string,
  { operation, resource }: LeaseRight,
): Promise<TableRight> {
  const known = tableOperation(operation);
  if (known === null) throw refused(`${operation} is never exchanged for a login.`);
  const parsed = parseResource(resource);
  if (parsed === null || formatResource(parsed) !== resource) {
    throw refused('A resource of this lease is not in its canonical form.');
  }
  if (parsed.columns !== null && !known.narrowable) {
    throw refused(`${known.privilege} is a right on whole tables, never on columns.`);
  }
  const found = await findTable(tx, parsed.schema, parsed.table);
  if (found === null) throw refused(`There is no table ${resource} in this database.`);
  if (found.kind !== 'r' && found.kind !== 'p') {
    throw refused(
      `${resource} is not an ordinary table. Views, foreign tables and the like act with other rights than the lease's and are not leased.`,
    );
  }
  return {
    operation,
    privilege: known.privilege,
    database: { oid: reached.databaseOid, sql: identifier(database) },
    schema: { oid: found.schema_oid, sql: identifier(parsed.schema) },
    table: { oid: found.oid, sql: `${identifier(parsed.schema)}.${identifier(parsed.table)}` },
    columns: parsed.columns === null ? null : columnNumbers(found, parsed.columns, resource),
    sequences:
      known.privilege === 'INSERT'
        ? found.sequences.map(({ oid, schema, name }) => ({
            oid,
            sql: `${identifier(schema)}.${identifier(name)}`,
          }))
        : [],
  };
}

interface FoundTable {
  readonly oid: number;
  readonly kind: string;
  readonly schema_oid: number;
  readonly columns: readonly { readonly name: string; readonly number: number }[];
  readonly sequences: readonly {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
  }[];
}

/** Compares as text: the type `name` would cut a longer parameter to another table's name. */
async function findTable(
  tx: Transaction,
  schema: string,
  table: string,
): Promise<FoundTable | null> {
  const [row] = await tx<FoundTable[]>`
    SELECT c.oid, c.relkind::text AS kind, n.oid AS schema_oid,
      COALESCE((SELECT json_agg(json_build_object('name', a.attname, 'number', a.attnum))
        FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns,
      COALESCE((SELECT json_agg(DISTINCT jsonb_build_object(
          'oid', s.oid::int8, 'schema', sn.nspname, 'name', s.relname))
        FROM pg_depend d
        JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        JOIN pg_namespace sn ON sn.oid = s.relnamespace
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
          AND d.refobjid = c.oid AND d.refobjsubid > 0 AND d.deptype = 'a'), '[]') AS sequences
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${schema}::text AND c.relname = ${table}::text`;
  return row ?? null;
}

function columnNumbers(
  found: FoundTable,
  names: readonly string[],
  resource: string,
): { readonly number: number; readonly sql: string }[] {
  const numbers = new Map(found.columns.map(({ name, number }) => [name, number]));
  return names
    .map((name) => {
      const number = numbers.get(name);
      if (number === undefined) throw refused(`The table of ${resource} has no column ${name}.`);
      return { number, sql: identifier(name) };
    })
    .sort((a, b) => a.number - b.number);
}

function refused(message: string): ProviderError {
  return new ProviderError('refused', message);
}
