/** What a hand in the database can do with what is public: read entries, write them anew, hash them again. */

import { hash } from 'node:crypto';
import { canonicalBytes } from '@countersign/authority';
import { appendLeaf, emptyRange, encodeRange, leafHash, rangeRoot } from '@countersign/ledger';
import type postgres from 'postgres';
import type { Edit, Outcome } from './judge.ts';

/** An edit by its name, and what it leads to. */
export type NamedEdit = readonly [name: string, leadsTo: Outcome, edit: Edit];

/** Plain SQL, several statements in one transaction. */
export function run(text: string): Edit {
  return (sql) => sql.unsafe(text);
}

interface Row {
  readonly index: string;
  readonly type: string;
  readonly bytes: Buffer;
}

type Json = { [member: string]: unknown };

/** What an entry's envelope holds. */
interface Found {
  readonly row: Row;
  readonly entry: Json;
  readonly statement: Json & { readonly kind: string; readonly id: string; body: Json };
}

async function proposals(sql: postgres.Sql): Promise<readonly Found[]> {
  const rows = await sql<Row[]>`
    select index, type, bytes from countersign.entries
    where type = 'statement.proposed' order by index`;
  return rows.map((row) => {
    const entry = JSON.parse(row.bytes.toString('utf8'));
    const payload = Buffer.from(entry.body.envelope.payload, 'base64url').toString('utf8');
    return { row, entry, statement: JSON.parse(payload) };
  });
}

/** Rewrites the one proposal that matches, as canonical as it was, and hashes its leaf again. */
export function rewrite(
  which: (statement: Found['statement']) => boolean,
  change: (body: Json) => unknown,
): Edit {
  return async (sql) => {
    const found = (await proposals(sql)).find(({ statement }) => which(statement));
    if (found === undefined) throw new Error('no proposal is like that');
    change(found.statement.body);
    const payload = Buffer.from(canonicalBytes(found.statement)).toString('base64url');
    const body = found.entry['body'];
    if (!isObject(body) || !isObject(body['envelope']))
      throw new Error('a proposal has an envelope');
    body['envelope']['payload'] = payload;
    await writeBytes(sql, found.row.index, canonicalBytes(found.entry));
  };
}

/** Rewrites the whole entry at an index that SQL names. */
export function rewriteEntry(where: string, change: (entry: Json) => unknown): Edit {
  return async (sql) => {
    const [row] = await sql.unsafe<Row[]>(
      `select index, type, bytes from countersign.entries where ${where} order by index limit 1`,
    );
    if (row === undefined) throw new Error('no entry is like that');
    const entry = JSON.parse(row.bytes.toString('utf8'));
    change(entry);
    await writeBytes(sql, row.index, canonicalBytes(entry));
  };
}

async function writeBytes(sql: postgres.Sql, index: string, bytes: Uint8Array): Promise<void> {
  await sql`
    update countersign.entries set bytes = ${bytes}, leaf_hash = ${leafHash(bytes)}
    where index = ${index}`;
}

/** The index of the proposal of a statement, for SQL. */
export async function indexOf(sql: postgres.Sql, id: string): Promise<number> {
  const found = (await proposals(sql)).find(({ statement }) => statement.id === id);
  if (found === undefined) throw new Error('no such statement');
  return Number(found.row.index);
}

/** The index of the proposal of the first statement of a kind that matches. */
export async function indexOfKind(
  sql: postgres.Sql,
  kind: string,
  matches: (body: Json) => boolean = () => true,
): Promise<number> {
  const found = (await proposals(sql)).find(
    ({ statement }) => statement.kind === kind && matches(statement.body),
  );
  if (found === undefined) throw new Error('no such statement');
  return Number(found.row.index);
}

/** Appends an entry as a broker would have, its time after all others, with the leaf hash it has. */
export async function append(
  sql: postgres.Sql,
  type: string,
  body: unknown,
  { authority = true } = {},
): Promise<void> {
  const [last] = await sql<{ size: string; time: Date }[]>`
    select count(*) as size, max(time) as time from countersign.entries`;
  const [made] = await sql<{ id: string }[]>`select gen_random_uuid() as id`;
  const time = last?.time ?? new Date();
  const entry = { v: 1, id: made?.id, time: time.toISOString(), type, body };
  const bytes = canonicalBytes(entry);
  await sql`
    insert into countersign.entries (index, id, type, time, authority, bytes, leaf_hash)
    values (${last?.size ?? 0}, ${made?.id ?? ''}, ${type}, ${time}, ${authority}, ${bytes},
      ${leafHash(bytes)})`;
}

/** The tree over whatever entries there are, and the head over that: all of it but the MAC. */
async function rehash(sql: postgres.Sql): Promise<void> {
  const rows = await sql<{ leaf_hash: Buffer; authority: boolean; bytes: Buffer }[]>`
    select leaf_hash, authority, bytes from countersign.entries order by index`;
  let range = emptyRange();
  let chain: Uint8Array = Buffer.alloc(32);
  let version = 0;
  for (const row of rows) {
    range = appendLeaf(range, row.leaf_hash);
    if (!row.authority) continue;
    chain = hash('sha256', Buffer.concat([chain, row.leaf_hash]), 'buffer');
    version += 1;
  }
  await sql`
    update countersign.head set size = ${rows.length}, root = ${rangeRoot(range)},
      peaks = ${encodeRange(range)}, authority_chain = ${chain}, authority_version = ${version}`;
}

/** The edit, and then everything hashed again. */
export function hashedAgain(edit: Edit): Edit {
  return async (sql, scene) => {
    await edit(sql, scene);
    await rehash(sql);
  };
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
