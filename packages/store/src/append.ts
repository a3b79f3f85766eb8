/**
 * Law 4 in one statement: the head is compared and set on its own columns, and everything else hangs
 * on that. It must not read any other table: its snapshot may be older than its wait for the head, so
 * only the head's columns, conditional upserts and unique inserts see what was committed meanwhile.
 */
import { fromInstant, MAX_CLOCK_SKEW, toInstant } from '@countersign/core';
import { encodeRange } from '@countersign/ledger';
import type { Batch } from './batch.ts';
import { arrayOf, type Querier } from './database.ts';
import { macOf } from './head.ts';
import { inOrder } from './replay.ts';
import { macOfLease } from './row-macs.ts';
import type { Tile } from './tiles.ts';

export const AUTHORITY_CHANNEL = 'countersign_authority';

export interface Appended {
  /** 1: the batch is written. 0: the head was another, or the clocks differ; nothing is written. */
  readonly head: 0 | 1;
  /** Milliseconds of the database's clock. */
  readonly db_now: number;
}

/**
 * Writes a finished batch or nothing; it is sent before this returns its promise. Rejects with SQLSTATE 22012 when a replay id was seen or a use
 * was not left, 23505 when an id was taken, 23514 when a counter would pass its bound.
 */
export async function append(
  sql: Querier,
  batch: Batch,
  tiles: readonly Tile[],
): Promise<Appended> {
  const { base, head } = batch;
  // What a batch has none of is not in its statement: most have an entry and a replay id, and every
  // part that the server starts for nothing delays them.
  const parts = [
    partOf(batch.once.length, () => onceOf(sql, batch)),
    partOf(batch.uses.size, () => usesOf(sql, batch)),
    partOf(batch.entries.length, () => entriesOf(sql, batch)),
    partOf(batch.leases.length, () => leasesOf(sql, batch)),
    partOf(tiles.length, () => tilesOf(sql, tiles)),
  ].filter((part) => part !== null);
  const query = sql<Appended[]>`
    with head as (
      update countersign.head
      set size = ${head.size}, root = ${head.root}, peaks = ${encodeRange(head.range)},
        authority_version = ${head.authorityVersion}, authority_chain = ${head.authorityChain},
        uses_chain = ${head.usesChain}, time = ${head.time}, token_floor = ${head.tokenFloor}, mac = ${macOf(head)}
      where size = ${base.size} and root = ${base.root}
        and authority_version = ${base.authorityVersion} and fence = ${base.fence}
        and abs(extract(epoch from clock_timestamp()) * 1000 - ${batch.now}) <= ${MAX_CLOCK_SKEW}
      returning 1
    )${parts.length === 0 ? sql`` : parts.map((part) => sql`, ${part}`)}
    select (select count(*) from head)::int as head,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as db_now
      ${batch.changesAuthority ? notifiedOf(sql) : sql``}
      ${wholeOf(sql, batch)}`;
  const [row] = await query.execute();
  if (row === undefined) throw new Error('the commit statement gave no row');
  return row;
}

type Fragment = ReturnType<Querier>;

function partOf(count: number, make: () => Fragment): Fragment | null {
  return count === 0 ? null : make();
}

function onceOf(sql: Querier, batch: Batch): Fragment {
  const once = inOrder(batch.once);
  const ids = once.map((seen) => seen.id);
  const ends = once.map((seen) => toInstant(seen.expiresAt));
  return sql`once as (
      insert into countersign.replay_ids (id, expires_at)
      select id, expires_at from unnest(
        ${arrayOf(sql, 'text', ids)}::text[],
        ${arrayOf(sql, 'text', ends)}::text[]::timestamptz[]
      ) as seen (id, expires_at)
      where exists (select from head)
      on conflict do nothing
      returning 1
    )`;
}

function usesOf(sql: Querier, batch: Batch): Fragment {
  const uses = [...batch.uses];
  const grants = uses.map(([grant]) => grant);
  const counts = uses.map(([, use]) => use.count);
  const bounds = uses.map(([, use]) => use.max);
  return sql`uses as (
      insert into countersign.grant_uses as kept (grant_id, used, max_uses)
      select grant_id, used, max_uses from unnest(
        ${arrayOf(sql, 'uuid', grants)}::uuid[],
        ${arrayOf(sql, 'int8', counts)}::int8[],
        ${arrayOf(sql, 'int8', bounds)}::int8[]
      ) as use (grant_id, used, max_uses)
      where exists (select from head)
      on conflict (grant_id) do update
      set used = kept.used + excluded.used, max_uses = excluded.max_uses
      where kept.used + excluded.used <= excluded.max_uses
      returning 1
    )`;
}

