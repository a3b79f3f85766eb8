/**
 * What deleting, emptying, overwriting or dropping would take with it, by PostgreSQL's own account, for the humans
 * who are asked to sign: the rows, what cascades from them, what runs then, and who reads them.
 */
import type { Clock } from '@countersign/core';
import { type Deletion, type Loss, type Losses, ProviderError } from '@countersign/provider-kit';
import { type ReachedTable, reachedTables, type TableEvent } from './assess-sql.ts';
import { isSchemaOperation } from './catalog.ts';
import { describeConfig, type PostgresConfig } from './config.ts';
import type { Reached, Target } from './connect.ts';
import { printable } from './escapes/names.ts';
import { type OwnedTable, ownedBy } from './owned.ts';
import { requireHarmlessOwner } from './owner.ts';
import { formatResource, parseResource } from './resource.ts';
import { RowCounts } from './row-counts.ts';
import type { Transaction } from './session.ts';

/** Tables of one deletion; more are counted. */
const NAMED = 20;
/** Names in one line; more are counted. */
const LISTED = 4;
/** Characters of a name, quoted and escaped. */
const LONGEST_NAME = 160;

const EVENTS: ReadonlyMap<string, TableEvent> = new Map([
  ['postgres:delete', 'delete'],
  ['postgres:truncate', 'truncate'],
  ['postgres:update', 'update'],
]);

const ACTIONS: Readonly<Record<string, string>> = {
  'delete c': 'ON DELETE CASCADE',
  'delete n': 'ON DELETE SET NULL',
  'delete d': 'ON DELETE SET DEFAULT',
  'update c': 'ON UPDATE CASCADE',
  'update n': 'ON UPDATE SET NULL',
  'update d': 'ON UPDATE SET DEFAULT',
};

/** `Assessor.assesses`. */
export function takesMore({ operation }: Deletion): boolean {
  return EVENTS.has(operation) || isSchemaOperation(operation);
}

/**
 * Looks in a read-only transaction, with sessions of its own: leases must never wait for a count.
 * @throws ProviderError, `refused` for what is not there
 */
export async function assessDeletion(
  signed: Target,
  config: PostgresConfig,
  { operation, resource }: Deletion,
  clock: Clock,
): Promise<Losses> {
  const event = EVENTS.get(operation);
  const own = signed.inDatabase(config.database);
  try {
    return await own.transaction(async (tx, reached) => {
      await tx.unsafe('SET TRANSACTION READ ONLY');
      const place = {
        place: shown(config.database),
        place_id: describeConfig(config).endpoint,
      };
      const look = { tx, place, counts: new RowCounts(tx, clock) };
      if (event !== undefined) return await lossesOfTable(look, event, resource);
      if (!isSchemaOperation(operation)) return { losses: [], omitted: 0 };
      return await lossesOfSchema(look, reached, { operation, resource });
    });
  } finally {
    await own.close();
  }
}

interface Look {
  readonly tx: Transaction;
  readonly place: { readonly place: string; readonly place_id: string };
  readonly counts: RowCounts;
}

const NOTHING_ELSE = { used_by: null, size: null, backups: null, newest_backup: null };

