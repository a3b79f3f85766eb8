/**
 * One batch at a time against the head. A server that commits alone needs one statement on the head as it
 * remembers it. Where others commit too it would mostly be behind: it takes its turn at the head instead,
 * in a transaction that locks it first. Where an intent has lost, that finds out which.
 */
import type { Outcome } from '@countersign/broker';
import { type Clock, CountersignError, toInstant } from '@countersign/core';
import { type Amendment, amendingIntent } from './amendment.ts';
import { append } from './append.ts';
import { Batch, NOTHING_TAKEN, type Prepared, prepare, type Taken } from './batch.ts';
import { CountedUses, mostUsed } from './counted-uses.ts';
import {
  guardedRead,
  isCertainlyUndone,
  isRowFault,
  type Querier,
  type Sql,
  sqlStateOf,
  type Tx,
  transaction,
  unavailable,
  within,
} from './database.ts';
import { applyOrLose } from './effects.ts';
import type { Gathering } from './group-commit.ts';
import { type LedgerHead, raiseFence, unfaithful } from './head.ts';
import type { KekRing } from './kek-ring.ts';
import { KnownHead } from './known-head.ts';
import { isInTree } from './proofs.ts';
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

interface Plan {
  readonly draft: Batch;
  readonly outcomes: readonly Outcome[];
}

/** How long an answer may take before its outcome counts as unknown. Server timeouts are shorter. */
const STATEMENT_DEADLINE_MS = 4000;
const TRANSACTION_DEADLINE_MS = 8000;
const LOCKED_ATTEMPTS = 4;
/** Commits in turn after the last one before which another server wrote. */
const TURNS = 16;

export class Committer {
  readonly #sql: Sql;
  readonly #ring: KekRing;
  readonly #clock: Clock;
  readonly #head: KnownHead;
  readonly #uses = new CountedUses();
  /** Commits left that take their turn, because others write too. */
  #turns = 0;

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

  /** Uses of limited grants as the ledger counts them, under a head no older than the one known. */
  async counted(): Promise<ReadonlyMap<string, number>> {
    const head = await this.known();
    return await guardedRead('count uses', () => this.#uses.under(this.#sql, head));
  }

  /** The same under a head that is held. */
  async countedUnder(tx: Tx, head: LedgerHead): Promise<ReadonlyMap<string, number>> {
    return await this.#uses.under(tx, head);
  }

  /**
   * Work on rows that carry a key's mark and are no part of a commit. The head is held meanwhile, so
   * that none of it is written under a key that has just been rotated away. `deadline` in milliseconds.
   */
  async underHead<T>(
    work: (tx: Tx, head: LedgerHead) => Promise<T>,
    deadline = TRANSACTION_DEADLINE_MS,
  ): Promise<T> {
    return await within(
      deadline,
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
      draft.accept(prepare(amendingIntent(amendment), toInstant(now)));
      draft.amend(amendment.change);
      requireWritten(await this.#append(tx, draft));
      await raiseFence(tx);
      return true;
    });
    await this.refresh();
    return isDone;
  }

  /** Settles every intent that is gathered; never throws. */
  async commit(gathering: Gathering): Promise<readonly Settlement[]> {
    try {
      const outcomes = await this.#commitTogether(gathering);
      return outcomes.map((outcome) => ({ ok: true, outcome }));
    } catch (error) {
      const { batch } = gathering;
      // One intent whose rows the database refuses must not fail the others.
      if (isRowFault(error) && batch.length > 1) return this.#commitApart(batch);
      const shown = unavailable('commit', error);
      return batch.map(() => ({ ok: false, error: shown }));
    }
  }

  async #commitApart(batch: readonly Prepared[]): Promise<readonly Settlement[]> {
    const settlements: Settlement[] = [];
    for (const prepared of batch) {
      const alone = [prepared];
      settlements.push(...(await this.commit({ batch: alone, gather: () => alone })));
    }
    return settlements;
  }

