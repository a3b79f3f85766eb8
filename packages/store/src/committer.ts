/**
 * One batch at a time against the head. Nearly always one statement on the head as remembered; when
 * that does not fit, a transaction that first locks the head, finds the losers, and commits the rest.
 */
import type { EntryDraft, Intent, Outcome } from '@countersign/broker';
import { type Clock, CountersignError, toInstant } from '@countersign/core';
import { append } from './append.ts';
import { Batch, NOTHING_TAKEN, type Prepared, prepare, type Refusal } from './batch.ts';
import {
  isCertainlyUndone,
  isRowFault,
  type Sql,
  savepoint,
  sqlStateOf,
  type Tx,
  transaction,
  unavailable,
  within,
} from './database.ts';
import { applyEffects, type CommitKeys, EffectLost } from './effects.ts';
import { countWritten, type LedgerHead, raiseFence, unfaithful } from './head.ts';
import type { KekRing } from './kek-ring.ts';
import { KnownHead } from './known-head.ts';
import { findTaken } from './taken.ts';
import { completeTiles } from './tiles.ts';

/** What one intent's caller gets. */
export type Settlement =
  | { readonly ok: true; readonly outcome: Outcome }
  | { readonly ok: false; readonly error: unknown };

export interface CommitterOptions {
  /** A client of its own: reads must not keep a commit waiting. */
  readonly sql: Sql;
  readonly ring: KekRing;
  readonly clock: Clock;
}

/** Entries, and what the head says from them on. */
export interface Amendment {
  readonly entries: readonly EntryDraft[];
  /** True: whatever is being decided meanwhile is decided again. */
  readonly isUrgent?: boolean;
  readonly change: Partial<Pick<LedgerHead, 'kek' | 'tokenFloor'>>;
}

interface Plan {
  readonly draft: Batch;
  readonly outcomes: readonly Outcome[];
}

/** How long an answer may take before its outcome counts as unknown. Server timeouts are shorter. */
const STATEMENT_DEADLINE_MS = 4000;
const TRANSACTION_DEADLINE_MS = 8000;
const OPTIMISTIC_ATTEMPTS = 2;
const LOCKED_ATTEMPTS = 3;

export class Committer {
  readonly #sql: Sql;
  readonly #ring: KekRing;
  readonly #clock: Clock;
  readonly #head: KnownHead;

  constructor({ sql, ring, clock }: CommitterOptions) {
    this.#sql = sql;
    this.#ring = ring;
    this.#clock = clock;
    this.#head = new KnownHead(sql, ring, clock);
  }

