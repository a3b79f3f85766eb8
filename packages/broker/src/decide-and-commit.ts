/**
 * Law 4 in one place: decide on the authority this replica has folded, commit fenced on its version, and
 * decide again when another replica was faster. A decision that keeps going stale is refused, not looped.
 */
import { fromInstant } from '@countersign/core';
import { startBy, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import type { Intent, Outcome } from './ports.ts';

const ATTEMPTS = 8;

export interface At {
  /** The authority version that `decide` reads, and that its commit is fenced on. */
  readonly version: number;
  /** Milliseconds; never behind the authority that is decided on. */
  readonly now: number;
}

/** The outcomes a decision has to tell apart; stale ones are decided again before anyone sees them. */
type Settled = Exclude<Outcome, { outcome: 'stale' }>;

export type Attempt<T> =
  /** Nothing is allowed: what to answer, run only when the authority stood still meanwhile. */
  | { readonly refuse: () => Promise<T> }
  /** Commit this; `null` from `settle` decides again. `deadline` is for `requireStartBefore`. */
  | {
      readonly intent: Intent;
      readonly settle: (outcome: Settled, deadline: number) => Promise<T | null>;
    };

/** @throws CountersignError `broker_unavailable` when no attempt was decided on present authority */
export async function decideAndCommit<T>(
  deps: Deps,
  decide: (at: At) => Promise<Attempt<T>>,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { version } = deps.authority;
    const now = presentTime(deps);
    const attempted = await decide({ version, now });
    // Nor is a refusal older than its question: a grant that another replica has acknowledged counts here.
    if ('refuse' in attempted) await deps.authority.refresh();
    if (deps.authority.version !== version) continue;
    if ('refuse' in attempted) return await attempted.refuse();
    // Law 4: from here on, not from the answer, which a stopped process or a slow network brings late.
    const deadline = startBy();
    const [outcome] = await deps.journal.commit([
      { ...attempted.intent, authorityVersion: version, notBefore: now },
    ]);
    if (outcome === undefined) throw UNAVAILABLE();
    if (outcome.outcome === 'stale') {
      await deps.authority.refresh();
      continue;
    }
    const settled = await attempted.settle(outcome, deadline);
    if (settled !== null) return settled;
  }
  throw UNAVAILABLE();
}

/** Law 4: time never runs behind the ledger, so a clock set back brings no grant to life. */
function presentTime(deps: Deps): number {
  return Math.max(deps.clock.now(), fromInstant(deps.authority.state.time));
}
