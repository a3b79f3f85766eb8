/**
 * How often limited grants were used, counted from the ledger (Law 1): a row of `grant_uses` may be set back
 * by whoever owns the database, an entry may not. Entries that count are chained on the head, so that none
 * can be hidden; each is read once by each server.
 */
import { decodeEntry, EMPTY_CHAIN, extendChain, leafHash } from '@countersign/ledger';
import type { Querier } from './database.ts';
import { isEqual, type LedgerHead, unfaithful } from './head.ts';

type Counts = ReadonlyMap<string, number>;

interface Counted {
  /** Entries of the ledger that were looked through. */
  readonly size: number;
  readonly chain: Uint8Array;
  readonly counts: Counts;
}

/** Entries fetched at a time. */
const ROWS = 256;

/** Entries by which uses come back. */
const RETURNING: ReadonlySet<string> = new Set(['lease.failed', 'run.finished', 'forward.refused']);

/** By how much an entry of these bytes changes the uses of each grant; empty for one that counts nothing. */
export function usesIn(bytes: Uint8Array): Counts {
  const { type, body } = decodeEntry(bytes);
  const changes = new Map<string, number>();
  const add = (grants: unknown, by: number): void => {
    for (const grant of Array.isArray(grants) ? grants : []) {
      changes.set(String(grant), (changes.get(String(grant)) ?? 0) + by);
    }
  };
  if (type === 'decision') add(body['uses'], 1);
  if (RETURNING.has(type)) add(body['uses_returned'], -1);
  return changes;
}

export class CountedUses {
  #known: Counted = { size: 0, chain: EMPTY_CHAIN, counts: new Map() };

  /**
   * Uses by grant under this head, or one that this server has seen since.
   * @throws CountersignError `broker_unavailable` when entries that count are missing or were changed
   */
  async under(sql: Querier, head: LedgerHead): Promise<Counts> {
    const known = this.#known;
    if (head.size <= known.size) return known.counts;
    const target = head.usesChain ?? EMPTY_CHAIN;
    let { chain, size: next } = known;
    const counts = new Map(known.counts);
    while (!isEqual(chain, target)) {
      const rows = await sql<{ index: number; bytes: Uint8Array }[]>`
        select index, bytes from countersign.entries
        where counts and index >= ${next} and index < ${head.size} order by index limit ${ROWS}`;
      for (const { index, bytes } of rows) {
        chain = extendChain(chain, leafHash(bytes));
        next = index + 1;
        for (const [grant, by] of readUses(bytes)) counts.set(grant, (counts.get(grant) ?? 0) + by);
      }
      // Law 1: a use that is hidden is as bad as a grant that is forged.
      if (rows.length < ROWS && !isEqual(chain, target)) {
        throw unfaithful('entries that count uses are missing or were changed');
      }
    }
    if (head.size > this.#known.size) this.#known = { size: head.size, chain, counts };
    return counts;
  }
}

/** As `usesIn`, of bytes that nobody vouched for yet. */
function readUses(bytes: Uint8Array): Counts {
  try {
    return usesIn(bytes);
  } catch {
    throw unfaithful('an entry that counts uses is none');
  }
}

/** What is used by the word of either: the row may know of uses that were counted before entries were. */
export function mostUsed(rows: Counts, counted: Counts): Counts {
  const most = new Map(rows);
  for (const [grant, used] of counted) most.set(grant, Math.max(most.get(grant) ?? 0, used));
  return most;
}