  /** Reads the head afresh and checks that it extends what was seen. */
  async refresh(): Promise<LedgerHead> {
    return (await this.#head.look()).head;
  }

  /** The same, with the milliseconds by which this server's clock is ahead of the database's. */
  async look(): Promise<{ readonly head: LedgerHead; readonly clockSkew: number }> {
    return await this.#head.look();
  }

  /** The head as this replica knows it. */
  async known(): Promise<LedgerHead> {
    return this.#head.seen ?? (await this.refresh());
  }

  /**
   * Work on rows that carry a key's mark and are no part of a commit. The head is held meanwhile, so
   * that none of it is written under a key that has just been rotated away.
   */
  async underHead<T>(work: (tx: Tx, head: LedgerHead) => Promise<T>): Promise<T> {
    return await within(
      TRANSACTION_DEADLINE_MS,
      transaction(this.#sql, async (tx) => work(tx, await this.#head.lock(tx))),
    );
  }

  /**
   * Changes what the head itself says, with its entry and whatever else `plan` writes, all or nothing;
   * null from `plan` changes nothing. False then. What was planned on the head before is void: the fence
   * is raised. @throws when it cannot be known whether it happened; looking again tells
   */
  async amend(plan: (tx: Tx, head: LedgerHead) => Promise<Amendment | null>): Promise<boolean> {
    const isDone = await this.underHead(async (tx, head) => {
      const amendment = await plan(tx, head);
      if (amendment === null) return false;
      const now = this.#clock.now();
      const draft = new Batch(head, now, NOTHING_TAKEN);
      draft.accept(prepare(intentOf(amendment), toInstant(now)));
      draft.amend(amendment.change);
      if (!(await this.#append(tx, draft))) throw unfaithful('its locked head changed');
      await raiseFence(tx);
      return true;
    });
    await this.refresh();
    return isDone;
  }

  /** Settles every intent; never throws. */
  async commit(batch: readonly Prepared[]): Promise<readonly Settlement[]> {
    try {
      const outcomes = await this.#commitTogether(batch);
      return outcomes.map((outcome) => ({ ok: true, outcome }));
    } catch (error) {
      // One intent whose rows the database refuses must not fail the others.
      if (isRowFault(error) && batch.length > 1) return this.#commitApart(batch);
      const shown = unavailable('commit', error);
      return batch.map(() => ({ ok: false, error: shown }));
    }
  }

  async #commitApart(batch: readonly Prepared[]): Promise<readonly Settlement[]> {
    const settlements: Settlement[] = [];
    for (const prepared of batch) settlements.push(...(await this.commit([prepared])));
    return settlements;
  }

  async #commitTogether(batch: readonly Prepared[]): Promise<readonly Outcome[]> {
    if (batch.every(({ intent }) => intent.effects.length === 0)) {
      for (let attempt = 0; attempt < OPTIMISTIC_ATTEMPTS; attempt += 1) {
        const result = await this.#commitOnKnown(batch);
        if (result === 'losers') break;
        if (result !== 'behind') return result;
        await this.refresh();
      }
    }
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#commitLocked(batch, attempt < LOCKED_ATTEMPTS);
      if (result !== 'again') return result;
    }
  }

  /** One statement on the remembered head. */
  async #commitOnKnown(
    batch: readonly Prepared[],
  ): Promise<readonly Outcome[] | 'behind' | 'losers'> {
    const known = await this.known();
    if (batch.some(({ intent }) => (intent.authorityVersion ?? 0) > known.authorityVersion)) {
      return 'behind';
    }
    const draft = new Batch(known, this.#clock.now(), NOTHING_TAKEN);
    const outcomes = batch.map((prepared) => draft.refusalOf(prepared) ?? draft.accept(prepared));
    if (outcomes.every(({ outcome }) => outcome !== 'committed')) return outcomes;
    try {
      return (await this.#append(this.#sql, draft)) ? this.#settle(draft, outcomes) : 'behind';
    } catch (error) {
      const state = sqlStateOf(error);
      if (state === '22012' || state === '23505' || state === '23514') return 'losers';
      if (error instanceof CountersignError || isCertainlyUndone(error)) throw error;
      return (await this.#wasWritten(draft, error)) ? this.#settle(draft, outcomes) : 'losers';
    }
  }

  /** A transaction that locks the head first, so that whatever it reads then is the present. */
  async #commitLocked(
    batch: readonly Prepared[],
    mayRepeat: boolean,
  ): Promise<readonly Outcome[] | 'again'> {
    const progress: { planned: Plan | null; isAbandoned: boolean } = {
      planned: null,
      isAbandoned: false,
    };
    const work = transaction(this.#sql, async (tx) => {
      const plan = await this.#plan(tx, batch);
      // Nothing may be written after the caller was told that nothing was.
      if (progress.isAbandoned) throw new Error('abandoned');
      progress.planned = plan;
      if (plan.outcomes.some(({ outcome }) => outcome === 'committed')) {
        if (!(await this.#append(tx, plan.draft))) throw unfaithful('its locked head changed');
      }
      return plan;
    });
    try {
      const { draft, outcomes } = await within(TRANSACTION_DEADLINE_MS, work);
      return this.#settle(draft, outcomes);
    } catch (error) {
      progress.isAbandoned = true;
      if (error instanceof CountersignError) throw error;
      if (isCertainlyUndone(error)) {
        // 22012: a replay id was remembered outside a commit, after it was looked for.
        if (sqlStateOf(error) === '22012' && mayRepeat) return 'again';
        throw error;
      }
      const { planned } = progress;
      if (planned !== null && (await this.#wasWritten(planned.draft, error))) {
        return this.#settle(planned.draft, planned.outcomes);
      }
      if (!mayRepeat) throw error;
      return 'again';
    }
  }

  async #plan(tx: Tx, batch: readonly Prepared[]): Promise<Plan> {
    const head = await this.#head.lock(tx);
    const taken = await findTaken(
      tx,
      batch.map(({ intent }) => intent),
    );
    const draft = new Batch(head, this.#clock.now(), taken);
    const outcomes: Outcome[] = [];
    for (const prepared of batch) {
      const keys = { ring: this.#ring, present: head.kek };
      const refusal = draft.refusalOf(prepared) ?? (await lostEffect(tx, keys, prepared));
      outcomes.push(refusal ?? draft.accept(prepared));
    }
    return { draft, outcomes };
  }

  /** True when written; false when the head was another. @throws when the clocks differ */
  async #append(sql: Sql | Tx, draft: Batch): Promise<boolean> {
    draft.finish();
    const leaves = draft.entries.map((entry) => entry.leafHash);
    const tiles = await completeTiles(sql, draft.base.size, leaves);
    const appended = await within(STATEMENT_DEADLINE_MS, append(sql, draft, tiles));
    if (appended.head === 1) return true;
    this.#head.requireClock(appended.db_now);
    return false;
  }

  #settle(draft: Batch, outcomes: readonly Outcome[]): readonly Outcome[] {
    this.#head.remember(draft.head);
    return outcomes;
  }

  /**
   * After a lost answer: was the batch written? Raising the fence waits for the lost statement if it
   * still runs, and makes it impossible if it does not run yet, so that the answer stays true.
   */
  async #wasWritten(draft: Batch, lost: unknown): Promise<boolean> {
    const places = draft.places();
    if (places.length === 0) throw unknownOutcome(lost);
    try {
      const work = transaction(this.#sql, async (tx) => {
        await raiseFence(tx);
        return countWritten(tx, places);
      });
      const written = await within(TRANSACTION_DEADLINE_MS, work);
      if (written !== 0 && written !== places.length) throw unfaithful('half of a commit is in it');
      await this.refresh();
      return written > 0;
    } catch (error) {
      throw unknownOutcome(error);
    }
  }
}

async function lostEffect(tx: Tx, keys: CommitKeys, { intent }: Prepared): Promise<Refusal | null> {
  if (intent.effects.length === 0) return null;
  try {
    await savepoint(tx, (inner) => applyEffects(inner, keys, intent.effects));
    return null;
  } catch (error) {
    if (error instanceof EffectLost) return { outcome: 'conflict', what: error.kind };
    throw error;
  }
}

function unknownOutcome(error: unknown): CountersignError {
  return unavailable('say whether the commit happened', error);
}

function intentOf({ entries, isUrgent }: Amendment): Intent {
  return {
    entries,
    authorityVersion: null,
    changesAuthority: isUrgent ?? false,
    notAfter: null,
    once: [],
    uses: [],
    lease: null,
    effects: [],
  };
}
