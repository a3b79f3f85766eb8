/**
 * Edits that nobody chose: any value of any row of the tables below, flipped, moved, swapped, deleted, doubled,
 * or replaced by one of another row, of another column, of an earlier day or of another deployment. Tiles,
 * snapshots and counts for reports are not among them.
 */
import fc from 'fast-check';
import type postgres from 'postgres';
import type { Edit } from './judge.ts';

export interface RandomEdit {
  readonly what: (typeof WHAT)[number];
  /** Where, each as a fraction of how much there is. */
  readonly table: number;
  readonly column: number;
  readonly row: number;
  readonly other: number;
  readonly otherColumn: number;
}

const WHAT = [
  'flip',
  'swap two rows’',
  'take another row’s',
  'take another column’s',
  'take an earlier day’s',
  'take another deployment’s',
  'delete the row of',
  'double the row of',
  'bring back an earlier row of',
] as const;

/** Not drawn to the ends, which are the same few rows. */
const fraction = fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((n) => n / 1_000_000);

export const anyEdit: fc.Arbitrary<RandomEdit> = fc.record({
  what: fc.constantFrom(...WHAT),
  table: fraction,
  column: fraction,
  row: fraction,
  other: fraction,
  otherColumn: fraction,
});

interface Column {
  readonly name: string;
  readonly type: string;
}

/** Tables, each as often as what hangs on it is worth. */
const TABLES = [
  ...Array<string>(6).fill('entries'),
  ...Array<string>(3).fill('head'),
  ...Array<string>(3).fill('sealed_keys'),
  ...Array<string>(2).fill('sealed_credentials'),
  ...Array<string>(2).fill('leases'),
  ...Array<string>(2).fill('grant_uses'),
  'invitations',
  'access_requests',
  'replay_ids',
  'replicas',
  'migrations',
];

/** What an edit came to, once it met the rows there are. */
export interface Made {
  /** In words, for whoever reads a failure. */
  readonly words: string;
  /** Whether it changed what somebody relies on: the ledger, keys, credentials, live leases, counters. */
  readonly matters: boolean;
}

/** Makes it; null where PostgreSQL, or the lack of rows, allows no such edit. */
async function make(sql: postgres.Sql, edit: RandomEdit): Promise<Made | null> {
  const table = pick(TABLES, edit.table);
  const columns = await columnsOf(sql, table);
  const column = pick(columns, edit.column);
  const text = sqlOf(table, columns, column, edit);
  if (text === null) return null;
  const before = await reliedOn(sql);
  try {
    await sql.unsafe(text);
  } catch {
    if (!(await loosened(sql, table, text))) return null;
  }
  const after = await reliedOn(sql);
  return {
    words: `${edit.what} ${table}.${column.name}`,
    matters: isReliedOn(table, column.name, edit.what) && isLess(before, after),
  };
}

function pick<T>(from: readonly T[], at: number): T {
  const found = from[Math.floor(at * from.length)];
  if (found === undefined) throw new Error('there is nothing to pick from');
  return found;
}

async function columnsOf(sql: postgres.Sql, table: string): Promise<readonly Column[]> {
  return await sql<Column[]>`
    select a.attname as name, format_type(a.atttypid, null) as type from pg_attribute a
    where a.attrelid = ${`countersign.${table}`}::regclass and a.attnum > 0 and not a.attisdropped
    order by a.attnum`;
}

function sqlOf(
  table: string,
  columns: readonly Column[],
  column: Column,
  edit: RandomEdit,
): string | null {
  const one = rowAt('countersign', table, edit.row);
  const other = rowAt('countersign', table, edit.other);
  const set = (value: string) =>
    `update countersign.${table} set ${column.name} = ${value} where ctid = (${one})`;
  const from = (schema: string) =>
    `(select ${column.name} from ${schema}.${table} where ctid = (${rowAt(schema, table, edit.other)}))`;
  switch (edit.what) {
    case 'flip':
      return set(flipped(column, edit.other));
    case 'swap two rows’':
      return `update countersign.${table} t set ${column.name} = s.value
        from (select a.ctid as place, b.${column.name} as value
          from countersign.${table} a, countersign.${table} b
          where (a.ctid, b.ctid) in (((${one}), (${other})), ((${other}), (${one})))) s
        where t.ctid = s.place`;
    case 'take another row’s':
      return set(from('countersign'));
    case 'take another column’s': {
      const alike = columns.filter(
        ({ type, name }) => type === column.type && name !== column.name,
      );
      return alike.length === 0 ? null : set(pick(alike, edit.otherColumn).name);
    }
    case 'take an earlier day’s':
      return set(from('earlier'));
    case 'take another deployment’s':
      return set(from('other'));
    case 'delete the row of':
      return `delete from countersign.${table} where ctid = (${one})`;
    case 'double the row of':
      return `insert into countersign.${table} select * from countersign.${table} where ctid = (${one})`;
    case 'bring back an earlier row of':
      return `insert into countersign.${table} select * from earlier.${table}
        where ctid = (${rowAt('earlier', table, edit.row)})`;
  }
}

