/**
 * How many forwarded requests of one agent are under way at once. Each keeps a connection to a provider until its
 * answer was read, and those are few: whoever reads nothing takes them from itself, and from no other agent.
 */

export interface Shares {
  /** Waits, first come first served. @returns what gives it back; null when it was not its turn in time */
  take(agent: string, signal: AbortSignal): Promise<(() => void) | null>;
}

interface Share {
  taken: number;
  readonly waiting: Set<() => void>;
}

/** @param limits how many run at once, and milliseconds that one more waits for its turn */
export function createShares(limits: {
  readonly atOnce: number;
  readonly patience: number;
}): Shares {
  const shares = new Map<string, Share>();

  function giveBack(agent: string, share: Share): void {
    const [next] = share.waiting;
    if (next !== undefined) {
      next();
      return;
    }
    share.taken -= 1;
    if (share.taken === 0) shares.delete(agent);
  }

  return {
    async take(agent, signal) {
      const share = shares.get(agent) ?? { taken: 0, waiting: new Set() };
      shares.set(agent, share);
      if (share.taken < limits.atOnce) share.taken += 1;
      else if (!(await turnIn(share.waiting, limits.patience, signal))) return null;
      return () => giveBack(agent, share);
    },
  };
}

/** True when whoever ended handed its place over. */
function turnIn(
  waiting: Share['waiting'],
  patience: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (isTurn: boolean): void => {
      waiting.delete(turn);
      clearTimeout(late);
      signal.removeEventListener('abort', leave);
      resolve(isTurn);
    };
    const turn = (): void => settle(true);
    const leave = (): void => settle(false);
    const late = setTimeout(leave, patience);
    waiting.add(turn);
    signal.addEventListener('abort', leave, { once: true });
  });
}
