/** What a script did: the difference of two looks at the catalogs, and the rows it touched. */
import { createHash } from 'node:crypto';
import type { ScriptChanges } from '@countersign/provider-kit';
import type { CatalogObject } from './catalog-snapshot.ts';

export interface TouchedRows {
  readonly table: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

export interface CatalogChanges {
  readonly created: readonly string[];
  readonly altered: readonly string[];
  readonly dropped: readonly string[];
  /** Tables that have a new file: locked while it was written. */
  readonly rewritten: readonly string[];
  /** Those of them that held something before and hold nothing now. */
  readonly emptied: readonly string[];
  readonly rows: readonly TouchedRows[];
}

/** Another one of these under the same name has not the contents of the first. */
const HOLDS_DATA = new Set([
  'table',
  'materialized view',
  'sequence',
  'foreign table',
  'table column',
]);
/** Parts of a table: to make one is to alter the table. */
const PARTS_OF_TABLES = new Set([
  'table column',
  'default value',
  'table constraint',
  'trigger',
  'policy',
  'rule',
  'rights on',
]);

export function changesBetween(
  before: ReadonlyMap<string, CatalogObject>,
  after: ReadonlyMap<string, CatalogObject>,
  rows: readonly TouchedRows[],
): CatalogChanges {
  const created: CatalogObject[] = [];
  const dropped: CatalogObject[] = [];
  const altered: string[] = [];
  const rewritten: CatalogObject[] = [];
  const emptied: string[] = [];
  for (const object of after.values()) {
    const old = before.get(object.name);
    if (old === undefined) created.push(object);
    else if (old.key !== object.key && HOLDS_DATA.has(object.kind)) {
      created.push(object);
      dropped.push(old);
    } else if (old.key !== object.key || old.digest !== object.digest) altered.push(object.name);
    if (old !== undefined && old.key === object.key && old.file !== object.file) {
      rewritten.push(object);
      if (object.empty && !old.empty) emptied.push(object.name);
    }
  }
  for (const object of before.values()) if (!after.has(object.name)) dropped.push(object);
  return {
    created: wholes(created),
    altered: altered.sort(),
    dropped: wholes(dropped),
    rewritten: rewritten.map(({ name }) => name).sort(),
    emptied: emptied.sort(),
    rows: rows.toSorted((a, b) => (a.table < b.table ? -1 : 1)),
  };
}

/** Names, without the columns, defaults and rights of what came or went as a whole. */
function wholes(objects: readonly CatalogObject[]): string[] {
  const whole = objects.filter(({ kind }) => !PARTS_OF_TABLES.has(kind)).map(({ name }) => name);
  const names = new Set(whole);
  const parts = objects.filter(({ kind }) => PARTS_OF_TABLES.has(kind));
  const alone = parts.filter(({ name, kind }) => {
    const rest = name.slice(kind.length + 1);
    if (kind === 'rights on') return !names.has(rest);
    if (kind === 'table column') return !names.has(`table ${rest.slice(0, rest.lastIndexOf('.'))}`);
    const [, table] = / (?:on|for) (.+)$/.exec(rest) ?? [];
    return (
      !names.has(`table ${table ?? ''}`) &&
      !names.has(`table ${(table ?? '').replace(/\.[^.]+$/, '')}`)
    );
  });
  return [...whole, ...alone.map(({ name }) => name)].sort();
}

/** The operations that stand for these changes. */
export function operationsFor(changes: CatalogChanges): readonly string[] {
  const part = (name: string): boolean =>
    [...PARTS_OF_TABLES].some((kind) => name.startsWith(`${kind} `));
  const operations = new Set<string>();
  for (const name of changes.created) {
    operations.add(part(name) ? 'postgres:alter' : 'postgres:create');
  }
  if (changes.altered.length + changes.rewritten.length > 0) operations.add('postgres:alter');
  if (changes.dropped.length + changes.emptied.length > 0) operations.add('postgres:drop');
  return [...operations].sort();
}

export function summaryOf(changes: CatalogChanges): ScriptChanges {
  const touched = changes.rows.map((row) => row.inserted + row.updated + row.deleted);
  return {
    created: changes.created.length,
    altered: changes.altered.length,
    dropped: changes.dropped.length,
    rows: touched.reduce((sum, count) => sum + count, 0),
    digest: createHash('sha256').update(JSON.stringify(changes)).digest('base64url'),
  };
}
