/**
 * Brings what was committed into the mirror, behind the commits and never in their way. Whoever signed is
 * told whether it is there; an outage is caught up with. Every server does it: what is there already is the same.
 */
import type { Clock } from '@countersign/core';
import { CountersignError } from '@countersign/core';
import { EMPTY_CHAIN, type NoteSigner } from '@countersign/ledger';
import type { BrokerLog } from './deps.ts';
import { requireOneHistory } from './mirror-forks.ts';
import {
  checkpointName,
  encodeLine,
  encodeMirrored,
  encodePoint,
  entriesOf,
  entryName,
  everyName,
  type Line,
  lineName,
  type MirrorPoint,
  saysTheSame,
} from './mirror-objects.ts';
import { AT_ONCE, Doubt, unlessMalformed } from './mirror-reading.ts';
import type { Journal, Mirror, Restorer } from './ports.ts';

/** Milliseconds between two checkpoints while nothing is signed: what a mirror may not know of decisions. */
const CHECKPOINT_EVERY = 10_000;

/** What an operator sees of it. */
export interface MirrorStanding {
  /** Entries that its latest checkpoint counts; null before it was compared. */
  readonly size: number | null;
  /** Seconds since when something is not in it; 0 when nothing is missing. */
  readonly behind: number;
  /** True when it holds something else than this ledger under one of its names. */
  readonly differs: boolean;
}

export interface Shipping {
  readonly standing: MirrorStanding;
  /** From here on what is new goes there. `from`: what is there; null: nothing. */
  begin(line: Line, from: MirrorPoint | null): void;
  /** Sets about it; `urgent` leaves no checkpoint for later. Never rejects: it is tried again. */
  ship(urgent: boolean): Promise<void>;
  /** Whether that many entries are in the mirror, waited for up to `ms`. */
  covers(size: number, ms: number): Promise<boolean>;
}

interface Standing {
  readonly restorer: Restorer;
  /** Once another database was found to go on with the mirror; nothing is written until it begins anew. */
  readonly onFork: (why: string) => void;
  readonly mirror: Mirror;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: BrokerLog;
  readonly origin: string;
  readonly signer: NoteSigner;
}

interface Shipped {
  readonly line: Line;
  readonly size: number;
  readonly chain: Uint8Array;
  /** Whether the mirror knows the line. */
  readonly isNamed: boolean;
  readonly version: number;
}

