/**
 * The resources of PostgreSQL: `schema.table`, `schema.table(col,…)`, `schema` for SQL that runs with
 * the rights of its owner, and the pattern `schema.*` that only a draft knows. One object has one
 * spelling here, however it was quoted.
 */
import { isSchemaOperation, tableOperation } from './catalog.ts';

export interface TableResource {
  readonly schema: string;
  readonly table: string;
  /** Sorted and unique; null: the whole table. */
  readonly columns: readonly string[] | null;
}

const BARE = /^[a-z_][a-z0-9_$]*$/;
const IDENTIFIER = /[a-z_][a-z0-9_$]*|"(?:[^"\0]|"")+"/y;
/** NAMEDATALEN - 1. PostgreSQL cuts longer names silently, and so would name another table. */
const LONGEST_NAME = 63;

/** True for a name that PostgreSQL stores as it is: well-formed, 1 to 63 bytes of UTF-8, no NUL. */
export function isStorableName(name: string): boolean {
  return (
    name !== '' &&
    !name.includes('\0') &&
    name.isWellFormed() &&
    Buffer.byteLength(name, 'utf8') <= LONGEST_NAME
  );
}

/** As quote_ident prints it, except that reserved words stay bare: nothing here is parsed as SQL. */
function formatName(name: string): string {
  return BARE.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function formatResource({ schema, table, columns }: TableResource): string {
  const whole = `${formatName(schema)}.${formatName(table)}`;
  return columns === null ? whole : `${whole}(${columns.map(formatName).join(',')})`;
}

/** Names that decisions come back to again and again. Dropped all at once when full. */
const parsed = new Map<string, TableResource | null>();
const MOST_PARSED = 20_000;

/** Any accepted spelling of a table or of columns of one; null when it is none. */
export function parseResource(text: string): TableResource | null {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const resource = readResource(text);
  if (parsed.size >= MOST_PARSED) parsed.clear();
  parsed.set(text, resource);
  return resource;
}

function readResource(text: string): TableResource | null {
  const names = new NameReader(text);
  const schema = names.next();
  if (schema === null || isSystemSchema(schema) || !names.skip('.')) return null;
  const table = names.next();
  if (table === null) return null;
  if (names.atEnd()) return { schema, table, columns: null };
  if (!names.skip('(')) return null;
  const columns = new Set<string>();
  do {
    const column = names.next();
    if (column === null) return null;
    columns.add(column);
  } while (names.skip(', ') || names.skip(','));
  if (!names.skip(')') || !names.atEnd()) return null;
  return { schema, table, columns: [...columns].sort() };
}

/** The schema of `schema.*`, or null when the text is not that pattern. */
export function parsePattern(text: string): string | null {
  const names = new NameReader(text);
  const schema = names.next();
  if (schema === null || isSystemSchema(schema)) return null;
  return names.skip('.*') && names.atEnd() ? schema : null;
}

/** Any accepted spelling of a schema; null when it is none. */
export function parseSchema(text: string): string | null {
  const names = new NameReader(text);
  const schema = names.next();
  return schema !== null && !isSystemSchema(schema) && names.atEnd() ? schema : null;
}

/** `Provider.canonicalResource`: one spelling for each resource an operation can be used on. */
export function canonicalResource(operation: string, text: string): string | null {
  if (isSchemaOperation(operation)) {
    const schema = parseSchema(text);
    return schema === null ? null : formatName(schema);
  }
  if (tableOperation(operation) === null) return null;
  const resource = parseResource(text);
  if (resource === null) return null;
  if (resource.columns !== null && tableOperation(operation)?.narrowable !== true) return null;
  return formatResource(resource);
}

/** `Provider.wholeOf`: the table. What is none stands for itself. */
export function wholeOf(text: string): string {
  const resource = parseResource(text);
  return resource === null ? text : formatResource({ ...resource, columns: null });
}

/** `Provider.covers`: a table covers its columns, a column list each list within it. */
export function covers(operation: string, granted: string, requested: string): boolean {
  if (canonicalResource(operation, granted) !== granted) return false;
  if (canonicalResource(operation, requested) !== requested) return false;
  // Ownership of a schema is had or not: it covers itself.
  if (isSchemaOperation(operation)) return granted === requested;
  const [wide, narrow] = [parseResource(granted), parseResource(requested)];
  if (wide === null || narrow === null) return false;
  if (wide.schema !== narrow.schema || wide.table !== narrow.table) return false;
  const { columns } = wide;
  if (columns === null) return true;
  return narrow.columns?.every((column) => columns.includes(column)) ?? false;
}

/** The catalogs hold every table's secrets, password verifiers among them; they are no resources. */
function isSystemSchema(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema';
}

/** Reads identifiers and punctuation from left to right; no white space but after a comma. */
class NameReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string | null {
    IDENTIFIER.lastIndex = this.#at;
    const token = IDENTIFIER.exec(this.#text)?.[0];
    if (token === undefined) return null;
    this.#at += token.length;
    const name = token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token;
    return isStorableName(name) ? name : null;
  }

  skip(punctuation: string): boolean {
    if (!this.#text.startsWith(punctuation, this.#at)) return false;
    this.#at += punctuation.length;
    return true;
  }

  atEnd(): boolean {
    return this.#at === this.#text.length;
  }
}
