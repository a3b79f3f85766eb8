/**
 * Rows, counted for people who decide by the number: all of them where that is done in time, else as many as were
 * seen and what the statistics say, each called what it is. A count must not become a burden to who else works there.
 */
import type { Clock } from '@countersign/core';
import type { RowCount } from '@countersign/provider-kit';
import postgres from 'postgres';
import { INSUFFICIENT_PRIVILEGE, LOCK_NOT_AVAILABLE } from './driver-error.ts';
import type { Transaction } from './session.ts';

/** Milliseconds for all counts of one deletion, and for one of them. */
const ALL_COUNTS = 5_000;
const ONE_COUNT = 2_000;
/** Milliseconds for all looks at first rows, where not all can be counted, and for one of them. */
const ALL_LOOKS = 2_000;
const ONE_LOOK = 500;
/** As many rows are looked for then. */
const FIRST = 10_000;
const QUERY_CANCELED = '57014';

export interface Counted {
  /** Qualified and quoted. */
  readonly name: string;
  /** True: without the tables that inherit from it. */
  readonly isOnly: boolean;
  /** True when rows of it are on another server, which is not asked. */
  readonly isForeign: boolean;
  /** `pg_class.reltuples` of the table and of its parts. */
  readonly estimated: readonly number[];
  /** Quoted columns of foreign keys: counted are rows of which one is set as a whole. Empty: every row. */
  readonly references: readonly (readonly string[])[];
}

export class RowCounts {
  readonly #tx: Transaction;
  readonly #clock: Clock;
  readonly #end: number;

  constructor(tx: Transaction, clock: Clock) {
    this.#tx = tx;
    this.#clock = clock;
    this.#end = clock.now() + ALL_COUNTS;
  }

  /** In a transaction that goes on whatever a count comes to. */
  async of({ name, isOnly, isForeign, estimated, references }: Counted): Promise<RowCount> {
    const known = estimated.filter((tuples) => tuples >= 0);
    const estimate =
      known.length === 0 ? null : Math.round(known.reduce((sum, tuples) => sum + tuples, 0));
    const unseen = { counted: null, complete: false, estimated: estimate };
    if (isForeign) return unseen;
    const set = references.map(
      (columns) => `(${columns.map((column) => `${column} IS NOT NULL`).join(' AND ')})`,
    );
    const where = set.length === 0 ? '' : ` WHERE ${[...new Set(set)].join(' OR ')}`;
    const rows = `FROM ${isOnly ? 'ONLY ' : ''}${name}${where}`;
    const left = this.#end - this.#clock.now();
    const all = await this.#count(rows, Math.min(ONE_COUNT, left));
    if (typeof all === 'number') return { counted: all, complete: true, estimated: null };
    if (all === 'unseen') return unseen;
    const some = await this.#count(
      `FROM (SELECT ${rows} LIMIT ${FIRST}) AS seen`,
      Math.min(ONE_LOOK, this.#end + ALL_LOOKS - this.#clock.now()),
    );
    return { ...unseen, counted: typeof some === 'number' ? some : null };
  }

  /** @returns `late` when it took too long, `unseen` when rows are hidden from this role, or locked away */
  async #count(rows: string, limit: number): Promise<number | 'late' | 'unseen'> {
    const tx = this.#tx;
    if (limit <= 0) return 'late';
    await tx.unsafe('SAVEPOINT counting');
    try {
      // Row security would hide rows from the count; switched off it makes the count fail instead.
      await tx`
        SELECT set_config('statement_timeout', ${String(Math.ceil(limit))}::text, true),
          set_config('lock_timeout', ${String(ONE_LOOK)}::text, true),
          set_config('row_security', 'off', true)`;
      const [row] = await tx.unsafe<{ count: number }[]>(
        `SELECT count(*)::float8 AS count ${rows}`,
      );
      await tx.unsafe('RELEASE SAVEPOINT counting');
      return row?.count ?? 'unseen';
    } catch (error) {
      if (!(error instanceof postgres.PostgresError)) throw error;
      const isLate = error.code === QUERY_CANCELED;
      if (!isLate && error.code !== INSUFFICIENT_PRIVILEGE && error.code !== LOCK_NOT_AVAILABLE) {
        throw error;
      }
      await tx.unsafe('ROLLBACK TO SAVEPOINT counting');
      return isLate ? 'late' : 'unseen';
    }
  }
}
