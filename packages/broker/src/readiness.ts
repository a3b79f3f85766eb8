/** Whether this server could decide now: what a load balancer asks before it sends anyone here. */
import { setTimeout as delay } from 'node:timers/promises';
import { MAX_CLOCK_SKEW } from '@countersign/core';
import type { Deps } from './deps.ts';
import type { Readiness } from './use-cases.ts';

/** Milliseconds. A database that takes longer is as good as away: whoever asks does not wait for ever. */
const LONGEST_LOOK = 2_000;

export async function readiness(deps: Deps): Promise<Readiness> {
  const late = new AbortController();
  try {
    return await Promise.race([
      look(deps),
      delay(LONGEST_LOOK, 'database' as const, { signal: late.signal }),
    ]);
  } finally {
    late.abort();
  }
}

async function look({ journal, authority, mirroring }: Deps): Promise<Readiness> {
  try {
    const head = await journal.head();
    if (Math.abs(head.clockSkew) > MAX_CLOCK_SKEW) return 'clock';
    if (mirroring?.halt) return 'mirror';
    if (authority.version >= head.authorityVersion) return 'ready';
  } catch {
    return 'database';
  }
  // Another server was faster; being a moment behind is no reason to send anyone away.
  return await authority.refresh().then(
    () => 'ready',
    () => 'authority',
  );
}
