/**
 * This replica's fold of the authority entries. Decisions read it without I/O; the version it was
 * folded to is what their commit is fenced on, so staleness costs a retry and never a wrong answer.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { type AuthorityState, copying, emptyState, stateOf } from '@countersign/authority';
import { CountersignError, UnfaithfulLedger } from '@countersign/core';
import type { BrokerLog } from './deps.ts';
import { foldStored } from './fold-stored.ts';
import type {
  AuthorityJournalEntry,
  AuthorityPosition,
  Head,
  Journal,
  Snapshots,
  StoredSnapshot,
} from './ports.ts';

export interface AuthorityCache {
  readonly state: AuthorityState;
  /** The head's authority version this state stands for. */
  readonly version: number;
  /**
   * Folds what other replicas, or this one, appended since. Concurrent calls share one pass.
   * @throws CountersignError `broker_unavailable` once it is in doubt
   */
  refresh(): Promise<void>;
}

/** The same, for whoever keeps snapshots of it. */
export interface AuthorityFold extends AuthorityCache {
  /** The snapshot that this state began with, until it is confirmed; null: all of it was folded here. */
  readonly unconfirmed: StoredSnapshot | null;
  /** The statements come to what the snapshot said. */
  confirm(): void;
  /** They do not: nothing is decided on this state any more. */
  doubt(): void;
  /** How far it is folded. */
  readonly at: AuthorityPosition;
  /** The same, with the state there in maps of its own. */
  copy(): Promise<{ readonly state: AuthorityState; readonly at: AuthorityPosition }>;
}

const BEGINNING: AuthorityPosition = { next: 0, count: 0, chain: new Uint8Array(32) };

/** @param snapshots where a start may begin; null: at the first entry */
export function createAuthorityCache(
  journal: Journal,
  log: BrokerLog,
  snapshots: Snapshots | null = null,
): AuthorityFold {
  const state = emptyState();
  let version = -1;
  let at = BEGINNING;
  let unconfirmed: StoredSnapshot | null = null;
  let isDoubted = false;
  let mayRestore = snapshots !== null;
  let running: Promise<void> | null = null;
  let copied: Promise<unknown> | null = null;
  let again = false;

  async function pass(): Promise<void> {
    do {
      again = false;
      const head = await journal.head();
      if (head.authorityVersion === version) continue;
      await copied;
      if (mayRestore) await restore(head);
      const entries = await readOn();
      if (mayRestore && unconfirmed !== null) {
        log.info({ next: at.next, later: entries.length }, 'began with a snapshot of authority');
      }
      mayRestore = false;
      for (const stored of entries) {
        await foldStored(state, stored, log);
        at = { next: stored.index + 1, count: at.count + 1, chain: stored.chain };
      }
      // The version is named only when nothing came between the head and the last entry folded in.
      const after = await journal.head();
      if (after.authorityVersion === head.authorityVersion) version = head.authorityVersion;
      else again = true;
    } while (again);
    if (isDoubted) throw inDoubt();
  }

  /** All of it before any of it: the journal vouches for what it read only at the end of the stream. */
  async function readOn(): Promise<AuthorityJournalEntry[]> {
    try {
      return await collect(journal.readAuthority(at.next, at.chain));
    } catch (error) {
      // Law 1: what the head does not continue is a snapshot of something else, and counts for nothing.
      if (!(error instanceof UnfaithfulLedger) || !mayRestore || unconfirmed === null) throw error;
      await drop('is of another ledger');
      begin(emptyState(), BEGINNING, null);
      return await collect(journal.readAuthority(at.next, at.chain));
    }
  }

  async function restore({ size }: Head): Promise<void> {
    const { snapshot, isForeign } = (await snapshots?.read()) ?? NO_SNAPSHOT;
    if (isForeign) await drop('was changed by hand, or is of another deployment');
    if (snapshot === null) return;
    if (snapshot.next > size) return await drop('is of another ledger');
    try {
      begin(stateOf(snapshot.parts), snapshot, snapshot);
    } catch {
      await drop('cannot be read');
    }
  }

  /** Not used, and not in the way of the next one. */
  async function drop(why: string): Promise<void> {
    log.warn({ why }, 'the snapshot of authority in the database is not used');
    await snapshots?.discard();
  }

  /** Everyone holds the one state there is: it is filled, never replaced. */
  function begin(
    with_: AuthorityState,
    { next, count, chain }: AuthorityPosition,
    snapshot: StoredSnapshot | null,
  ): void {
    Object.assign(state, with_);
    at = { next, count, chain };
    unconfirmed = snapshot;
  }

  return {
    state,
    get version() {
      return isDoubted ? -1 : version;
    },
    get at() {
      return at;
    },
    get unconfirmed() {
      return unconfirmed;
    },
    async refresh() {
      if (isDoubted) throw inDoubt();
      again = true;
      running ??= pass().finally(() => {
        running = null;
      });
      await running;
    },
    confirm() {
      unconfirmed = null;
    },
    doubt() {
      isDoubted = true;
    },
    async copy() {
      // A pass moves state and position one after the other: there is none while this goes on.
      while (running !== null || copied !== null) await (running ?? copied);
      const copy = inSteps(copying(state));
      copied = copy.finally(() => {
        copied = null;
      });
      const there = at;
      return { state: await copy, at: there };
    },
  };
}

/** Steps taken in one go. */
const AT_ONCE = 2_000;

async function inSteps<T>(steps: Generator<void, T>): Promise<T> {
  for (let taken = 1; ; taken += 1) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (taken % AT_ONCE === 0) await turn();
  }
}

const NO_SNAPSHOT = { snapshot: null, isForeign: false } as const;

async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const each of all) collected.push(each);
  return collected;
}

function inDoubt(): CountersignError {
  return new CountersignError(
    'broker_unavailable',
    'The statements do not come to the authority this server began with. It decides nothing; look at its log, run `countersign audit verify`, and restart it.',
  );
}
