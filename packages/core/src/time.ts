/** Instants on the wire: RFC 3339, UTC, exactly milliseconds, so that there is one form per instant. */

/** Law 4: milliseconds by which a server's clock and its database's may differ; beyond that it denies. */
export const MAX_CLOCK_SKEW = 5_000;

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** True for the one canonical form, on a day that exists. */
export function isInstant(value: string): boolean {
  if (!INSTANT.test(value)) return false;
  const ms = Date.parse(value);
  return Number.isFinite(ms) && new Date(ms).toISOString() === value;
}

/** Milliseconds since the epoch to the wire form. */
export function toInstant(ms: number): string {
  return new Date(ms).toISOString();
}

/** The wire form to milliseconds since the epoch. The caller has checked `isInstant`. */
export function fromInstant(instant: string): number {
  return Date.parse(instant);
}