function entriesOf(sql: Querier, { base, time, entries }: Batch): Fragment {
  const ids = entries.map((entry) => entry.id);
  const types = entries.map((entry) => entry.type);
  const agents = entries.map((entry) => entry.agent);
  const authority = entries.map((entry) => String(entry.authority));
  const bytes = entries.map((entry) => entry.bytes);
  const hashes = entries.map((entry) => entry.leafHash);
  const counts = entries.map((entry) => String(entry.counts));
  return sql`entries as (
      insert into countersign.entries (index, id, type, time, agent, authority, bytes, leaf_hash,
        counts)
      select ${base.size}::int8 + n - 1, id, type, ${time}::timestamptz, agent,
        authority::boolean, bytes, leaf_hash, counts::boolean
      from unnest(
        ${arrayOf(sql, 'uuid', ids)}::uuid[],
        ${arrayOf(sql, 'text', types)}::text[],
        ${arrayOf(sql, 'uuid', agents)}::uuid[],
        ${arrayOf(sql, 'text', authority)}::text[],
        ${arrayOf(sql, 'bytea', bytes)}::bytea[],
        ${arrayOf(sql, 'bytea', hashes)}::bytea[],
        ${arrayOf(sql, 'text', counts)}::text[]
      ) with ordinality as entry (id, type, agent, authority, bytes, leaf_hash, counts, n)
      where exists (select from head)
    )`;
}

function leasesOf(sql: Querier, batch: Batch): Fragment {
  return sql`leases as (
      insert into countersign.leases (id, agent, connection, environment, grants, rights, decision,
        mac, state, created_at, expires_at)
      select id, agent, connection, environment, grants, rights, decision,
        decode(mac, 'hex'), 'pending', ${batch.time}::timestamptz, "expiresAt"
      from jsonb_to_recordset(${sql.json(leaseRows(batch))}) as lease (
        id uuid, agent uuid, connection text, environment text, grants uuid[], rights jsonb,
        decision uuid, mac text, "expiresAt" timestamptz)
      where exists (select from head)
    )`;
}

function tilesOf(sql: Querier, tiles: readonly Tile[]): Fragment {
  const levels = tiles.map((tile) => tile.level);
  const indices = tiles.map((tile) => tile.index);
  const bytes = tiles.map((tile) => tile.bytes);
  const roots = tiles.map((tile) => tile.root);
  return sql`tiles as (
      insert into countersign.tiles (level, index, bytes, root)
      select level, index, bytes, root from unnest(
        ${arrayOf(sql, 'int8', levels)}::int8[],
        ${arrayOf(sql, 'int8', indices)}::int8[],
        ${arrayOf(sql, 'bytea', bytes)}::bytea[],
        ${arrayOf(sql, 'bytea', roots)}::bytea[]
      ) as tile (level, index, bytes, root)
      where exists (select from head)
    )`;
}

function notifiedOf(sql: Querier): Fragment {
  return sql`, (select count(*) from (
        select pg_notify(${AUTHORITY_CHANNEL}, '') where exists (select from head)
      ) as notified)::int as notified`;
}

/** All or nothing: a replay id or a use that was not had divides by zero. */
function wholeOf(sql: Querier, { once, uses }: Batch): Fragment {
  if (once.length === 0 && uses.size === 0) return sql``;
  const had = once.length === 0 ? sql`true` : sql`(select count(*) from once) = ${once.length}`;
  const left = uses.size === 0 ? sql`true` : sql`(select count(*) from uses) = ${uses.size}`;
  return sql`, 1 / (case when not exists (select from head) or (${had} and ${left})
        then 1 else 0 end) as whole`;
}

function leaseRows({ head, leases, time }: Batch) {
  const createdAt = fromInstant(time);
  return leases.map((lease) => ({
    mac: Buffer.from(macOfLease(head.kek, { ...lease, createdAt })).toString('hex'),
    id: lease.id,
    agent: lease.agent,
    connection: lease.connection,
    environment: lease.environment,
    grants: [...lease.grants],
    rights: lease.rights.map((right) => ({ ...right })),
    decision: lease.decision,
    expiresAt: toInstant(lease.expiresAt),
  }));
}

/** True when the clocks are too far apart to decide anything. */
export function clocksDiffer(now: number, dbNow: number): boolean {
  return Math.abs(now - dbNow) > MAX_CLOCK_SKEW;
}
