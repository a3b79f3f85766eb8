/**
 * Every row that carries a mark of a key-encryption key, a MAC or a sealed value, table by table: what a
 * rotation must make anew. The head is not here: it changes over by a commit, and the rest follows it.
 */

import { arrayOf, guarded, guardedRead, type Sql } from './database.ts';
import { asc, gt } from './drizzle.ts';
import { type Kek, kekIdOf, type SealPurpose } from './kek.ts';
import type { KekRing } from './kek-ring.ts';
import {
  keepCode,
  macOfCode,
  macOfLease,
  macOfRequest,
  openKeptCode,
  signerOfLease,
  signerOfRequest,
  signerOfSnapshot,
} from './row-macs.ts';
import { bindingOf } from './sealed-keys.ts';
import {
  accessRequests,
  genesisCode,
  invitations,
  leases,
  sealedCredentials,
  sealedKeys,
  type Tables,
} from './tables.ts';

interface MarkedRow {
  readonly key: string;
  /** The key it is under; null when it is under none that is held: edited, or of a key long gone. */
  readonly under: Kek | null;
  /** What the row says now, so that a change made meanwhile is not written over. */
  readonly mark: string;
  /** The mark under another key. Only for a row that is under one. */
  remake(to: Kek): Promise<Remade>;
}

interface Remade {
  readonly mark: string;
  /** Where the mark is a MAC of something secret: that, sealed. Else null. */
  readonly kept: string | null;
}

/** A new mark over the one that was read. */
interface Change extends Remade {
  readonly key: string;
  readonly before: string;
}

export interface MarkedTable {
  readonly name: string;
  /** The column that a rotation is complete without the old key in. */
  readonly column: string;
  /** Rows in the order of their keys, after one. */
  page(after: string | null, limit: number): Promise<readonly MarkedRow[]>;
  /** One statement; rows that are no longer what was read stay as they are. */
  write(changes: readonly Change[]): Promise<void>;
}

interface Access {
  /** Plain, for writing. */
  readonly sql: Sql;
  readonly tables: Tables;
  readonly ring: KekRing;
}

export function markedTables({ sql, tables, ring }: Access): readonly MarkedTable[] {
  return [
    {
      name: 'leases',
      column: 'mac',
      page: async (after, limit) => {
        const beyond = after === null ? undefined : gt(leases.id, after);
        const rows = await guardedRead('read leases', () =>
          tables.select().from(leases).where(beyond).orderBy(asc(leases.id)).limit(limit),
        );
        return rows.map(({ mac, createdAt, expiresAt, ...rest }) => {
          const times = { createdAt: createdAt.getTime(), expiresAt: expiresAt.getTime() };
          const lease = { ...rest, ...times };
          const under = signerOfLease(ring, lease, mac);
          return macRow(rest.id, under, mac, (to) => macOfLease(to, lease));
        });
      },
      write: (changes) => writeMacs(sql, 'leases', changes),
    },
    {
      name: 'access_requests',
      column: 'mac',
      page: async (after, limit) => {
        const { id } = accessRequests;
        const beyond = after === null ? undefined : gt(id, after);
        const rows = await guardedRead('read access requests', () =>
          tables.select().from(accessRequests).where(beyond).orderBy(asc(id)).limit(limit),
        );
        return rows.map(({ mac, createdAt, ...rest }) => {
          const request = { ...rest, createdAt: createdAt.getTime() };
          const under = signerOfRequest(ring, request, mac);
          return macRow(rest.id, under, mac, (to) => macOfRequest(to, request));
        });
      },
      write: (changes) => writeMacs(sql, 'access_requests', changes),
    },
    {
      name: 'sealed_credentials',
      column: 'sealed',
      page: async (after, limit) => {
        const { statement } = sealedCredentials;
        const beyond = after === null ? undefined : gt(statement, after);
        const rows = await guardedRead('read credentials', () =>
          tables
            .select()
            .from(sealedCredentials)
            .where(beyond)
            .orderBy(asc(statement))
            .limit(limit),
        );
        return Promise.all(
          rows.map((row) => sealedRow(ring, 'credential', row.statement, row.sealed)),
        );
      },
      write: (changes) => writeTexts(sql, 'sealed_credentials', 'statement', changes),
    },
    {
      // Whatever its purpose: a row is opened to the binding that stands beside it.
      name: 'sealed_keys',
      column: 'sealed',
      page: async (after, limit) => {
        const { purpose } = sealedKeys;
        const beyond = after === null ? undefined : gt(purpose, after);
        const rows = await guardedRead('read keys', () =>
          tables.select().from(sealedKeys).where(beyond).orderBy(asc(purpose)).limit(limit),
        );
        return Promise.all(
          rows.map((row) =>
            sealedRow(ring, 'key', row.purpose, row.sealed, () =>
              bindingOf(row.purpose, row.publicJwk),
            ),
          ),
        );
      },
      write: (changes) => writeTexts(sql, 'sealed_keys', 'purpose', changes),
    },
    {
      name: 'invitations',
      column: 'code_hash',
      page: async (after, limit) => {
        const { codeHash } = invitations;
        const beyond = after === null ? undefined : gt(codeHash, after);
        const rows = await guardedRead('read invitations', () =>
          tables.select().from(invitations).where(beyond).orderBy(asc(codeHash)).limit(limit),
        );
        return Promise.all(rows.map((row) => codeRow(ring, row)));
      },
      write: (changes) => writeCodes(sql, 'invitations', changes),
    },
    {
      name: 'genesis_code',
      column: 'code_hash',
      page: async (after) => {
        const rows = await guardedRead('read the genesis code', () =>
          tables.select().from(genesisCode),
        );
        const codes = await Promise.all(rows.map((row) => codeRow(ring, row)));
        return codes.filter((code) => after === null || code.key > after);
      },
      write: (changes) => writeCodes(sql, 'genesis_code', changes),
    },
    {
      // Not made anew but dropped, for a server to fold another: the next key vouches for no fold that a
      // thief of this one could have written.
      name: 'snapshots',
      column: 'mac',
      page: async (after, limit) => {
        const beyond = after ?? '';
        const rows = await guardedRead(
          'read snapshots',
          () => sql<{ fold: string; document: string; mac: Uint8Array }[]>`
            select fold, document, mac from countersign.snapshots
            where fold > ${beyond} order by fold limit ${limit}`,
        );
        return rows.map(({ fold, document, mac }) => {
          const under = signerOfSnapshot(ring, document, mac);
          return macRow(fold, under, mac, () => mac);
        });
      },
      write: async (changes) => {
        await guarded(
          'drop snapshots',
          () => sql`
          delete from countersign.snapshots as kept
          using unnest(${column(sql, changes, 'key')}::text[],
            ${column(sql, changes, 'before')}::text[]) as change (key, before)
          where kept.fold = change.key and kept.mac = decode(change.before, 'hex')`,
        );
      },
    },
  ];
}

