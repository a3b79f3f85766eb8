/** The append-only record of what happened at a simulated Railway. Its source is states and answers, never names. */
import type { Clock } from '@countersign/core';
import { toInstant } from '@countersign/core';
import { type Difference, differences, type Effect } from './world/effects.ts';
import { environmentsOf } from './world/places.ts';
import { revealed } from './world/secrets.ts';
import type { Kind, State } from './world/world.ts';

/** Who did something, and by which root field. */
export type Doer = Pick<Effect, 'token' | 'operation'>;

export class Recorder {
  readonly #clock: Clock;
  readonly #effects: Effect[] = [];
  /** Who set a date for the end of an object. */
  readonly #scheduled = new Map<string, Doer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get effects(): readonly Effect[] {
    return this.#effects;
  }

  #add(doer: Doer, difference: Difference): void {
    const at = toInstant(this.#clock.now());
    const { token, operation } = doer;
    this.#effects.push(Object.freeze({ at, token, operation, ...difference }));
  }

  /** Everything in which the states differ. */
  recordChange(doer: Doer, before: State, after: State): void {
    for (const difference of differences(before, after)) {
      if (difference.due !== undefined) this.#scheduled.set(difference.object, doer);
      this.#add(doer, difference);
    }
  }

  /** What was due at its time. Recorded as the deed of whoever had scheduled it. */
  recordDue(object: string, before: State, after: State): void {
    const unknown = { token: 'unknown', operation: { field: 'unknown', alias: 'unknown' } };
    this.recordChange(this.#scheduled.get(object) ?? unknown, before, after);
  }

  /** What an answer showed: the objects it was selected from, and every secret that stands in it. */
  recordAnswer(
    doer: Doer,
    state: State,
    answer: unknown,
    seen: Iterable<readonly [Kind, { readonly id: string }]>,
  ): void {
    const noted = new Set<string>();
    for (const [kind, record] of seen) {
      const object = `${kind}/${record.id}`;
      if (noted.has(object)) continue;
      noted.add(object);
      const environments = environmentsOf(state, kind, record);
      this.#add(doer, { effect: 'read', object, environments });
    }
    for (const { kind, id } of revealed(state, answer)) {
      const record = state[kind].get(id);
      const environments = record === undefined ? [] : environmentsOf(state, kind, record);
      this.#add(doer, { effect: 'revealed', object: `${kind}/${id}`, environments });
    }
  }
}
