/**
 * Denials in the ledger without letting a looping agent fill it (Law 4): the first of its kind in a
 * minute is an entry, its repeats are counted and summed up in one entry when the minute is over.
 * Requests that never authenticated are only ever summed up.
 */
import { type Clock, type DenialCode, type Random, toInstant, uuidv7 } from '@countersign/core';
import type { Intent, Journal, OnceId, Outcome } from './ports.ts';

const MINUTE = 60_000;
/** Distinct denials remembered at once; beyond it each is its own entry. */
const MOST_KINDS = 10_000;

export interface DeniedDecision {
  readonly agent: string;
  readonly code: DenialCode;
  readonly stage: string;
  /** What was asked, canonical enough to compare; becomes part of the entry. */
  readonly asked: unknown;
  readonly reason: string;
  readonly once: readonly OnceId[];
}

export interface DenialLog {
  /** @returns the ledger entry that stands for this denial; null when a once-id was seen before. */
  record(denied: DeniedDecision): Promise<string | null>;
  /** Counts a request that never authenticated. */
  unauthenticated(code: DenialCode): void;
  /** Writes the sums of minutes that are over (all of them when `everything`). */
  flush(everything: boolean): Promise<void>;
}

interface Sum {
  readonly first: string;
  readonly agent: string;
  readonly code: DenialCode;
  readonly since: number;
  count: number;
}

export function createDenialLog(deps: {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly remember: (once: OnceId) => Promise<boolean>;
}): DenialLog {
  const { journal, clock, random } = deps;
  const sums = new Map<string, Sum>();
  let strangers = new Map<DenialCode, number>();
  let strangersSince = clock.now();

  async function append(
    id: string,
    type: string,
    body: Readonly<Record<string, unknown>>,
    once: readonly OnceId[],
  ): Promise<Outcome['outcome'] | null> {
    const [outcome] = await journal.commit([entryIntent(id, type, body, once)]);
    return outcome?.outcome ?? null;
  }

  return {
    async record(denied) {
      const now = clock.now();
      const key = JSON.stringify([denied.agent, denied.code, denied.stage, denied.asked]);
      const known = sums.get(key);
      if (known !== undefined && now - known.since < MINUTE) {
        for (const once of denied.once) {
          if (!(await deps.remember(once))) return null;
        }
        known.count += 1;
        return known.first;
      }
      if (known !== undefined) await summarise(key, known);
      const id = uuidv7(clock, random);
      const { once, ...body } = denied;
      const outcome = await append(id, 'decision', { ...body, verdict: 'denied' }, once);
      if (outcome === 'replayed') return null;
      if (sums.size < MOST_KINDS) {
        sums.set(key, { first: id, agent: denied.agent, code: denied.code, since: now, count: 1 });
      }
      return id;
    },
    unauthenticated(code) {
      if (strangers.size === 0) strangersSince = clock.now();
      strangers.set(code, (strangers.get(code) ?? 0) + 1);
    },
    async flush(everything) {
      const now = clock.now();
      for (const [key, sum] of sums) {
        if (everything || now - sum.since >= MINUTE) await summarise(key, sum);
      }
      if (strangers.size > 0 && (everything || now - strangersSince >= MINUTE)) {
        const counts = Object.fromEntries(strangers);
        strangers = new Map();
        await append(
          uuidv7(clock, random),
          'unauthenticated.summed',
          { since: toInstant(strangersSince), counts },
          [],
        );
      }
    },
  };

  async function summarise(key: string, sum: Sum): Promise<void> {
    sums.delete(key);
    if (sum.count < 2) return;
    await append(
      uuidv7(clock, random),
      'denials.summed',
      {
        first: sum.first,
        agent: sum.agent,
        code: sum.code,
        count: sum.count,
        since: toInstant(sum.since),
      },
      [],
    );
  }
}

/** An intent of one entry that depends on no authority and changes none. */
export function entryIntent(
  id: string,
  type: string,
  body: Readonly<Record<string, unknown>>,
  once: readonly OnceId[] = [],
): Intent {
  return {
    entries: [{ id, type, body }],
    authorityVersion: null,
    changesAuthority: false,
    notAfter: null,
    once,
    uses: [],
    lease: null,
    effects: [],
  };
}
