/**
 * A clock that a test turns forward by days: one file that Node processes (through `clock-shift.mjs`) and
 * PostgreSQL (through libfaketime) read at every look at the time. They move together, as a broker that
 * denies when its clock and its database's differ needs them to.
 */
import { chmod, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './broker-process.ts';

export interface Calendar {
  /** For each Node process that shall live by it. */
  readonly node: Readonly<Record<string, string>>;
  /** For each PostgreSQL server that shall. */
  readonly postgres: Readonly<Record<string, string>>;
  /** Turns it forward. Who waits for a time to come notices at its next look. */
  later(seconds: number): Promise<void>;
  remove(): Promise<void>;
}

/** Only the wall clock moves: timers, and waits on sockets, stay what they are. */
const WALL_CLOCK_ONLY = { FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' };

/** @throws Error where libfaketime is not installed: nothing here can be shown without it */
export async function openCalendar(): Promise<Calendar> {
  const library = await libfaketime();
  const directory = await mkdtemp(join(tmpdir(), 'countersign-calendar-'));
  // PostgreSQL, run by root, is another account's, which has to read it too.
  await chmod(directory, 0o755);
  const file = join(directory, 'shift');
  let shift = 0;
  const turnTo = async (seconds: number): Promise<void> => {
    shift = seconds;
    // Replaced whole: nobody reads half of it.
    await writeFile(`${file}.next`, `+${seconds}\n`, { mode: 0o644 });
    await rename(`${file}.next`, file);
  };
  await turnTo(0);
  const preload = pathToFileURL(join(ROOT, 'test/support/clock-shift.mjs')).href;
  return {
    node: { NODE_OPTIONS: `--import=${preload}`, TEST_CLOCK_SHIFT_FILE: file },
    postgres: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      ...WALL_CLOCK_ONLY,
    },
    later: (seconds) => turnTo(shift + seconds),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Where Debian and others put it; PostgreSQL has one thread a process, so the plain one does. */
async function libfaketime(): Promise<string> {
  for (const directory of ['/usr/lib', '/usr/lib64', '/usr/local/lib']) {
    const found = await namesIn(directory);
    for (const below of ['', ...found]) {
      const files = await namesIn(join(directory, below, 'faketime'));
      if (files.includes('libfaketime.so.1')) {
        return join(directory, below, 'faketime', 'libfaketime.so.1');
      }
    }
  }
  throw new Error(
    'These tests turn the clock of PostgreSQL with libfaketime, which is not installed here: apt-get install libfaketime',
  );
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch {
    return [];
  }
}
