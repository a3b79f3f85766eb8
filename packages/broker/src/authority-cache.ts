/**
 * This replica's fold of the authority entries. Decisions read it without I/O; the version it was
 * folded to is what their commit is fenced on, so staleness costs a retry and never a wrong answer.
 */
import { type AuthorityState, emptyState, fold } from '@countersign/authority';
import { type AuthorityEntryType, isAuthorityEntryType } from '@countersign/contract';
import { CountersignError } from '@countersign/core';
import { decodeEntry, leafHash } from '@countersign/ledger';
import type { BrokerLog } from './deps.ts';
import type { Journal, JournalEntry } from './ports.ts';

export interface AuthorityCache {
  readonly state: AuthorityState;
  /** The head's authority version this state stands for. */
  readonly version: number;
  /** Folds what other replicas, or this one, appended since. Concurrent calls share one pass. */
  refresh(): Promise<void>;
}

export function createAuthorityCache(journal: Journal, log: BrokerLog): AuthorityCache {
  const state = emptyState();
  let version = -1;
  let read = 0;
  let running: Promise<void> | null = null;
  let again = false;

  async function pass(): Promise<void> {
    do {
      again = false;
      const head = await journal.head();
      if (head.authorityVersion === version) continue;
      // All of it before any of it: the journal vouches for what it read only at the end of the stream.
      const entries: JournalEntry[] = [];
      for await (const stored of journal.readAuthority(read)) entries.push(stored);
      for (const stored of entries) {
        await foldStored(state, stored, log);
        read = stored.index + 1;
      }
      // The version is named only when nothing came between the head and the last entry folded in.
      const after = await journal.head();
      if (after.authorityVersion === head.authorityVersion) version = head.authorityVersion;
      else again = true;
    } while (again);
  }

  return {
    state,
    get version() {
      return version;
    },
    async refresh() {
      again = true;
      running ??= pass().finally(() => {
        running = null;
      });
      await running;
    },
  };
}

/**
 * Law 1: a row edited in the database with no statement behind it has no effect, and is reported: what
 * does not hash to its leaf, or is refused by the fold, is left out.
 */
async function foldStored(
  state: AuthorityState,
  stored: JournalEntry,
  log: BrokerLog,
): Promise<void> {
  const report = (reason: string): void => {
    log.warn(
      { index: stored.index, reason },
      'an authority entry in the database has no effect; run `countersign audit verify`',
    );
  };
  try {
    if (!Buffer.from(leafHash(stored.bytes)).equals(Buffer.from(stored.leafHash))) {
      report('its bytes do not hash to its leaf');
      return;
    }
    const entry = decodeEntry(stored.bytes);
    if (!isAuthorityEntryType(entry.type)) {
      report('its type is not what its row says');
      return;
    }
    const refusal = await fold(state, {
      index: stored.index,
      time: entry.time,
      type: entry.type satisfies AuthorityEntryType,
      body: entry.body,
    });
    if (refusal !== null) report(refusal.message);
  } catch (error) {
    report(error instanceof CountersignError ? error.message : 'it could not be read');
  }
}
