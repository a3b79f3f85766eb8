/** Costly work, a few at a time: what does not fit into the queue is refused at once, never piled up. */
import { CountersignError } from '@countersign/core';

/** @throws CountersignError `broker_unavailable` from `run` when `waiting` are waiting already */
export interface BoundedWork {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** @param limits how many run at once, how many more may wait for their turn, and what others are told */
export function createBoundedWork(limits: {
  readonly running: number;
  readonly waiting: number;
  readonly refusal: string;
}): BoundedWork {
  const turns: (() => void)[] = [];
  let running = 0;

  return {
    async run(work) {
      if (running >= limits.running) {
        if (turns.length >= limits.waiting) {
          throw new CountersignError('broker_unavailable', limits.refusal);
        }
        // Whoever ends hands its place over, so that nobody who comes later gets in between.
        await new Promise<void>((turn) => turns.push(turn));
      } else {
        running += 1;
      }
      try {
        return await work();
      } finally {
        const next = turns.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
