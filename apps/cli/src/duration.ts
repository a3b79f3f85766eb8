/** Durations on the command line: a number and a unit, so that nobody guesses which. */
import { usageFailure } from './failure.ts';

const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
]);

/** `90s`, `5m`, `8h`, `7d` to seconds. @throws Failure usage */
export function parseDuration(text: string, option: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const scale = UNITS.get(unit);
  if (scale === undefined) {
    throw usageFailure(
      `${option} takes a number and a unit, such as 90s, 5m, 8h or 7d.`,
      `${option} 5m`,
    );
  }
  return Number(digits) * scale;
}

/** A whole number of at least `least`. @throws Failure usage */
export function parseCount(text: string, option: string, least: number): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= least)) {
    throw usageFailure(
      `${option} takes a whole number of at least ${least}.`,
      `${option} ${least}`,
    );
  }
  return count;
}
