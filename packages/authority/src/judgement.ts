/**
 * What the fold is fed, and what it says of it: an entry is accepted or refused, and changes nothing until
 * it is durable. Every way to judge one answers in these words.
 */
import type { AuthorityEntryType } from '@countersign/contract';
import type { CountersignError } from '@countersign/core';
import type { Progress } from './progress.ts';

/** An authority entry as the ledger holds it. */
export interface AuthorityEntry {
  readonly index: number;
  /** Instant. */
  readonly time: string;
  readonly type: AuthorityEntryType;
  readonly body: unknown;
}

export interface Accepted {
  readonly ok: true;
  /** The statement this concerns; null where it is none's. */
  readonly statement: string | null;
  readonly status: 'pending' | 'cooling_off' | 'complete';
  readonly progress: Progress | null;
  /** Changes the state. Call once, after the entry is durable, on the state that was judged. */
  readonly apply: () => void;
}

interface Refused {
  readonly ok: false;
  readonly refusal: CountersignError;
}

export type Judgement = Accepted | Refused;
