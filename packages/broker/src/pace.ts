/**
 * Before a decision: how often, and how much at once, one agent may ask one server. A looping agent
 * spends neither the ledger's room nor a provider's patience, and delays no other agent.
 */

export interface PaceLimits {
  /** Decisions a second that an agent may ask for, in the long run. */
  readonly perSecond: number;
  /** Decisions that it may have saved up while it asked for none. */
  readonly saved: number;
  readonly atOnce: number;
}

export interface Pace {
  /** What ends the turn that begins now; null when the agent has none left. */
  begin(agent: string): (() => void) | null;
}

interface Turns {
  saved: number;
  /** Milliseconds, monotonic: when `saved` was reckoned. */
  at: number;
  running: number;
}

/**
 * A token bucket for each agent that ever came; none is forgotten, there are as many as humans registered.
 * @param elapsed milliseconds, monotonic
 */
export function createPace(limits: PaceLimits, elapsed: () => number): Pace {
  const agents = new Map<string, Turns>();
  return {
    begin(agent) {
      const now = elapsed();
      const turns = agents.get(agent) ?? { saved: limits.saved, at: now, running: 0 };
      agents.set(agent, turns);
      const earned = ((now - turns.at) / 1000) * limits.perSecond;
      turns.saved = Math.min(limits.saved, turns.saved + earned);
      turns.at = now;
      if (turns.saved < 1 || turns.running >= limits.atOnce) return null;
      turns.saved -= 1;
      turns.running += 1;
      return () => {
        turns.running -= 1;
      };
    },
  };
}