  async #commitTogether(gathering: Gathering): Promise<readonly Outcome[]> {
    let findsLosers = gathering.batch.some(({ intent }) => intent.effects.length > 0);
    if (!findsLosers && this.#turns === 0) {
      const result = await this.#commitOnKnown(gathering.batch);
      if (result !== 'behind' && result !== 'losers') return result;
      findsLosers = result === 'losers';
    }
    for (let attempt = 1; ; attempt += 1) {
      const mayRepeat = attempt < LOCKED_ATTEMPTS;
      const result = await this.#commitLocked(gathering, { findsLosers, mayRepeat });
      if (result !== 'again') return result;
      findsLosers = true;
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
    const taken = await guardedRead('count uses', () =>
      this.#used(this.#sql, known, batch, NOTHING_TAKEN),
    );
    const draft = new Batch(known, this.#clock.now(), taken);
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

  /**
   * A transaction that locks the head first, so that whatever it reads then is the present. Without
   * `findsLosers` it reads nothing but the head, and the statement itself refuses a batch with a loser.
   */
  async #commitLocked(
    gathering: Gathering,
    { findsLosers, mayRepeat }: { readonly findsLosers: boolean; readonly mayRepeat: boolean },
  ): Promise<readonly Outcome[] | 'again'> {
    const progress: { planned: Plan | null; isAbandoned: boolean } = {
      planned: null,
      isAbandoned: false,
    };
    const work = transaction(this.#sql, async (tx) => {
      const plan = await this.#plan(tx, gathering, findsLosers);
      // Nothing may be written after the caller was told that nothing was.
      if (progress.isAbandoned) throw new Error('abandoned');
      progress.planned = plan;
      const isEmpty = plan.outcomes.every(({ outcome }) => outcome !== 'committed');
      const sent = isEmpty ? null : await this.#send(tx, plan.draft);
      // Not awaited, since others wait for the head: the end of the transaction is sent right behind it, and
      // undoes it when it failed. Law 4: but no effect without its entry.
      const hasEffects = gathering.batch.some(({ intent }) => intent.effects.length > 0);
      if (hasEffects && sent !== null) requireWritten(await sent.isWritten);
      return { ...plan, sent };
    });
    try {
      const { draft, outcomes, sent } = await within(TRANSACTION_DEADLINE_MS, work);
      if (sent !== null) requireWritten(await sent.isWritten);
      return this.#settle(draft, outcomes);
    } catch (error) {
      progress.isAbandoned = true;
      if (error instanceof CountersignError) throw error;
      if (isCertainlyUndone(error)) {
        if (!findsLosers && isRowFault(error)) return 'again';
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

  async #plan(tx: Tx, gathering: Gathering, findsLosers: boolean): Promise<Plan> {
    const known = this.#head.seen;
    const head = await this.#head.lock(tx);
    this.#turns = head.size === known?.size ? Math.max(0, this.#turns - 1) : TURNS;
    const batch = gathering.gather();
    const intents = batch.map(({ intent }) => intent);
    const found = findsLosers ? await findTaken(tx, intents) : NOTHING_TAKEN;
    const taken = await this.#used(tx, head, batch, found);
    const draft = new Batch(head, this.#clock.now(), taken);
    const outcomes: Outcome[] = [];
    for (const prepared of batch) {
      const keys = { ring: this.#ring, present: head.kek };
      const refusal =
        draft.refusalOf(prepared) ?? (await applyOrLose(tx, keys, prepared.intent.effects));
      outcomes.push(refusal ?? draft.accept(prepared));
    }
    return { draft, outcomes };
  }

  // Law 1: what is left of a limited grant is the ledger's to say, whatever its row was set back to.
  async #used(
    sql: Querier,
    head: LedgerHead,
    batch: readonly Prepared[],
    taken: Taken,
  ): Promise<Taken> {
    if (batch.every(({ intent }) => intent.uses.length === 0)) return taken;
    return { ...taken, used: mostUsed(taken.used, await this.#uses.under(sql, head)) };
  }

  /** True when written; false when the head was another. @throws when the clocks differ */
  async #append(sql: Sql | Tx, draft: Batch): Promise<boolean> {
    return await (await this.#send(sql, draft)).isWritten;
  }

  /** Resolves as soon as the batch is on its way, before whatever is sent on the same connection next. */
  async #send(sql: Sql | Tx, draft: Batch): Promise<{ readonly isWritten: Promise<boolean> }> {
    draft.finish();
    const leaves = draft.entries.map((entry) => entry.leafHash);
    const tiles = await completeTiles(sql, draft.base.size, leaves);
    const answer = within(STATEMENT_DEADLINE_MS, append(sql, draft, tiles));
    const isWritten = answer.then(({ head, db_now }) => {
      if (head === 0) this.#head.requireClock(db_now);
      return head === 1;
    });
    // A transaction that fails first is answered for by its own error.
    isWritten.catch(() => undefined);
    return { isWritten };
  }

  #settle(draft: Batch, outcomes: readonly Outcome[]): readonly Outcome[] {
    this.#head.remember(draft.head);
    return outcomes;
  }

  /**
   * After a lost answer: was the batch written? Raising the fence waits for the lost statement if it
   * still runs, and makes it impossible if it does not run yet, so that the answer stays true. Law 1: the
   * answer is the tree's, since rows without a head over them are no commit.
   */
  async #wasWritten({ base, entries }: Batch, lost: unknown): Promise<boolean> {
    const [first] = entries;
    if (first === undefined) throw unknownOutcome(lost);
    try {
      await within(TRANSACTION_DEADLINE_MS, transaction(this.#sql, raiseFence));
      const head = await this.refresh();
      // All of them or none: one statement sets the head over them.
      return await guardedRead('read the tree', () =>
        isInTree(this.#sql, head, base.size, first.leafHash),
      );
    } catch (error) {
      throw unknownOutcome(error);
    }
  }
}

/** @throws CountersignError `broker_unavailable`: a head that was held has one writer */
function requireWritten(isWritten: boolean): void {
  if (!isWritten) throw unfaithful('its locked head changed');
}

function unknownOutcome(error: unknown): CountersignError {
  return unavailable('say whether the commit happened', error);
}