function rowAt(schema: string, table: string, at: number): string {
  return `select ctid from ${schema}.${table} order by ctid
    offset (select floor(${at} * count(*))::int from ${schema}.${table}) limit 1`;
}

function flipped({ name, type }: Column, at: number): string {
  switch (type) {
    case 'bytea':
      return `set_byte(${name}, floor(${at} * octet_length(${name}))::int,
        get_byte(${name}, floor(${at} * octet_length(${name}))::int) # (1 << floor(${at} * 7)::int))`;
    case 'boolean':
      return `not coalesce(${name}, false)`;
    case 'uuid':
      return 'gen_random_uuid()';
    case 'bigint':
    case 'integer':
    case 'smallint':
      return `${name} + ${at < 0.5 ? -1 : 1} * (1 + floor(${at} * 3))::int`;
    case 'timestamp with time zone':
      return `${name} + ${at - 0.5} * interval '10 days'`;
    default:
      return `overlay(${name}::text placing chr(97 + floor(${at} * 26)::int)
        from 1 + floor(${at} * length(${name}::text))::int for 1)::${type}`;
  }
}

/** The same without the constraints that stood in its way. */
async function loosened(sql: postgres.Sql, table: string, text: string): Promise<boolean> {
  try {
    await sql.unsafe(`
      do $$ declare c text; begin
        for c in select conname from pg_constraint where conrelid = 'countersign.${table}'::regclass
          and contype in ('c', 'u', 'p') loop
          execute format('alter table countersign.${table} drop constraint %I', c);
        end loop;
      end $$; ${text}`);
    return true;
  } catch {
    return false;
  }
}

/** What must not be changed unnoticed: columns, and where whole rows must be neither gone nor new. */
const RELIED_ON: Readonly<
  Record<string, { columns: readonly string[]; gone: boolean; more: boolean }>
> = {
  entries: {
    columns: ['index', 'authority', 'counts', 'bytes', 'leaf_hash'],
    gone: true,
    more: true,
  },
  head: {
    columns: [
      'size',
      'root',
      'authority_version',
      'authority_chain',
      'uses_chain',
      'time',
      'token_floor',
      'mac',
    ],
    gone: true,
    more: false,
  },
  // One that is gone is made anew, but the ledger's.
  sealed_keys: { columns: ['public_jwk', 'sealed'], gone: false, more: false },
  sealed_credentials: { columns: ['statement', 'sealed'], gone: true, more: false },
  // Whose row is gone is a stray at the target, and is found there.
  leases: {
    columns: [
      'agent',
      'connection',
      'environment',
      'grants',
      'rights',
      'decision',
      'mac',
      'expires_at',
    ],
    gone: false,
    more: false,
  },
  grant_uses: { columns: ['used'], gone: true, more: false },
};

function isReliedOn(table: string, column: string, what: RandomEdit['what']): boolean {
  const relied = RELIED_ON[table];
  if (relied === undefined) return false;
  if (what === 'delete the row of') return relied.gone;
  if (what === 'double the row of' || what === 'bring back an earlier row of') return relied.more;
  return relied.columns.includes(column);
}

/** All of that as one text, and the sum of uses. */
async function reliedOn(sql: postgres.Sql): Promise<readonly [ledger: string, used: number]> {
  const [row] = await sql<{ parts: string; used: string }[]>`
    select concat_ws('|',
      (select md5(string_agg(concat_ws(',', index, authority, counts, bytes, leaf_hash), ','
        order by index)) from countersign.entries),
      (select md5(string_agg(concat_ws(',', size, root, authority_version, authority_chain,
        uses_chain, time, token_floor, mac), ',')) from countersign.head),
      (select md5(string_agg(concat_ws(',', public_jwk, sealed), ',' order by purpose))
        from countersign.sealed_keys),
      (select md5(string_agg(c::text, ',' order by statement)) from countersign.sealed_credentials c),
      (select md5(string_agg(concat_ws(',', agent, connection, environment, grants, rights, decision,
        mac, expires_at), ',' order by id)) from countersign.leases
        where state in ('pending', 'active'))) as parts,
      (select coalesce(sum(least(used, 1000000)), 0) from countersign.grant_uses) as used`;
  return [row?.parts ?? '', Number(row?.used ?? 0)];
}

/** A counter that says more stops whoever holds the grant, and gives nobody anything. */
function isLess(
  [ledger, used]: readonly [string, number],
  [ledgerNow, usedNow]: readonly [string, number],
): boolean {
  return ledger !== ledgerNow || usedNow < used;
}

/** As `judge` takes edits; `made` is told what it came to. */
export function asEdit(edit: RandomEdit, made: (what: Made | null) => void): Edit {
  return async (sql) => {
    const what = await make(sql, edit);
    made(what);
    return what;
  };
}
