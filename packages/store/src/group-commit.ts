/**
 * Concurrent callers share a commit: while one batch is in flight the next intents queue, and go
 * together when it is done. No timer, so a lone request waits for nothing.
 */
import type { Prepared } from './batch.ts';
import type { Settlement } from './committer.ts';

const MAX_BATCH = 256;

/** What one commit took, for whoever measures it. */
export interface CommittedBatch {
  /** Intents that shared it, the refused ones too. */
  readonly intents: number;
  readonly milliseconds: number;
}

interface Waiting {
  readonly prepared: Prepared;
  readonly settle: (settlement: Settlement) => void;
}

export class GroupCommit {
  readonly #commit: (batch: readonly Prepared[]) => Promise<readonly Settlement[]>;
  readonly #queue: Waiting[] = [];
  #running: Promise<void> | null = null;

  /** `commit` settles every intent and never throws. */
  constructor(commit: (batch: readonly Prepared[]) => Promise<readonly Settlement[]>) {
    this.#commit = commit;
  }

  /** Queues in order of calls; settled when durable or refused. */
  add(prepared: Prepared): Promise<Settlement> {
    return new Promise((settle) => {
      this.#queue.push({ prepared, settle });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is in flight any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Callers of this same tick come along.
    await null;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      const settlements = await this.#commit(batch.map(({ prepared }) => prepared));
      for (const [at, { settle }] of batch.entries()) {
        settle(settlements[at] ?? { ok: false, error: new Error('an intent was left unsettled') });
      }
    }
    this.#running = null;
  }
}
