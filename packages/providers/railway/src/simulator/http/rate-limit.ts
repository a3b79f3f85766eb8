/** Railway's limits: so many requests per hour and per second, counted for each token. */
import type { Clock } from '@countersign/core';
import { toInstant } from '@countersign/core';

export interface Rate {
  readonly perHour: number;
  readonly perSecond: number;
}

/** As documented for each plan; of Free only the hourly limit is, so its other one is Hobby's. */
export const RATES = {
  FREE: { perHour: 100, perSecond: 10 },
  HOBBY: { perHour: 1_000, perSecond: 10 },
  PRO: { perHour: 10_000, perSecond: 50 },
} as const satisfies Record<string, Rate>;

const HOUR = 3_600_000;
const SECOND = 1_000;

interface Window {
  start: number;
  used: number;
}

export interface Quota {
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds since the epoch. */
  readonly resetsAt: number;
  /** Whole seconds to wait, if the request is refused. */
  readonly retryAfter: number | undefined;
}

export class RateLimiter {
  readonly #clock: Clock;
  readonly #hours = new Map<string, Window>();
  readonly #seconds = new Map<string, Window>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  #window(windows: Map<string, Window>, key: string, length: number): Window {
    const now = this.#clock.now();
    const present = windows.get(key);
    if (present !== undefined && now < present.start + length) return present;
    const fresh = { start: now, used: 0 };
    windows.set(key, fresh);
    return fresh;
  }

  /** Where the key stands, nothing counted. */
  look(key: string, rate: Rate): Quota {
    const hour = this.#window(this.#hours, key, HOUR);
    return {
      limit: rate.perHour,
      remaining: Math.max(0, rate.perHour - hour.used),
      resetsAt: hour.start + HOUR,
      retryAfter: undefined,
    };
  }

  /** Counts one request. A refused one is not counted. */
  take(key: string, rate: Rate): Quota {
    const hour = this.#window(this.#hours, key, HOUR);
    const second = this.#window(this.#seconds, key, SECOND);
    const spent =
      hour.used >= rate.perHour
        ? hour.start + HOUR
        : second.used >= rate.perSecond
          ? second.start + SECOND
          : undefined;
    if (spent === undefined) {
      hour.used += 1;
      second.used += 1;
      return this.look(key, rate);
    }
    const retryAfter = Math.max(1, Math.ceil((spent - this.#clock.now()) / 1000));
    return { ...this.look(key, rate), retryAfter };
  }
}

/** Documented are the X- headers; seen on real answers is the policy. Both are sent. */
export function rateHeaders({
  limit,
  remaining,
  resetsAt,
  retryAfter,
}: Quota): Record<string, string> {
  return {
    'ratelimit-policy': `"default";q=${limit};w=3600`,
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': toInstant(resetsAt),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  };
}