export function createShipping(standing: Standing): Shipping {
  const { mirror, journal, restorer, clock, log, origin, signer } = standing;
  let shipped: Shipped | null = null;
  let running: Promise<void> | null = null;
  let checkpointAt = Number.NEGATIVE_INFINITY;
  /** Milliseconds: when something was first seen to be missing there. */
  let behindSince: number | null = null;
  let trouble: string | null = null;
  let differs = false;
  /** Whether the mirror was looked through for what somebody took out of it. */
  let isMended = true;
  /** Names that others wrote and that were held against the database. */
  let held: ReadonlySet<string> = new Set();
  let heldAt = Number.NEGATIVE_INFINITY;

  async function put(name: string, bytes: Uint8Array): Promise<void> {
    if ((await mirror.put(name, bytes)) !== 'different') return;
    const there = await unlessMalformed(() => mirror.get(name));
    if (there !== null && saysTheSame(there, bytes, signer.publicKey)) return;
    differs = true;
    throw new CountersignError(
      'broker_unavailable',
      `It holds something else as ${name}: it was changed, or belongs to another history of this ledger.`,
    );
  }

  async function pass(urgent: boolean): Promise<void> {
    if (shipped === null) return;
    const { line, isNamed, version } = shipped;
    const head = await journal.head();
    // Before genesis nobody's ledger is there to be held against.
    if (head.authorityVersion === 0 || (head.size === shipped.size && isNamed)) return;
    behindSince ??= clock.now();
    const isDue = clock.now() - checkpointAt >= CHECKPOINT_EVERY;
    if (!urgent && !isDue && head.authorityVersion === version) return;
    let { chain } = shipped;
    const entries = [];
    for await (const entry of journal.readAuthority(shipped.size, chain)) {
      if (entry.index >= head.size) break;
      chain = entry.chain;
      entries.push(entry);
    }
    if (!Buffer.from(chain).equals(head.authorityChain)) {
      throw new CountersignError('broker_unavailable', 'The ledger was read while it changed.');
    }
    for (let from = 0; from < entries.length; from += AT_ONCE) {
      const objects = entries.slice(from, from + AT_ONCE).map(async (entry) => {
        await put(entryName(line, entry.index), await encodeMirrored(origin, entry, signer));
      });
      await Promise.all(objects);
    }
    const { size, root } = head;
    // Behind its entries: a checkpoint says that all of them are there.
    const point = await encodePoint(origin, line, { size, root, chain }, signer);
    await put(checkpointName(line, size), point);
    if (!isNamed) await put(lineName(line), await encodeLine(origin, line, signer));
    checkpointAt = clock.now();
    behindSince = null;
    shipped = { line, size, chain, isNamed: true, version: head.authorityVersion };
  }

  /** What a checkpoint counts and is not there any more would be missed at the worst moment. */
  async function mend(): Promise<void> {
    if (shipped === null || isMended) return;
    const { line, size } = shipped;
    const there = new Set(await everyName(mirror, entriesOf(line), null));
    let missing = 0;
    for await (const entry of journal.readAuthority(0, EMPTY_CHAIN)) {
      if (entry.index >= size) break;
      const name = entryName(line, entry.index);
      if (there.has(name)) continue;
      await put(name, await encodeMirrored(origin, entry, signer));
      missing += 1;
    }
    isMended = true;
    if (missing > 0) {
      log.warn({ missing }, 'statements were gone from the mirror, and were written there again');
    }
  }

  /** Law 1: neither revocations nor uses of a server on another copy of the database pass unseen for long. */
  async function holdAgainst(): Promise<void> {
    if (shipped === null || clock.now() - heldAt < CHECKPOINT_EVERY) return;
    const { line, isNamed } = shipped;
    if (isNamed) {
      const reading = { mirror, journal, restorer, ledgerKey: signer.publicKey };
      held = await requireOneHistory(reading, line, held);
    }
    heldAt = clock.now();
  }

  async function attempt(urgent: boolean): Promise<void> {
    try {
      if (!urgent) await holdAgainst();
      await pass(urgent);
      if (!urgent) await mend();
      if (trouble !== null) log.info({}, 'the mirror is written to again');
      trouble = null;
      differs = false;
    } catch (error) {
      if (error instanceof Doubt) {
        shipped = null;
        standing.onFork(error.message);
        return;
      }
      // Its words are ours, or a file system's; never a credential's.
      const reason = error instanceof Error ? error.message : 'unknown';
      if (reason !== trouble)
        log.warn({ reason }, 'the mirror is not written to; it is tried again');
      trouble = reason;
    }
  }

  async function ship(urgent: boolean): Promise<void> {
    // What was committed while a pass ran may not be in it.
    if (running !== null) await running;
    running ??= attempt(urgent).finally(() => {
      running = null;
    });
    await running;
  }

  return {
    get standing() {
      const behind = behindSince === null ? 0 : Math.max(0, clock.now() - behindSince) / 1000;
      return { size: shipped?.size ?? null, behind, differs };
    },
    begin(line, from) {
      isMended = from === null;
      held = new Set();
      shipped = {
        line,
        size: from?.size ?? 0,
        chain: from?.chain ?? EMPTY_CHAIN,
        isNamed: from !== null,
        version: -1,
      };
    },
    ship,
    async covers(size, ms) {
      const late = AbortSignal.timeout(ms);
      const stop = new Promise<void>((resolve) => late.addEventListener('abort', () => resolve()));
      const covered = () => shipped !== null && shipped.size >= size;
      // Once more where a pass was under way that began before.
      for (let tries = 0; tries < 2 && !covered() && !late.aborted; tries += 1) {
        await Promise.race([ship(true), stop]);
      }
      return covered();
    },
  };
}
