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

/** The intents of one commit. */
export interface Gathering {
  /** In the order they came. */
  readonly batch: readonly Prepared[];
  /** Adds whoever waits by now: whoever had to wait for the head need not wait for its next turn. */
  gather(): readonly Prepared[];
}

interface Waiting {
  readonly prepared: Prepared;
  readonly settle: (settlement: Settlement) => void;
}

export class GroupCommit {
  readonly #commit: (gathering: Gathering) => Promise<readonly Settlement[]>;
  readonly #queue: Waiting[] = [];
  #running: Promise<void> | null = null;

  /** `commit` settles every intent that it gathered and never throws. */
  constructor(commit: (gathering: Gathering) => Promise<readonly Settlement[]>) {
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
      const { gathered, gathering } = this.#gathering();
      const settlements = await this.#commit(gathering);
      for (const [at, { settle }] of gathered.entries()) {
        settle(settlements[at] ?? { ok: false, error: new Error('an intent was left unsettled') });
      }
    }
    this.#running = null;
  }

  #gathering(): { readonly gathered: readonly Waiting[]; readonly gathering: Gathering } {
    const gathered: Waiting[] = [];
    const batch: Prepared[] = [];
    const gather = (): readonly Prepared[] => {
      for (const waiting of this.#queue.splice(0, MAX_BATCH - gathered.length)) {
        gathered.push(waiting);
        batch.push(waiting.prepared);
      }
      return batch;
    };
    gather();
    return { gathered, gathering: { batch, gather } };
  }
}
