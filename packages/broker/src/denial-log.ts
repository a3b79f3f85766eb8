/**
 * Denials in the ledger without letting a looping agent fill it (Law 4): the first of its kind in a
 * minute is an entry, its repeats are counted and summed up in one entry when the minute is over.
 * Requests that never authenticated are only ever summed up.
 */
import { canonicalBytes, digestOfDocument } from '@countersign/authority';
import { type Clock, type DenialCode, type Random, toInstant, uuidv7 } from '@countersign/core';
import type { ForbiddenBy } from '@countersign/policy';
import { entryIntent } from './intents.ts';
import type { Journal, OnceId, Outcome } from './ports.ts';

const MINUTE = 60_000;
/** Distinct denials remembered at once, of all agents; beyond it each is its own entry. */
const MOST_KINDS = 10_000;
/** Bytes of a question kept in full. */
const LARGEST_ASKED = 16_384;

export interface DeniedDecision {
  readonly agent: string;
  readonly code: DenialCode;
  readonly stage: string;
  /** What was asked, canonical enough to compare; becomes part of the entry. */
  readonly asked: unknown;
  readonly reason: string;
  /** Which guardrail forbade it, and which policy in it. */
  readonly guardrail?: ForbiddenBy;
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
      const { once: _, ...kind } = denied;
      const key = digestOfDocument(kind);
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
      const body = { ...kind, asked: recordable(kind.asked), verdict: 'denied' };
      const outcome = await append(id, 'decision', body, denied.once);
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
        const summed = strangers;
        const since = toInstant(strangersSince);
        strangers = new Map();
        try {
          const counts = Object.fromEntries(summed);
          await append(uuidv7(clock, random), 'unauthenticated.summed', { since, counts }, []);
        } catch (error) {
          for (const [code, count] of summed) {
            strangers.set(code, (strangers.get(code) ?? 0) + count);
          }
          throw error;
        }
      }
    },
  };

  async function summarise(key: string, sum: Sum): Promise<void> {
    const { first, agent, code, count, since } = sum;
    if (count > 1) {
      const body = { first, agent, code, count, since: toInstant(since) };
      await append(uuidv7(clock, random), 'denials.summed', body, []);
    }
    if (sums.get(key) === sum) sums.delete(key);
  }
}

/** What was asked, as the ledger keeps it: in full, or by digest where it would crowd an entry. */
function recordable(asked: unknown): unknown {
  const size = canonicalBytes(asked).length;
  return size <= LARGEST_ASKED ? asked : { digest: digestOfDocument(asked), bytes: size };
}
