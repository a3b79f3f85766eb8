/**
 * Snapshots of folded authority. The one a start began with is held against the statements, in the
 * background; only what they came to here is ever written again, so no mistake is handed on.
 */
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { createStateDigests, emptyState, partsOf, type StatePart } from '@countersign/authority';
import { UnfaithfulLedger } from '@countersign/core';
import type { AuthorityFold } from './authority-cache.ts';
import type { BrokerLog } from './deps.ts';
import { foldStored } from './fold-stored.ts';
import type { Journal, Snapshots, StoredSnapshot } from './ports.ts';

/** Authority entries since the latest snapshot that are worth another: a start folds them in half a second. */
const WORTH = 1_000;
/** Entries folded again in one go, and milliseconds that decisions then have for themselves. */
const AT_ONCE = 20;
const PAUSE = 10;

export interface SnapshotKeeping {
  /** Holds the one this server began with against the statements, then writes one where that is worth it. */
  keep(): Promise<void>;
  /** Gives up what is under way. */
  stop(): void;
}

interface Access {
  readonly journal: Journal;
  readonly authority: AuthorityFold;
  readonly snapshots: Snapshots;
  readonly log: BrokerLog;
}

export function createSnapshotKeeping({
  journal,
  authority,
  snapshots,
  log,
}: Access): SnapshotKeeping {
  const stopping = new AbortController();
  const { signal } = stopping;

  /** Members that the statements say otherwise; none: they come to the same. */
  async function differences({ next, chain, digests }: StoredSnapshot): Promise<string[]> {
    const state = emptyState();
    let folded: Uint8Array = new Uint8Array(32);
    let count = 0;
    for await (const stored of journal.readAuthority(0)) {
      if (stored.index >= next) break;
      await foldStored(state, stored, log);
      folded = stored.chain;
      count += 1;
      if (count % AT_ONCE === 0) await pause(PAUSE, undefined, { signal });
    }
    if (!Buffer.from(folded).equals(chain)) {
      throw new UnfaithfulLedger('The statements behind the snapshot are missing or were changed.');
    }
    const derived = createStateDigests();
    for (const part of partsOf(state)) {
      derived.add(part);
      await turn(undefined, { signal });
    }
    const found = derived.finish();
    const members = new Set([...Object.keys(found), ...Object.keys(digests)]);
    return [...members].filter((member) => found[member] !== digests[member]);
  }

  /** Law 1: authority is what the statements make, whatever a snapshot says. */
  async function confirm(snapshot: StoredSnapshot): Promise<void> {
    const doubt = async (fields: Readonly<Record<string, unknown>>): Promise<void> => {
      authority.doubt();
      log.warn(
        { next: snapshot.next, ...fields },
        'the statements do not come to the snapshot this server began with: it decides nothing any more; run `countersign audit verify`',
      );
      await snapshots.discard();
    };
    try {
      const members = await differences(snapshot);
      if (members.length > 0) return await doubt({ members });
    } catch (error) {
      if (!(error instanceof UnfaithfulLedger)) throw error;
      return await doubt({ reason: error.message });
    }
    authority.confirm();
    log.info({ next: snapshot.next }, 'the statements come to the snapshot this server began with');
  }

  async function keep(): Promise<void> {
    if (authority.unconfirmed !== null) await confirm(authority.unconfirmed);
    if (authority.unconfirmed !== null || authority.at.count < WORTH) return;
    const latest = await snapshots.latest();
    if (authority.at.count - (latest?.count ?? 0) < WORTH) return;
    const { state, at } = await authority.copy();
    if (await snapshots.write(at, until(signal, partsOf(state)))) {
      log.info({ next: at.next, entries: at.count }, 'wrote a snapshot of authority');
    }
  }

  return {
    async keep() {
      if (signal.aborted) return;
      try {
        await keep();
      } catch (error) {
        // What was given up has not failed.
        if (!signal.aborted) throw error;
      }
    },
    stop: () => stopping.abort(),
  };
}

function* until(signal: AbortSignal, parts: Iterable<StatePart>): Generator<StatePart> {
  for (const part of parts) {
    signal.throwIfAborted();
    yield part;
  }
}