function macRow(
  key: string,
  under: Kek | null,
  mac: Uint8Array,
  macUnder: (to: Kek) => Uint8Array,
): MarkedRow {
  return {
    key,
    under,
    mark: hex(mac),
    remake: async (to) => ({ mark: hex(macUnder(to)), kept: null }),
  };
}

/** @param bindingOfOlder what a value is bound to that was sealed before the binding was kept with it */
async function sealedRow(
  ring: KekRing,
  purpose: SealPurpose,
  key: string,
  sealed: string,
  bindingOfOlder?: () => Promise<unknown>,
): Promise<MarkedRow> {
  const kek = ring.named(kekIdOf(sealed) ?? '');
  const remake = async (to: Kek): Promise<Remade> => {
    if (kek === null) return { mark: sealed, kept: null };
    try {
      return { mark: await kek.reseal(purpose, sealed, to), kept: null };
    } catch (error) {
      if (bindingOfOlder === undefined) throw error;
      const binding = await bindingOfOlder();
      const plain = await kek.open(purpose, binding, sealed);
      return { mark: await to.seal(purpose, binding, plain), kept: null };
    }
  };
  // What a value says of its key is a hint; that it opens is what counts.
  const opens = kek === null ? false : await remake(kek).then(...YES_OR_NO);
  return { key, under: opens ? kek : null, mark: sealed, remake };
}

async function codeRow(
  ring: KekRing,
  row: { readonly codeHash: string; readonly sealed: string | null },
): Promise<MarkedRow> {
  const kept = row.sealed === null ? null : await openKeptCode(ring, row.sealed).catch(() => null);
  const under =
    kept === null ? null : (ring.keks.find((kek) => macOfCode(kek, kept) === row.codeHash) ?? null);
  return {
    key: row.codeHash,
    under,
    mark: row.codeHash,
    remake: async (to) =>
      kept === null
        ? { mark: row.codeHash, kept: row.sealed }
        : { mark: macOfCode(to, kept), kept: await keepCode(to, kept) },
  };
}

const YES_OR_NO = [() => true, () => false] as const;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

async function writeMacs(sql: Sql, table: string, changes: readonly Change[]): Promise<void> {
  await guarded(
    'write new MACs',
    () => sql`
    update ${sql(`countersign.${table}`)} as kept set mac = decode(change.mark, 'hex')
    from unnest(${column(sql, changes, 'key')}::text[]::uuid[],
      ${column(sql, changes, 'before')}::text[], ${column(sql, changes, 'mark')}::text[]
    ) as change (key, before, mark)
    where kept.id = change.key and kept.mac = decode(change.before, 'hex')`,
  );
}

async function writeTexts(
  sql: Sql,
  table: string,
  key: string,
  changes: readonly Change[],
): Promise<void> {
  await guarded(
    'write values sealed anew',
    () => sql`
    update ${sql(`countersign.${table}`)} as kept set sealed = change.mark
    from unnest(${column(sql, changes, 'key')}::text[],
      ${column(sql, changes, 'before')}::text[], ${column(sql, changes, 'mark')}::text[]
    ) as change (key, before, mark)
    where kept.${sql(key)}::text = change.key and kept.sealed = change.before`,
  );
}

async function writeCodes(sql: Sql, table: string, changes: readonly Change[]): Promise<void> {
  await guarded(
    'write new codes',
    () => sql`
    update ${sql(`countersign.${table}`)} as kept
    set code_hash = change.mark, sealed = change.kept
    from unnest(${column(sql, changes, 'before')}::text[], ${column(sql, changes, 'mark')}::text[],
      ${column(sql, changes, 'kept')}::text[]) as change (before, mark, kept)
    where kept.code_hash = change.before`,
  );
}

function column(sql: Sql, changes: readonly Change[], name: keyof Change) {
  return arrayOf(
    sql,
    'text',
    changes.map((change) => change[name]),
  );
}
