/** Counts the steps of a talk, and says whose turn it is to be struck. */
import type { Strike, Watch } from './wire-proxy.ts';

interface Watching {
  readonly steps: string[];
  struck: string | null;
  readonly strike: Strike | null;
}

export interface Strikes {
  /** Counts from now on, and strikes once. */
  watch(strike: Strike | null): Watch;
  /** Counts a step; the strike, when it is this one's turn. */
  count(label: string): Strike | null;
  /** Counts and strikes no more. */
  rest(): void;
}

export function createStrikes(): Strikes {
  let watching: Watching | null = null;
  return {
    watch(strike) {
      watching = { steps: [], struck: null, strike };
      return watching;
    },
    count(label) {
      const present = watching;
      if (present === null) return null;
      const { strike } = present;
      if (strike?.matching !== undefined && !strike.matching.test(label)) return null;
      present.steps.push(label);
      if (strike === null || present.struck !== null || present.steps.length !== strike.at) {
        return null;
      }
      present.struck = label;
      return strike;
    },
    rest() {
      watching = null;
    },
  };
}
