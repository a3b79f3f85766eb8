/**
 * The head as this replica knows it: only ever replaced by one that extends it (Law 1), and never read
 * from a database whose clock is another's (Law 4).
 */
import { type Clock, CountersignError } from '@countersign/core';
import { clocksDiffer } from './append.ts';
import { guardedRead, type Sql, type Tx } from './database.ts';
import { type LedgerHead, readHeadRow, readLeaves, verifyHead } from './head.ts';
import type { KekRing } from './kek-ring.ts';

export class KnownHead {
  readonly #sql: Sql;
  readonly #ring: KekRing;
  readonly #clock: Clock;
  #known: LedgerHead | null = null;

  constructor(sql: Sql, ring: KekRing, clock: Clock) {
    this.#sql = sql;
    this.#ring = ring;
    this.#clock = clock;
  }

  /** The head seen last; null before the first look. */
  get seen(): LedgerHead | null {
    return this.#known;
  }

  /**
   * Reads the head afresh and checks that it extends what was seen. With the milliseconds by which this
   * server's clock is ahead of the database's.
   */
  async look(): Promise<{ readonly head: LedgerHead; readonly clockSkew: number }> {
    return await guardedRead('read the head', async () => {
      const seen = this.#known;
      const asked = this.#clock.now();
      const row = await readHeadRow(this.#sql, false);
      const clockSkew = (asked + this.#clock.now()) / 2 - row.db_now;
      const head = await verifyHead(this.#sql, this.#ring, seen, row);
      this.remember(head);
      return { head, clockSkew };
    });
  }

  /** Held against every other commit until the transaction ends. @throws when the clocks differ */
  async lock(tx: Tx): Promise<LedgerHead> {
    const known = this.#known;
    // Both in one round trip, since everybody waits meanwhile. The second sees what the lock waited for.
    const [row, leaves] = await Promise.all([
      readHeadRow(tx, true),
      known === null ? [] : readLeaves(tx, known.size),
    ]);
    this.requireClock(row.db_now);
    return verifyHead(tx, this.#ring, known, row, leaves);
  }

  remember(head: LedgerHead): void {
    const known = this.#known;
    const isLater =
      known === null ||
      head.size > known.size ||
      (head.size === known.size && head.fence >= known.fence);
    if (isLater) this.#known = head;
  }

  /** @throws CountersignError `broker_unavailable` */
  requireClock(dbNow: number): void {
    // Law 4: a server whose clock differs from its database's by more than five seconds denies.
    if (clocksDiffer(this.#clock.now(), dbNow)) {
      throw new CountersignError(
        'broker_unavailable',
        'The clock of this server and that of its database differ by more than five seconds.',
      );
    }
  }
}
