/**
 * What a provider said a moment ago of where something stands. Law 2: only for what reads or writes, since what is
 * delete-capable asks afresh, and only answers that found something.
 */
import type { Clock } from '@countersign/core';

/** Milliseconds that an answer is taken for true. */
const LIFETIME = 15_000;
/** Of all connections together; then it begins anew. */
const MOST_ANSWERS = 5000;

/** Answers by question and credential, in one process; whoever asks makes the key of both. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #answers = new Map<string, { readonly value: unknown; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined: nothing, or nothing recent. */
  get(key: string): { readonly value: unknown } | undefined {
    const present = this.#answers.get(key);
    if (present === undefined) return undefined;
    const age = this.#clock.now() - present.at;
    if (age >= 0 && age < LIFETIME) return present;
    this.#answers.delete(key);
    return undefined;
  }

  put(key: string, value: unknown): void {
    if (this.#answers.size >= MOST_ANSWERS) this.#answers.clear();
    this.#answers.set(key, { value, at: this.#clock.now() });
  }
}
