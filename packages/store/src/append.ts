/**
 * Law 4 in one statement: the head is compared and set on its own columns, and everything else hangs
 * on that. It must not read any other table: its snapshot may be older than its wait for the head, so
 * only the head's columns, conditional upserts and unique inserts see what was committed meanwhile.
 */
import { toInstant } from '@countersign/core';
import { encodeRange } from '@countersign/ledger';
import type { Batch } from './batch.ts';
import { arrayOf, type Querier } from './database.ts';
import { macOf } from './head.ts';
import type { Kek } from './kek.ts';
import { macOfLease } from './row-macs.ts';
import type { Tile } from './tiles.ts';

export const AUTHORITY_CHANNEL = 'countersign_authority';

/** Milliseconds by which this server's clock and the database's may differ (Law 4). */
const MAX_SKEW_MS = 5000;

export interface Appended {
  /** 1: the batch is written. 0: the head was another, or the clocks differ; nothing is written. */
  readonly head: 0 | 1;
  /** Milliseconds of the database's clock. */
  readonly db_now: number;
}

/**
 * Writes a finished batch or nothing. Rejects with SQLSTATE 22012 when a replay id was seen or a use
 * was not left, 23505 when an id was taken, 23514 when a counter would pass its bound.
 */
export async function append(
  sql: Querier,
  kek: Kek,
  batch: Batch,
  tiles: readonly Tile[],
): Promise<Appended> {
  const { base, head } = batch;
  const uses = [...batch.uses];
  const [row] = await sql<Appended[]>`
    with head as (
      update countersign.head
      set size = ${head.size}, root = ${head.root}, peaks = ${encodeRange(head.range)},
        authority_version = ${head.authorityVersion}, authority_chain = ${head.authorityChain},
        time = ${head.time}, mac = ${macOf(kek, head)}
      where size = ${base.size} and root = ${base.root}
        and authority_version = ${base.authorityVersion} and fence = ${base.fence}
        and abs(extract(epoch from clock_timestamp()) * 1000 - ${batch.now}) <= ${MAX_SKEW_MS}
      returning 1
    ), once as (
      insert into countersign.replay_ids (id, expires_at)
      select id, expires_at from unnest(
        ${arrayOf(
          sql,
          'text',
          batch.once.map((seen) => seen.id),
        )}::text[],
        ${arrayOf(
          sql,
          'text',
          batch.once.map((seen) => toInstant(seen.expiresAt)),
        )}::text[]::timestamptz[]
      ) as seen (id, expires_at)
      where exists (select from head)
      on conflict do nothing
      returning 1
    ), uses as (
      insert into countersign.grant_uses as kept (grant_id, used, max_uses)
      select grant_id, used, max_uses from unnest(
        ${arrayOf(
          sql,
          'uuid',
          uses.map(([grant]) => grant),
        )}::uuid[],
        ${arrayOf(
          sql,
          'int8',
          uses.map(([, use]) => use.count),
        )}::int8[],
        ${arrayOf(
          sql,
          'int8',
          uses.map(([, use]) => use.max),
        )}::int8[]
      ) as use (grant_id, used, max_uses)
      where exists (select from head)
      on conflict (grant_id) do update
      set used = kept.used + excluded.used, max_uses = excluded.max_uses
      where kept.used + excluded.used <= excluded.max_uses
      returning 1
    ), entries as (
      insert into countersign.entries (index, id, type, time, agent, authority, bytes, leaf_hash)
      select ${base.size}::int8 + n - 1, id, type, ${batch.time}::timestamptz, agent,
        authority::boolean, bytes, leaf_hash
      from unnest(
        ${arrayOf(
          sql,
          'uuid',
          batch.entries.map((entry) => entry.id),
        )}::uuid[],
        ${arrayOf(
          sql,
          'text',
          batch.entries.map((entry) => entry.type),
        )}::text[],
        ${arrayOf(
          sql,
          'uuid',
          batch.entries.map((entry) => entry.agent),
        )}::uuid[],
        ${arrayOf(
          sql,
          'text',
          batch.entries.map((entry) => String(entry.authority)),
        )}::text[],
        ${arrayOf(
          sql,
          'bytea',
          batch.entries.map((entry) => entry.bytes),
        )}::bytea[],
        ${arrayOf(
          sql,
          'bytea',
          batch.entries.map((entry) => entry.leafHash),
        )}::bytea[]
      ) with ordinality as entry (id, type, agent, authority, bytes, leaf_hash, n)
      where exists (select from head)
    ), leases as (
      insert into countersign.leases (id, agent, connection, environment, grants, rights, decision,
        mac, state, created_at, expires_at)
      select id, agent, connection, environment, grants, rights, decision,
        decode(mac, 'hex'), 'pending', ${batch.time}::timestamptz, "expiresAt"
      from jsonb_to_recordset(${sql.json(leaseRows(kek, batch))}) as lease (
        id uuid, agent uuid, connection text, environment text, grants uuid[], rights jsonb,
        decision uuid, mac text, "expiresAt" timestamptz)
      where exists (select from head)
    ), tiles as (
      insert into countersign.tiles (level, index, bytes, root)
      select level, index, bytes, root from unnest(
        ${arrayOf(
          sql,
          'int8',
          tiles.map((tile) => tile.level),
        )}::int8[],
        ${arrayOf(
          sql,
          'int8',
          tiles.map((tile) => tile.index),
        )}::int8[],
        ${arrayOf(
          sql,
          'bytea',
          tiles.map((tile) => tile.bytes),
        )}::bytea[],
        ${arrayOf(
          sql,
          'bytea',
          tiles.map((tile) => tile.root),
        )}::bytea[]
      ) as tile (level, index, bytes, root)
      where exists (select from head)
    )
    select (select count(*) from head)::int as head,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as db_now,
      (select count(*) from (
        select pg_notify(${AUTHORITY_CHANNEL}, '')
        where ${batch.changesAuthority} and exists (select from head)
      ) as notified)::int as notified,
      -- All or nothing: a replay id or a use that was not had divides by zero.
      1 / (case when not exists (select from head) or (
        (select count(*) from once) = ${batch.once.length}
        and (select count(*) from uses) = ${uses.length}
      ) then 1 else 0 end) as whole`;
  if (row === undefined) throw new Error('the commit statement gave no row');
  return row;
}

function leaseRows(kek: Kek, batch: Batch) {
  return batch.leases.map((lease) => ({
    mac: Buffer.from(macOfLease(kek, lease)).toString('hex'),
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
  return Math.abs(now - dbNow) > MAX_SKEW_MS;
}
