/** What can be known of a process that may not be our child: whether it runs, and where. */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** Whether a process runs. One that ended and was not reaped by its parent does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^[ZX]/.test(text.slice(text.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

/**
 * Whether process `pid` works in `directory`, as a postmaster does in its data directory. Undefined
 * where the system does not tell.
 */
export async function worksIn(pid: number, directory: string): Promise<boolean | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    const [its, wanted] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(directory)]);
    return its.dev === wanted.dev && its.ino === wanted.ino;
  } catch {
    return false;
  }
}

/** Asks every 20 ms until there is an answer or `deadline` (ms since the epoch) has passed. */
export async function poll<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  deadline: number,
): Promise<T | undefined> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || Date.now() >= deadline) return answer;
    await wait(20);
  }
}
