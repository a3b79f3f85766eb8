/** The ledger as the use cases know it: `commit` behind a group commit, and reads by keyset. */
import type {
  AuthorityJournalEntry,
  Intent,
  Journal,
  JournalEntry,
  Outcome,
  PresentHead,
} from '@countersign/broker';
import { type Clock, isUuid, toInstant } from '@countersign/core';
import { extendChain, leafHash } from '@countersign/ledger';
import { AUTHORITY_CHANNEL } from './append.ts';
import { prepare } from './batch.ts';
import type { Committer } from './committer.ts';
import { arrayOf, guarded, guardedRead, type Sql } from './database.ts';
import { type CommittedBatch, GroupCommit } from './group-commit.ts';
import { chainBefore, isEqual, unfaithful } from './head.ts';
import { openProven } from './proven.ts';

interface EntryRow {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly time: Date;
  readonly bytes: Uint8Array;
  readonly leaf_hash: Uint8Array;
}

/** Entries fetched at a time; an entry has at most 64 KiB. */
const ROWS = 256;

export interface JournalOptions {
  readonly committer: Committer;
  /** For everything but commits. */
  readonly sql: Sql;
  readonly clock: Clock;
  readonly onBatch: ((batch: CommittedBatch) => void) | null;
}

export interface OpenJournal extends Journal {
  /** Resolves when no commit is in flight. */
  idle(): Promise<void>;
}

export function openJournal({ committer, sql, clock, onBatch }: JournalOptions): OpenJournal {
  const group = new GroupCommit(async (gathering) => {
    const began = performance.now();
    const settlements = await committer.commit(gathering);
    onBatch?.({ intents: settlements.length, milliseconds: performance.now() - began });
    return settlements;
  });
  async function commit(intents: readonly Intent[]): Promise<readonly Outcome[]> {
    const time = toInstant(clock.now());
    const prepared = intents.map((intent) => prepare(intent, time));
    const settlements = await Promise.all(prepared.map((one) => group.add(one)));
    return settlements.map((settlement) => {
      if (!settlement.ok) throw settlement.error;
      return settlement.outcome;
    });
  }

  async function* read(from: number, to: number): AsyncGenerator<JournalEntry> {
    let next = from;
    while (next < to) {
      const rows = await guardedRead(
        'read the ledger',
        () => sql<EntryRow[]>`
        select index, id, type, time, bytes, leaf_hash from countersign.entries
        where index >= ${next} and index < ${to} order by index limit ${ROWS}`,
      );
      for (const row of rows) yield toEntry(row);
      const last = rows.at(-1);
      if (last === undefined) return;
      next = last.index + 1;
    }
  }

  async function* readAuthority(
    from: number,
    before?: Uint8Array,
  ): AsyncGenerator<AuthorityJournalEntry> {
    const head = await committer.refresh();
    let chain = before ?? (await guardedRead('read the ledger', () => chainBefore(sql, from)));
    let next = from;
    for (;;) {
      const rows = await guardedRead(
        'read the ledger',
        () => sql<EntryRow[]>`
        select index, id, type, time, bytes, leaf_hash from countersign.entries
        where authority and index >= ${next} and index < ${head.size} order by index limit ${ROWS}`,
      );
      for (const row of rows) {
        // Law 1: the bytes count, not what a row says of them.
        const leaf = leafHash(row.bytes);
        if (!isEqual(leaf, row.leaf_hash)) throw unfaithful(`entry ${row.index} was changed`);
        // Nor has their order room for two at one place, of which a fold would leave one out.
        if (row.index < next) throw unfaithful(`two entries stand at place ${row.index}`);
        chain = extendChain(chain, leaf);
        next = row.index + 1;
        yield { ...toEntry(row), chain };
      }
      if (rows.length < ROWS) break;
    }
    // Law 1: an authority entry that is hidden, a revocation say, is as bad as one that is forged.
    if (from <= head.size && !isEqual(chain, head.authorityChain)) {
      throw unfaithful('authority entries are missing or were changed');
    }
  }

  return {
    commit,
    read,
    readAuthority,
    idle: () => group.idle(),
    ...openProven(committer, sql),

    async head(): Promise<PresentHead> {
      const { head, clockSkew } = await committer.look();
      const { size, root, authorityVersion, authorityChain, time } = head;
      return { size, root, authorityVersion, authorityChain, time, clockSkew };
    },

    async page({ after, limit, descending, types, agent }) {
      if (agent !== null && !isUuid(agent)) return [];
      const beyond = descending ? sql`index < ${after}` : sql`index > ${after}`;
      const rows = await guardedRead(
        'read the ledger',
        () => sql<EntryRow[]>`
        select index, id, type, time, bytes, leaf_hash from countersign.entries
        where ${after === null ? sql`true` : beyond}
          ${types === null ? sql`` : sql`and type = any(${arrayOf(sql, 'text', types)}::text[])`}
          ${agent === null ? sql`` : sql`and agent = ${agent}`}
        order by index ${descending ? sql`desc` : sql`asc`} limit ${limit}`,
      );
      return rows.map(toEntry);
    },

    async onAuthorityChange(listener) {
      // The second function runs on every (re)connection: what was missed meanwhile is caught up with.
      const { unlisten } = await guarded('listen for changes', () =>
        sql.listen(AUTHORITY_CHANNEL, listener, listener),
      );
      return () => guarded('stop listening', unlisten);
    },
  };
}

function toEntry(row: EntryRow): JournalEntry {
  const { index, id, type, bytes } = row;
  return { index, id, type, time: row.time.toISOString(), bytes, leafHash: row.leaf_hash };
}
