/**
 * Folded authority in the database. Law 1: it is believed for its MAC alone, under the key that the ledger
 * is under now, and only as the beginning of the ledger that the head vouches for.
 */
import { hash, randomUUID } from 'node:crypto';
import { createStateDigests, type KeptStatePart, type StatePart } from '@countersign/authority';
import type { AuthorityPosition, Snapshots, StoredSnapshot } from '@countersign/broker';
import type { Committer } from './committer.ts';
import { guarded, guardedRead, type Querier, type Sql } from './database.ts';
import type { KekRing } from './kek-ring.ts';
import { openParts, packParts } from './snapshot-parts.ts';

interface Row {
  readonly id: string;
  readonly document: string;
  readonly mac: Uint8Array;
}

/** What the MAC covers, in the row as canonical JSON. */
interface SnapshotDocument {
  readonly v: 1;
  readonly fold: string;
  readonly id: string;
  readonly next: number;
  readonly count: number;
  readonly chain: string;
  readonly digests: Readonly<Record<string, string>>;
  /** Of each row of parts, in their order, base64url SHA-256. */
  readonly rows: readonly string[];
}

interface Access {
  readonly sql: Sql;
  readonly ring: KekRing;
  readonly committer: Committer;
  /** Which fold's snapshots are read and written. */
  readonly fold: string;
}

/** Rows of parts read at a time; each has about a mebibyte. */
const ROWS = 4;

export function openSnapshots({ sql, ring, committer, fold }: Access): Snapshots {
  async function readRow(from: Querier): Promise<Row | null> {
    const [row] = await from<Row[]>`
      select id, document, mac from countersign.snapshots where fold = ${fold}`;
    return row ?? null;
  }

  /** Null for a row that none of our keys made, or that a key made which was rotated away. */
  function verified(row: Row, present: string): SnapshotDocument | 'older' | null {
    const document = documentIn(row);
    if (document === null || document.fold !== fold || document.id !== row.id) return null;
    const kek = ring.signerOf('snapshot', document, row.mac);
    if (kek === null) return null;
    // Law 1: whoever got hold of a key that was rotated away vouches for nothing.
    return kek.id === present ? document : 'older';
  }

  async function latest(): Promise<SnapshotDocument | null> {
    const { kek } = await committer.known();
    const row = await readRow(sql);
    const document = row === null ? null : verified(row, kek.id);
    return document === 'older' ? null : document;
  }

  /** Null unless every row is as it was written. Nothing of a row is looked at before that is known. */
  async function readParts({ id, rows }: SnapshotDocument): Promise<KeptStatePart[] | null> {
    const parts: KeptStatePart[] = [];
    const page = async (from: number) => sql<{ number: number; bytes: Uint8Array }[]>`
      select number, bytes from countersign.snapshot_parts
      where snapshot = ${id} and number >= ${from} and number < ${from + ROWS} order by number`;
    let coming = page(0);
    for (let from = 0; from < rows.length; from += ROWS) {
      const found = await coming;
      // The next come over the wire while these are opened.
      if (from + ROWS < rows.length) coming = page(from + ROWS);
      // A failure is thrown where they are awaited. If they never are, nobody needs to hear of it.
      coming.catch(() => undefined);
      const expected = rows.slice(from, from + ROWS);
      const isWhole = expected.every((digest, at) => {
        const row = found[at];
        return row?.number === from + at && digestOf(row.bytes) === digest;
      });
      if (!isWhole) return null;
      for (const { bytes } of found) parts.push(...openParts(bytes));
    }
    return parts;
  }

  async function read(): ReturnType<Snapshots['read']> {
    const { kek } = await committer.known();
    const row = await readRow(sql);
    if (row === null) return { snapshot: null, isForeign: false };
    const document = verified(row, kek.id);
    if (document === 'older') return { snapshot: null, isForeign: false };
    const parts = document === null ? null : await readParts(document);
    if (document !== null && parts !== null) {
      return { snapshot: { ...storedOf(document), parts }, isForeign: false };
    }
    // Another server may have put its own in place meanwhile.
    const now = await readRow(sql);
    return now?.id === row.id ? { snapshot: null, isForeign: true } : await read();
  }

  async function write(at: AuthorityPosition, all: Iterable<StatePart>): Promise<boolean> {
    const id = randomUUID();
    const digests = createStateDigests();
    const rows: string[] = [];
    for await (const bytes of packParts(all, (part) => digests.add(part))) {
      await sql`
        insert into countersign.snapshot_parts (snapshot, number, bytes)
        values (${id}, ${rows.length}, ${bytes})`;
      rows.push(digestOf(bytes));
    }
    const document: SnapshotDocument = {
      v: 1,
      fold,
      id,
      next: at.next,
      count: at.count,
      chain: Buffer.from(at.chain).toString('base64url'),
      digests: digests.finish(),
      rows,
    };
    const gone = await committer.underHead(async (tx, { kek }) => {
      const before = await readRow(tx);
      const present = before === null ? null : verified(before, kek.id);
      if (present !== null && present !== 'older' && present.next > at.next) return id;
      const mac = kek.mac('snapshot', document);
      await tx`
        insert into countersign.snapshots (fold, id, document, mac)
        values (${fold}, ${id}, ${JSON.stringify(document)}, ${mac})
        on conflict (fold) do update set id = excluded.id, document = excluded.document,
          mac = excluded.mac, made_at = now()`;
      return before?.id ?? null;
    });
    if (gone !== null) await sql`delete from countersign.snapshot_parts where snapshot = ${gone}`;
    await sweep();
    return gone !== id;
  }

  /** What versions long gone wrote, and what writers left behind that did not finish. */
  async function sweep(): Promise<void> {
    await sql`
      delete from countersign.snapshots
      where fold <> ${fold} and made_at < now() - interval '7 days'`;
    await sql`
      delete from countersign.snapshot_parts p
      where written_at < now() - interval '1 hour'
        and not exists (select from countersign.snapshots s where s.id = p.snapshot)`;
  }

  return {
    async latest() {
      const document = await guardedRead('look for a snapshot', latest);
      return document === null ? null : storedOf(document);
    },
    read: () => guardedRead('read the snapshot', read),
    write: (at, parts) => guarded('write a snapshot', () => write(at, parts)),
    async discard() {
      await guarded('discard the snapshot', async () => {
        const row = await readRow(sql);
        if (row === null) return;
        await sql`delete from countersign.snapshots where fold = ${fold} and id = ${row.id}`;
        await sql`delete from countersign.snapshot_parts where snapshot = ${row.id}`;
      });
    },
  };
}

function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url');
}

function storedOf({ next, count, chain, digests }: SnapshotDocument): StoredSnapshot {
  return { next, count, chain: new Uint8Array(Buffer.from(chain, 'base64url')), digests };
}

/** What the row says; the MAC tells whether one of ours wrote it. */
function documentIn({ document }: Row): SnapshotDocument | null {
  try {
    const parsed: unknown = JSON.parse(document);
    const isDocument = typeof parsed === 'object' && parsed !== null && 'v' in parsed;
    // Its members are what a MAC of ours was made over, or nobody reads them.
    return isDocument && parsed.v === 1 ? (parsed as SnapshotDocument) : null;
  } catch {
    return null;
  }
}
