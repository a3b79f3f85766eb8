/**
 * Which servers run, and which key-encryption keys each says it holds: a key that some server does not
 * hold must not be written under. Each row carries a MAC, so that the database owner speaks for nobody.
 */
import { type Clock, toInstant } from '@countersign/core';
import type { Committer } from './committer.ts';
import { arrayOf, guarded, guardedRead, type Tx } from './database.ts';
import { asc } from './drizzle.ts';
import type { Kek } from './kek.ts';
import type { KekRing } from './kek-ring.ts';
import { replicas, type Tables } from './tables.ts';

/** Milliseconds between two announcements of a server. */
export const ANNOUNCE_EVERY = 5_000;
/** Milliseconds after which a server that said nothing counts as gone; two clocks' skew included. */
const SILENCE = 30_000;

/** A running server, in words for the operator. */
export interface Replica {
  readonly id: string;
  /** Host and process, as it names itself. */
  readonly name: string;
  /** Ids of the keys it holds, in its file's order. */
  readonly keks: readonly string[];
  /** False when the row is not what a server with one of our keys wrote. */
  readonly intact: boolean;
  /** The key its announcement is authenticated with; null when it is with none of ours. */
  readonly under: string | null;
}

/** Says, or says again, that a server runs. What is long gone is swept away in passing. */
export async function announce(
  committer: Committer,
  ring: KekRing,
  clock: Clock,
  { id, name }: Pick<Replica, 'id' | 'name'>,
): Promise<void> {
  await guarded('announce this server', () =>
    committer.underHead(async (tx, { kek }) => {
      const row = { id, name, keks: ring.keks.map((each) => each.id), seenAt: clock.now() };
      const mac = kek.mac('replica', documentOf(row));
      const keks = arrayOf(tx, 'text', row.keks);
      const seenAt = toInstant(row.seenAt);
      await tx`
        insert into countersign.replicas (id, name, keks, seen_at, mac)
        values (${id}, ${name}, ${keks}::text[], ${seenAt}, ${mac})
        on conflict (id) do update
        set name = ${name}, keks = ${keks}::text[], seen_at = ${seenAt}, mac = ${mac}`;
      await sweep(tx, row.seenAt);
    }),
  );
}

export async function withdraw(committer: Committer, id: string): Promise<void> {
  await guarded('withdraw this server', () =>
    committer.underHead(async (tx) => {
      await tx`delete from countersign.replicas where id = ${id}`;
    }),
  );
}

/** Forgets servers that have said nothing for a while. */
export async function sweep(tx: Tx, now: number): Promise<void> {
  await tx`delete from countersign.replicas where seen_at < ${toInstant(now - SILENCE)}`;
}

/** The servers that run. */
export async function liveReplicas(
  tables: Tables,
  ring: KekRing,
  now: number,
): Promise<readonly Replica[]> {
  const rows = await guardedRead('read the servers', () =>
    tables.select().from(replicas).orderBy(asc(replicas.name), asc(replicas.id)),
  );
  return rows
    .filter((row) => row.seenAt.getTime() >= now - SILENCE)
    .map(({ id, name, keks, seenAt, mac }) => {
      const under = signerOf(ring, { id, name, keks, seenAt: seenAt.getTime() }, mac);
      return { id, name, keks, intact: under !== null, under: under?.id ?? null };
    });
}

interface Announcement {
  readonly id: string;
  readonly name: string;
  readonly keks: readonly string[];
  readonly seenAt: number;
}

function documentOf({ id, name, keks, seenAt }: Announcement): unknown {
  return { id, name, keks: [...keks], seen_at: toInstant(seenAt) };
}

function signerOf(ring: KekRing, row: Announcement, mac: Uint8Array): Kek | null {
  try {
    return ring.signerOf('replica', documentOf(row), mac);
  } catch {
    return null;
  }
}
