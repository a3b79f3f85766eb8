/**
 * What is in a mirror, as far as this broker has signed it (Law 1). Whoever may write there can add objects, or
 * lay one over another; a name sorts, and only what is signed for that very name counts.
 */
import { CountersignError } from '@countersign/core';
import {
  checkpointsOf,
  decodePoint,
  everyName,
  isLine,
  LINES,
  type Line,
  lineName,
  lineOf,
  type MirrorPoint,
  sizeOf,
} from './mirror-objects.ts';
import type { Mirror } from './ports.ts';

export interface Reading {
  readonly mirror: Mirror;
  /** 32 bytes: what genesis names. */
  readonly ledgerKey: Uint8Array;
}

/** Thrown where something is in doubt, which only humans can end. */
export class Doubt extends Error {}

/** What is malformed or not signed; not what the database or the storage said. */
export function isMalformed(error: unknown): error is CountersignError {
  return error instanceof CountersignError && error.code === 'invalid_request';
}

/** A doubt, or what cannot be read, in the words of a doubt. @throws anything else as it is */
export function asDoubt(error: unknown): Doubt {
  if (error instanceof Doubt) return error;
  if (isMalformed(error)) {
    return new Doubt(`what it holds is not this broker's: ${error.message.replace(/\.$/, '')}`);
  }
  throw error;
}

/**
 * The checkpoint by that name.
 * @throws Doubt, or CountersignError `invalid_request`, unless it is signed as exactly this one of this line
 */
export async function readPoint(reading: Reading, line: Line, name: string): Promise<MirrorPoint> {
  const point = await pointIn(reading, line, name);
  if (point === null) throw new Doubt(`${name} cannot be read back`);
  if (point.size !== sizeOf(name)) throw new Doubt('a checkpoint has the name of another one');
  return point;
}

/** A checkpoint of that line, whichever; null where there is no object. */
async function pointIn({ mirror, ledgerKey }: Reading, line: Line, name: string) {
  const bytes = await mirror.get(name);
  return bytes === null ? null : decodePoint(bytes, ledgerKey, line);
}

/** As `readPoint`, of whichever is listed first. */
export async function newestPoint(reading: Reading, line: Line): Promise<MirrorPoint> {
  const [name] = await reading.mirror.list(checkpointsOf(line), { after: null, limit: 1 });
  if (name === undefined) throw new Doubt('its checkpoints are gone');
  return await readPoint(reading, line, name);
}

export interface Lines {
  /** Every name that looks like a line's, signed or not. */
  readonly named: readonly Line[];
  /** Those with the greatest number of all that are signed; more than one is two histories. */
  readonly newest: readonly Line[];
}

export async function readLines(reading: Reading): Promise<Lines> {
  const names = await everyName(reading.mirror, LINES, null);
  const named = names.flatMap((name) => lineOf(name) ?? []);
  const newest: Line[] = [];
  for (const line of named.toSorted((a, b) => b.number - a.number)) {
    if (newest[0] !== undefined && newest[0].number > line.number) break;
    if (await isSigned(reading, line)) newest.push(line);
  }
  return { named, newest };
}

/**
 * Whether this broker ever wrote to that line. A name that somebody added has nothing that is signed for it; one
 * that was written over still has its checkpoints.
 */
export async function isSigned(reading: Reading, line: Line): Promise<boolean> {
  const { mirror, ledgerKey } = reading;
  const bytes = await unlessMalformed(() => mirror.get(lineName(line)));
  if (bytes !== null && isLine(bytes, ledgerKey, line)) return true;
  const names = await everyName(mirror, checkpointsOf(line), null);
  for (let from = 0; from < names.length; from += AT_ONCE) {
    const some = names.slice(from, from + AT_ONCE);
    const points = some.map((name) => unlessMalformed(() => pointIn(reading, line, name)));
    if ((await Promise.all(points)).some((point) => point !== null)) return true;
  }
  return false;
}

/** Null for what is malformed. */
export async function unlessMalformed<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (isMalformed(error)) return null;
    throw error;
  }
}

/** Objects read at once. */
export const AT_ONCE = 16;
