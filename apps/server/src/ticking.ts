/** The clockwork around the use cases: rounds of background work, and the news from other replicas. */
import type { Store } from '@countersign/store';
import type { Logger } from './logger.ts';
import { pause } from './stopping.ts';
import type { Wired } from './wire.ts';

/** Milliseconds between rounds: how late a lease may end, at most. */
const ROUND = 1_000;
const STRAYS = 60_000;
/** How long a stop waits for providers. */
const LONGEST_STOP = 5_000;

/** @returns how to stop it; a round under way is finished first. */
export async function startTicking(
  wired: Wired,
  store: Store,
  log: Logger,
  cutting: AbortSignal,
): Promise<() => Promise<void>> {
  const { background } = wired;
  const running = new Set<Promise<void>>();
  let stopped = false;
  const track = (work: Promise<void>): void => {
    const tracked = work.finally(() => running.delete(tracked));
    running.add(tracked);
  };
  const unlisten = await store.journal.onAuthorityChange(() => {
    if (!stopped) track(background.authorityChanged());
  });
  let timer = setTimeout(function tick() {
    track(
      background.round().then(() => {
        if (!stopped) timer = setTimeout(tick, ROUND);
      }),
    );
  }, ROUND);
  const strays = setInterval(() => track(background.strays()), STRAYS);
  track(background.strays());
  return async () => {
    stopped = true;
    clearTimeout(timer);
    clearInterval(strays);
    await unlisten();
    await Promise.all(running);
    // A provider that does not answer must not hold the stop: what is left is another start's to finish.
    await Promise.race([background.idle(), pause(LONGEST_STOP, cutting)]);
    log.debug({}, 'background work stopped');
  };
}
