/** Tools of the Python world, each in an environment of its own under an ignored folder, made when it is first wanted. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './broker-process.ts';

const run = promisify(execFile);
const CACHE = join(ROOT, 'node_modules', '.cache', 'countersign-python');
const WHOLE = 'whole';
/** Milliseconds for making an environment, downloads included. */
const LONGEST = 240_000;

export interface Environment {
  /** The path of a program it holds; null where it could not be made. */
  program(name: string): string | null;
  /** Why there is none. */
  readonly missing: string | null;
}

/** @param requirement pinned, e.g. `schemathesis==4.32.5` */
export async function pythonWith(requirement: string): Promise<Environment> {
  const home = join(CACHE, requirement.replaceAll(/[^\w.-]/g, '_'));
  const missing = existsSync(join(home, WHOLE)) ? null : await make(home, requirement);
  return {
    program: (name) => (missing === null ? join(home, 'bin', name) : null),
    missing,
  };
}

/** Marked once it is whole; what an interrupted one left is made anew. @returns what went wrong */
async function make(home: string, requirement: string): Promise<string | null> {
  try {
    await rm(home, { recursive: true, force: true });
    await mkdir(CACHE, { recursive: true });
    await run('python3', ['-m', 'venv', home], { timeout: LONGEST });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement];
    await run(join(home, 'bin', 'python'), pip, { timeout: LONGEST });
    await writeFile(join(home, WHOLE), '');
    return null;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'python failed';
  }
}
