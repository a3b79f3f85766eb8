/**
 * This replica's fold of the authority entries. Decisions read it without I/O; the version it was
 * folded to is what their commit is fenced on, so staleness costs a retry and never a wrong answer.
 */
import { type AuthorityState, emptyState, fold, isReadable } from '@countersign/authority';
import { isAuthorityEntryType } from '@countersign/contract';
import { CountersignError } from '@countersign/core';
import { decodeEntry, type LedgerEntry, leafHash } from '@countersign/ledger';
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
 *
 * @throws CountersignError `broker_unavailable` for an entry this version cannot read. The journal vouched
 * for it, so another version wrote it, and acknowledged it: Law 4, no decision without it.
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
  if (!Buffer.from(leafHash(stored.bytes)).equals(Buffer.from(stored.leafHash))) {
    report('its bytes do not hash to its leaf');
    return;
  }
  const { time, type, body } = readEntry(stored);
  if (!isAuthorityEntryType(type) || !isReadable(type, body)) throw tooNew(stored.index);
  const refusal = await fold(state, { index: stored.index, time, type, body });
  if (refusal !== null) report(refusal.message);
}

function readEntry(stored: JournalEntry): LedgerEntry {
  try {
    return decodeEntry(stored.bytes);
  } catch {
    throw tooNew(stored.index);
  }
}

function tooNew(index: number): CountersignError {
  return new CountersignError(
    'broker_unavailable',
    `Ledger entry ${index} carries authority that this version cannot read. A newer one wrote it: upgrade this server; until then it decides nothing.`,
  );
}
