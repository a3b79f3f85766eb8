/**
 * How far clocks may differ. Each replica's may be five seconds off its database's (Law 4), so two of
 * them ten: what one has just minted another may still see ahead, what one forgets another may accept.
 */

/** Milliseconds. */
export const REPLICA_SKEW = 10_000;

/** When an id that stops being accepted at `end` may be forgotten by every replica. Milliseconds. */
export function rememberUntil(end: number): number {
  return Math.ceil(end) + REPLICA_SKEW;
}
