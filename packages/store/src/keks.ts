/**
 * The key-encryption keys as a server and an operator handle them: what is held, who else holds it, and
 * the steps by which one takes the place of another. Each step may be stopped and run again.
 */
import type { EntryDraft } from '@countersign/broker';
import { type Clock, CountersignError, type Secret } from '@countersign/core';
import type { Committer } from './committer.ts';
import { guarded, type Sql } from './database.ts';
import type { KekRing } from './kek-ring.ts';
import { type MarkedTable, markedTables } from './marked-rows.ts';
import { announce, liveReplicas, type Replica, sweep, withdraw } from './replicas.ts';
import type { Tables } from './tables.ts';

/** Rows that one transaction of a rotation touches at most. */
const PAGE = 200;
/** Any constant; every version of this product takes the same. */
const LOCK = 7_267_365_106;

/** What is under which key. */
export interface Survey {
  /** Rows by the id of the key they are under. */
  readonly under: ReadonlyMap<string, number>;
  /** `table key` of each row that no held key made: edited by hand, or lost before. */
  readonly foreign: readonly string[];
}

export interface KeyState {
  /** Ids in the order of the file, which is the order they were made in. */
  readonly held: readonly string[];
  /** What the head, and with it all that is written, is under. */
  readonly present: string;
  /** True before genesis: the ledger has no entry to change over at. */
  readonly isEmpty: boolean;
}

export interface Keks {
  /** Reads the head afresh. */
  state(): Promise<KeyState>;
  /**
   * Holds these keys from now on, oldest first. @throws CountersignError `broker_unavailable`, and keeps
   * what it held, when the ledger's head is under none of them
   */
  hold(keys: readonly Secret<Uint8Array>[]): Promise<void>;
  /** Says which keys this server holds; said again at least every 5 seconds. */
  announce(server: { readonly id: string; readonly name: string }): Promise<void>;
  withdraw(id: string): Promise<void>;
  /** The servers that run. */
  replicas(): Promise<readonly Replica[]>;
  /** Runs work that no other process runs meanwhile; null when one does. */
  exclusively<T>(work: () => Promise<T>): Promise<T | null>;
  /**
   * Changes over: from this entry on everything is written under `id`, by every server. Does nothing, and
   * returns who stands in the way, while a running server does not hold that key.
   */
  changeOver(id: string, entry: EntryDraft): Promise<readonly Replica[]>;
  /** Looks at every row that carries a mark of a key. */
  survey(): Promise<Survey>;
  /** Makes anew, in small transactions, whatever is under a key that is not present. Rows made anew. */
  remake(progress: (done: number) => void): Promise<number>;
}

type Page = Awaited<ReturnType<MarkedTable['page']>>;

interface Access {
  readonly ring: KekRing;
  readonly committer: Committer;
  readonly sql: Sql;
  readonly tables: Tables;
  readonly clock: Clock;
}

export function openKeks({ ring, committer, sql, tables, clock }: Access): Keks {
  const marked = markedTables({ sql, tables, ring });

  async function remakeTable(table: MarkedTable, progress: () => void): Promise<void> {
    for await (const rows of pagesOf(table)) {
      const { kek: present } = await committer.known();
      const stale = rows.filter(({ under }) => under !== null && under.id !== present.id);
      if (stale.length === 0) continue;
      const changes = await Promise.all(
        stale.map(async (row) => ({
          key: row.key,
          before: row.mark,
          ...(await row.remake(present)),
        })),
      );
      await table.write(changes);
      stale.forEach(progress);
    }
  }

  return {
    async state() {
      const head = await committer.refresh();
      return {
        held: ring.keks.map((kek) => kek.id),
        present: head.kek.id,
        isEmpty: head.size === 0,
      };
    },

    async hold(keys) {
      if (!(await ring.holdIf(keys, async () => (await committer.refresh()).kek.id))) {
        throw new CountersignError(
          'broker_unavailable',
          'None of the keys is the one the ledger is under; the keys held before stay in use.',
        );
      }
    },

    announce: (server) => announce(committer, ring, clock, server),
    withdraw: (id) => withdraw(committer, id),
    replicas: () => liveReplicas(tables, ring, clock.now()),

    async exclusively(work) {
      const session = await guarded('reserve a session', () => sql.reserve());
      try {
        const [lock] = await guarded(
          'take the lock of a rotation',
          () => session<{ taken: boolean }[]>`select pg_try_advisory_lock(${LOCK}) as taken`,
        );
        if (lock?.taken !== true) return null;
        try {
          return await work();
        } finally {
          await session`select pg_advisory_unlock(${LOCK})`.catch(() => undefined);
        }
      } finally {
        session.release();
      }
    },

    async changeOver(id, entry) {
      let inTheWay: readonly Replica[] = [];
      await guarded('change over to another key-encryption key', () =>
        committer.amend(async (tx, head) => {
          const kek = ring.named(id);
          if (kek === null) throw new Error('a key that is not held');
          if (head.kek.id === id) return null;
          // Under the head, which every announcement holds too: nobody joins unseen.
          await sweep(tx, clock.now());
          const running = await liveReplicas(tables, ring, clock.now());
          inTheWay = running.filter((each) => !each.intact || !each.keks.includes(id));
          if (inTheWay.length > 0) return null;
          return { entries: [entry], change: { kek } };
        }),
      );
      return inTheWay;
    },

    async survey() {
      const under = new Map<string, number>();
      const foreign: string[] = [];
      for (const table of marked) {
        for await (const rows of pagesOf(table)) {
          for (const row of rows) {
            if (row.under === null) foreign.push(`${table.name} ${row.key}`);
            else under.set(row.under.id, (under.get(row.under.id) ?? 0) + 1);
          }
        }
      }
      return { under, foreign };
    },

    async remake(progress) {
      await committer.refresh();
      let done = 0;
      for (const table of marked) {
        await remakeTable(table, () => {
          done += 1;
          progress(done);
        });
      }
      return done;
    },
  };
}

/** Every row of a table, a page at a time, so that no rotation holds all of them. */
async function* pagesOf(table: MarkedTable): AsyncIterable<Page> {
  let after: string | null = null;
  for (;;) {
    const rows: Page = await table.page(after, PAGE);
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.key;
  }
}