async function lossesOfTable(look: Look, event: TableEvent, resource: string): Promise<Losses> {
  const named = parseResource(resource);
  if (named === null) throw new ProviderError('refused', `${resource} is not a table.`);
  const reached = await reachedTables(look.tx, named, event);
  if (reached.length === 0) {
    const whole = formatResource({ ...named, columns: null });
    throw new ProviderError('refused', `There is no table ${shown(whole)} in this database.`);
  }
  // A partition's rows are rows of its table, so only the uppermost is shown.
  const tops = reached.filter(
    (table) => !reached.some((other) => isPartOf(table, other) && other.event === table.event),
  );
  const losses: Loss[] = [];
  for (const table of tops.slice(0, NAMED)) {
    const tree = treeOf(table, reached);
    losses.push({
      ...look.place,
      object: shown(wordsFor(table), 3 * LONGEST_NAME),
      used_by: listed([...new Set(tree.flatMap(({ readers }) => readers))]),
      size: table.event === 'update' ? null : tree.reduce((sum, { size }) => sum + size, 0),
      backups: null,
      newest_backup: null,
      rows: await look.counts.of({
        name: table.name,
        isOnly: !table.named && table.kind !== 'p',
        isForeign: tree.some(({ kind }) => kind === 'f'),
        estimated: tree.map(({ tuples }) => tuples),
        references: table.references.map(({ columns }) => columns),
      }),
    });
  }
  const running = reached
    .flatMap(({ runs }) => runs)
    .map((runs) => ({ ...look.place, object: shown(runs, 3 * LONGEST_NAME), ...NOTHING_ELSE }));
  const all = [...losses, ...running.slice(0, NAMED)];
  return { losses: all, omitted: tops.length + running.length - all.length };
}

function isPartOf({ parents }: ReachedTable, { relation }: ReachedTable): boolean {
  return parents.includes(relation);
}

/** A table and every table whose rows are its rows. */
function treeOf(top: ReachedTable, reached: readonly ReachedTable[]): readonly ReachedTable[] {
  const tree = new Set([top]);
  for (const table of tree) {
    for (const other of reached) {
      if (other.event === top.event && isPartOf(other, table)) tree.add(other);
    }
  }
  return [...tree];
}

function wordsFor({ event, name, named, references }: ReachedTable): string {
  if (named) return event === 'update' ? `rows of ${name} overwritten` : `rows of ${name}`;
  const by = references.map(
    ({ constraint, action }) => `${ACTIONS[action] ?? action} of ${constraint}`,
  );
  const how = listed([...new Set(by)]) ?? '';
  if (event === 'delete') return `rows of ${name} that refer to it, ${how}`;
  const columns = new Set(references.flatMap((reference) => reference.columns));
  return `${name}(${[...columns].join(',')}) overwritten, ${how}`;
}

/** SQL on a schema runs as its owner, and ownership ends at no schema. */
async function lossesOfSchema(
  look: Look,
  reached: Reached,
  { operation, resource }: Deletion,
): Promise<Losses> {
  const owner = await requireHarmlessOwner(look.tx, reached, resource, { signed: false });
  const owned = await ownedBy(look.tx, owner, resource);
  const total = owned.tables.reduce((sum, { size }) => sum + size, 0);
  const tables = `${owned.tables.length} ${owned.tables.length === 1 ? 'table' : 'tables'}`;
  const counted = [tables, ...owned.others].join(', ');
  const everything: Loss = {
    ...look.place,
    object: shown(`all that ${owner.role} owns: ${counted}`, 3 * LONGEST_NAME),
    ...NOTHING_ELSE,
    size: total,
  };
  if (operation !== 'postgres:drop') return { losses: [everything], omitted: 0 };
  const losses: Loss[] = [everything];
  for (const table of owned.tables.slice(0, NAMED)) losses.push(await lossOf(look, table));
  return { losses, omitted: Math.max(0, owned.tables.length - NAMED) };
}

async function lossOf(look: Look, table: OwnedTable): Promise<Loss> {
  return {
    ...look.place,
    object: shown(`${table.kind} ${table.name}`, 3 * LONGEST_NAME),
    used_by: listed(table.dependants),
    size: table.size,
    backups: null,
    newest_backup: null,
    rows: await look.counts.of({
      name: table.name,
      isOnly: false,
      isForeign: table.isForeign,
      estimated: table.tuples,
      references: [],
    }),
  };
}

/** Null: none. */
function listed(names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const more = names.length - LISTED;
  const some = names.slice(0, LISTED).map((name) => shown(name));
  return `${some.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** As it may stand before humans: short, and with nothing that steers a terminal. */
function shown(text: string, longest = LONGEST_NAME): string {
  const name = printable(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\uFFFD');
  return name.length <= longest ? name : `${name.slice(0, longest)}…`;
}
