/**
 * Entries that the head vouches for, for whatever the broker itself concludes from one: the database's word
 * for which entry an id names, or for what stands in it, is not enough (Law 1).
 */
import type { Journal, JournalEntry } from '@countersign/broker';
import { CountersignError, isUuid } from '@countersign/core';
import { appendLeaf, decodeEntry, leafHash, rangeRoot } from '@countersign/ledger';
import type { Committer } from './committer.ts';
import { guardedRead, type Sql } from './database.ts';
import { isEqual, unfaithful } from './head.ts';
import { isInTree, rangeAt } from './proofs.ts';

interface Stored {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Entries fetched at a time; an entry has at most 64 KiB. */
const ROWS = 256;

export function openProven(committer: Committer, sql: Sql): Pick<Journal, 'find' | 'readProven'> {
  async function find(id: string): Promise<JournalEntry | null> {
    const rows = await sql<Stored[]>`
      select index, bytes from countersign.entries where id = ${id}`;
    if (rows.length === 0) return null;
    // Looked at after the rows, so that it counts them.
    const head = await committer.refresh();
    const found: JournalEntry[] = [];
    for (const { index, bytes } of rows) {
      const entry = entryOf(index, bytes);
      if (!(await isInTree(sql, head, index, entry.leafHash))) {
        throw unfaithful(`entry ${index} was changed`);
      }
      if (entry.id !== id) throw unfaithful(`entry ${index} has another id`);
      found.push(entry);
    }
    return found[0] ?? null;
  }

  async function* readProven(from: number): AsyncGenerator<JournalEntry> {
    const head = await committer.refresh();
    if (from >= head.size) return;
    let range = await guardedRead('read the tree', () => rangeAt(sql, from));
    while (range.size < head.size) {
      const next = range.size;
      const rows = await guardedRead(
        'read the ledger',
        () => sql<Stored[]>`
        select index, bytes from countersign.entries
        where index >= ${next} and index < ${head.size} order by index limit ${ROWS}`,
      );
      if (rows.length === 0) throw unfaithful(`entry ${next} is missing`);
      for (const { index, bytes } of rows) {
        if (index !== range.size) throw unfaithful(`entry ${range.size} is missing`);
        const entry = entryOf(index, bytes);
        range = appendLeaf(range, entry.leafHash);
        yield entry;
      }
    }
    if (!isEqual(rangeRoot(range), head.root)) {
      throw unfaithful(`an entry from ${from} on was changed`);
    }
  }

  return {
    find: async (id) => (isUuid(id) ? await guardedRead('read the ledger', () => find(id)) : null),
    readProven,
  };
}

/** By its bytes alone: the columns beside them are for looking it up. */
function entryOf(index: number, bytes: Uint8Array): JournalEntry {
  try {
    const { id, type, time } = decodeEntry(bytes);
    return { index, id, type, time, bytes, leafHash: leafHash(bytes) };
  } catch (error) {
    if (error instanceof CountersignError) throw unfaithful(`entry ${index} is none`);
    throw error;
  }
}
