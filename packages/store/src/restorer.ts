/**
 * Brings a restored database up to its mirror: entries with the times they had, in one transaction with what
 * is said about them, so that a stop at any step leaves all of it to the next start, or nothing.
 */
import type { Restorer } from '@countersign/broker';
import { fromInstant, toInstant } from '@countersign/core';
import {
  appendLeaf,
  decodeEntry,
  encodeEntry,
  encodeRange,
  extendChain,
  leafHash,
  rangeRoot,
} from '@countersign/ledger';
import { AUTHORITY_CHANNEL } from './append.ts';
import type { Committer } from './committer.ts';
import { arrayOf, guarded, guardedRead, type Sql, type Tx } from './database.ts';
import { isEqual, type LedgerHead, macOf, requireExtension, unfaithful } from './head.ts';
import { rangeAt } from './proofs.ts';
import { completeTiles } from './tiles.ts';

/** Entries in one statement. */
const ROWS = 256;
/** Milliseconds: a restore may replay months. Nobody is served meanwhile. */
const LONGEST = 600_000;

export function openRestorer(committer: Committer, sql: Sql): Restorer {
  return {
    async rootAt(size) {
      const head = await committer.refresh();
      return await guardedRead('read the tree', () => rootAt(sql, size, head));
    },
    async replay(expected, entries, last) {
      const isDone = await guarded('replay what the mirror has', () =>
        committer.underHead(async (tx, head) => {
          // Law 4: of two servers that found the same, one does it.
          if (head.size !== expected.size || !isEqual(head.root, expected.root)) return false;
          for (const bound of ['statement_timeout', 'idle_in_transaction_session_timeout']) {
            await tx`select set_config(${bound}, ${String(LONGEST)}, true)`;
          }
          await write(tx, head, entries, last);
          return true;
        }, LONGEST),
      );
      if (isDone) await committer.refresh();
      return isDone;
    },
  };
}

interface Verbatim {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly bytes: Uint8Array;
  readonly leafHash: Uint8Array;
}

async function write(
  tx: Tx,
  head: LedgerHead,
  given: readonly Uint8Array[],
  last: Parameters<Restorer['replay']>[2],
): Promise<void> {
  const rows = given.map(verbatim);
  let { tokenFloor } = head;
  if (last !== null) {
    // Law 4: time never runs behind the ledger; what is replayed may be of a clock that was ahead.
    const [now] = await tx<{ ms: number }[]>`
      select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`;
    const latest = rows.at(-1)?.time ?? head.time;
    const time = toInstant(Math.max(Math.floor(now?.ms ?? 0), fromInstant(latest)));
    rows.push(verbatim(encodeEntry({ v: 1, ...last.entry, time })));
    if (last.endsTokens) tokenFloor = time;
  }
  let { range, authorityChain } = head;
  for (const row of rows) {
    range = appendLeaf(range, row.leafHash);
    authorityChain = extendChain(authorityChain, row.leafHash);
  }
  const next: LedgerHead = {
    ...head,
    size: range.size,
    root: rangeRoot(range),
    range,
    authorityChain,
    authorityVersion: head.authorityVersion + 1,
    time: rows.at(-1)?.time ?? head.time,
    tokenFloor,
  };
  const leaves = rows.map((row) => row.leafHash);
  const tiles = await completeTiles(tx, head.size, leaves);
  for (let from = 0; from < rows.length; from += ROWS) {
    await insert(tx, head.size + from, rows.slice(from, from + ROWS));
  }
  for (const { level, index, bytes, root } of tiles) {
    await tx`
      insert into countersign.tiles (level, index, bytes, root)
      values (${level}, ${index}, ${bytes}, ${root})`;
  }
  // What was prepared on the head before is void.
  await tx`
    update countersign.head
    set size = ${next.size}, root = ${next.root}, peaks = ${encodeRange(next.range)},
      authority_version = ${next.authorityVersion}, authority_chain = ${next.authorityChain},
      time = ${next.time}, token_floor = ${next.tokenFloor}, mac = ${macOf(next)},
      fence = fence + 1`;
  await tx`select pg_notify(${AUTHORITY_CHANNEL}, '')`;
}

function verbatim(bytes: Uint8Array): Verbatim {
  const { id, type, time } = decodeEntry(bytes);
  return { id, type, time, bytes, leafHash: leafHash(bytes) };
}

/** All of them carry authority: nothing else is mirrored whole. */
async function insert(tx: Tx, first: number, rows: readonly Verbatim[]): Promise<void> {
  const texts = (of: (row: Verbatim) => string) => arrayOf(tx, 'text', rows.map(of));
  await tx`
    insert into countersign.entries (index, id, type, time, agent, authority, bytes, leaf_hash)
    select ${first}::int8 + n - 1, id::uuid, type, time::timestamptz, null, true, bytes, leaf_hash
    from unnest(
      ${texts((row) => row.id)}::text[],
      ${texts((row) => row.type)}::text[],
      ${texts((row) => row.time)}::text[],
      ${arrayOf(
        tx,
        'bytea',
        rows.map((row) => row.bytes),
      )}::bytea[],
      ${arrayOf(
        tx,
        'bytea',
        rows.map((row) => row.leafHash),
      )}::bytea[]
    ) with ordinality as entry (id, type, time, bytes, leaf_hash, n)`;
}

/**
 * The root of the first entries: O(log n) reads of tiles and, at the right edge, leaf hashes, and every leaf
 * from there to the head, whose root they have to add up to.
 */
async function rootAt(sql: Sql, size: number, head: LedgerHead): Promise<Uint8Array> {
  if (size > head.size) throw unfaithful(`it has no entry ${size - 1}`);
  const range = await rangeAt(sql, size);
  // Law 1: what rows say of the tree counts where it is that of the head, which has a MAC.
  await requireExtension(sql, range, head);
  return rangeRoot(range);
}
