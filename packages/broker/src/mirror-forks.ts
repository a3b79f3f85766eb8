/**
 * One mirror, one history (Law 1). A server on another copy of the database writes to the same mirror, and has
 * single uses and revoked grants of its own: whoever finds its traces decides nothing more.
 */
import {
  checkpointsOf,
  everyName,
  LINES,
  type Line,
  lineName,
  lineOf,
  type MirrorPoint,
} from './mirror-objects.ts';
import { Doubt, isMalformed, isSigned, type Reading, readPoint } from './mirror-reading.ts';
import type { Journal, Restorer } from './ports.ts';

export interface Held extends Reading {
  readonly journal: Journal;
  readonly restorer: Restorer;
}

/** Checkpoints looked at, newest first: several servers write one each in ten seconds. */
const LATEST = 16;

/**
 * That the latest checkpoints of the line are the beginning of this database, and no later line is there.
 * @param known names that were looked at before
 * @returns the same, for the next time
 * @throws Doubt
 */
export async function requireOneHistory(
  held: Held,
  line: Line,
  known: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const { mirror, journal, restorer } = held;
  const others = (await everyName(mirror, LINES, null)).flatMap((name) => lineOf(name) ?? []);
  const later = others.filter(({ number, id }) => number >= line.number && id !== line.id);
  for (const other of later) {
    if (!known.has(lineName(other)) && (await isSigned(held, other))) throw new Doubt(ELSEWHERE);
  }
  const names = await mirror.list(checkpointsOf(line), { after: null, limit: LATEST });
  const points: MirrorPoint[] = [];
  for (const name of names) {
    const point = known.has(name) ? null : await pointOrNull(held, line, name);
    if (point !== null) points.push(point);
  }
  // After the mirror's: what is there was committed before, so this head counts it.
  const head = await journal.head();
  for (const { size, root } of points) {
    if (size > head.size || !Buffer.from(root).equals(await restorer.rootAt(size))) {
      throw new Doubt(ELSEWHERE);
    }
  }
  return new Set([...names, ...later.map(lineName)]);
}

const ELSEWHERE = 'another database goes on with it from the same point';

/** Null for what is not signed: whoever may write there halts a start by it, and no server that runs. */
async function pointOrNull(held: Held, line: Line, name: string): Promise<MirrorPoint | null> {
  try {
    return await readPoint(held, line, name);
  } catch (error) {
    if (error instanceof Doubt || isMalformed(error)) return null;
    throw error;
  }
}
