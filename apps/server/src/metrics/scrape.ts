/**
 * One scrape: what is counted as it happens, and what is looked up now. The look costs two small
 * queries; scrapes that come together share it, and a database that is away leaves its gauges unknown.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  countLeases,
  type Deps,
  type LeaseCensus,
  type MirrorStanding,
  type PresentHead,
} from '@countersign/broker';
import type { Instruments } from './instruments.ts';

/** Milliseconds after which the database counts as away. */
const LONGEST_LOOK = 2_000;

interface Look {
  readonly head: PresentHead;
  readonly leases: LeaseCensus;
}

/** @param isReady whether `/readyz` would say so. @returns how to read the metrics, as Prometheus text 0.0.4 */
export function createScrape(
  deps: Deps,
  instruments: Instruments,
  isReady: () => Promise<boolean>,
): () => Promise<string> {
  let running: Promise<string> | null = null;
  async function scrape(): Promise<string> {
    const [look, ready] = await Promise.all([lookAt(deps), isReady()]);
    setGauges(instruments, look);
    instruments.ready.set(ready ? 1 : 0);
    instruments.foldedVersion.set(deps.authority.version);
    instruments.revocations.set(deps.revoker.queued);
    setMirror(instruments, deps);
    return await instruments.read();
  }
  return async () => {
    running ??= scrape().finally(() => {
      running = null;
    });
    return await running;
  };
}

/** Null when the database does not answer, or in no time. */
async function lookAt(deps: Deps): Promise<Look | null> {
  const late = new AbortController();
  const look = Promise.all([deps.journal.head(), countLeases(deps)]).then(
    ([head, leases]) => ({ head, leases }),
    () => null,
  );
  try {
    return await Promise.race([look, delay(LONGEST_LOOK, null, { signal: late.signal })]);
  } finally {
    late.abort();
  }
}

/** Not a number where there is no mirror. */
function setMirror(instruments: Instruments, { mirroring }: Deps): void {
  const { size, behind, differs } = mirroring?.standing ?? NO_MIRROR;
  instruments.mirrorSize.set(size ?? Number.NaN);
  instruments.mirrorBehind.set(behind);
  instruments.mirrorDiffers.set(differs || mirroring?.halt ? 1 : 0);
}

const NO_MIRROR: MirrorStanding = { size: null, behind: Number.NaN, differs: false };

function setGauges(instruments: Instruments, look: Look | null): void {
  instruments.databaseUp.set(look === null ? 0 : 1);
  // What is not known is no number: an alert on a stale one would be late, on 0 wrong.
  instruments.ledgerSize.set(look?.head.size ?? Number.NaN);
  instruments.headVersion.set(look?.head.authorityVersion ?? Number.NaN);
  instruments.clockSkew.set((look?.head.clockSkew ?? Number.NaN) / 1000);
  instruments.leases.set({ state: 'pending' }, look?.leases.pending ?? Number.NaN);
  instruments.leases.set({ state: 'active' }, look?.leases.active ?? Number.NaN);
  instruments.leasesDue.set(look?.leases.due ?? Number.NaN);
  instruments.leasesTroubled.set(look?.leases.troubled ?? Number.NaN);
  instruments.oldestDue.set((look?.leases.latest ?? Number.NaN) / 1000);
}
