/**
 * Whether what was granted holds what was used. Providers are not here to be asked: PostgreSQL's columns
 * are read anew, and anything else holds itself and nothing more.
 */
import { providerOf } from '@countersign/core';

/** Both as the ledger spells them, which is one spelling for each thing. */
export function holds(operation: string, granted: string, used: string): boolean {
  if (granted === used) return true;
  if (providerOf(operation) !== 'postgres') return false;
  const [wide, narrow] = [readTable(granted), readTable(used)];
  if (wide === null || narrow === null || wide.table !== narrow.table) return false;
  const { columns } = wide;
  if (columns === null) return narrow.columns !== null;
  return narrow.columns?.every((column) => columns.includes(column)) ?? false;
}

interface Table {
  /** `schema.table`, quoted where it must be. */
  readonly table: string;
  /** Null: all of it. */
  readonly columns: readonly string[] | null;
}

const NAME = /(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")/;
const TABLE = new RegExp(`^(${NAME.source}\\.${NAME.source})(?:\\(((?:${NAME.source},?)+)\\))?$`);
const NAMES = new RegExp(NAME.source, 'g');

function readTable(text: string): Table | null {
  const [, table, columns] = TABLE.exec(text) ?? [];
  if (table === undefined) return null;
  return { table, columns: columns === undefined ? null : (columns.match(NAMES) ?? []) };
}
