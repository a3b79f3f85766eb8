/**
 * Follows the file of key-encryption keys while the server runs, and says which keys it holds, so that a
 * rotation needs no restart and never begins to write under a key that some server does not have.
 */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { ANNOUNCE_EVERY, type Keks } from '@countersign/store';
import { readKeks } from './kek.ts';
import type { Logger } from './logger.ts';

/** Milliseconds between two looks at the file. */
const LOOK = 1_000;

/**
 * Announces this server, then looks and announces until stopped.
 * @throws CountersignError `broker_unavailable` when the ledger is under a key that is not in the file
 * @returns how to stop; the announcement is withdrawn then
 */
export async function holdKeks(
  file: string,
  keks: Keks,
  log: Logger,
): Promise<() => Promise<void>> {
  const server = { id: randomUUID(), name: `${hostname()}/${process.pid}` };
  const stop = new AbortController();
  let seen = '';
  const complaints = new Map<string, string>();
  let announcedAt = Number.NEGATIVE_INFINITY;
  const announce = async (): Promise<void> => {
    await keks.announce(server);
    announcedAt = performance.now();
  };
  const follow = async (): Promise<void> => {
    const version = versionOf(file);
    if (version === seen) return;
    await keks.hold(readKeks(file, false));
    if (seen !== '') log.info({ file }, 'the key-encryption keys were read again');
    seen = version;
    announcedAt = Number.NEGATIVE_INFINITY;
  };
  // Once for each trouble, and again when it comes back.
  const orComplain = async (complaint: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      complaints.delete(complaint);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      if (reason !== complaints.get(complaint)) log.warn({ reason }, complaint);
      complaints.set(complaint, reason);
    }
  };
  await announce();
  const running = (async () => {
    while (!stop.signal.aborted) {
      await orComplain('the keys held before stay in use', follow);
      if (performance.now() - announcedAt >= ANNOUNCE_EVERY) {
        await orComplain('other servers are not told which keys this one holds', announce);
      }
      await wait(LOOK, null, { signal: stop.signal, ref: false }).catch(() => undefined);
    }
  })();
  return async () => {
    stop.abort();
    await running;
    await keks.withdraw(server.id);
  };
}

/** Changes whenever the file was replaced or written. */
function versionOf(file: string): string {
  const { ino, mtimeMs, ctimeMs, size } = statSync(file);
  return [ino, mtimeMs, ctimeMs, size].join();
}
