/**
 * Where a run of the tests keeps its databases and data directories: one directory for all of it, removed with it.
 * In memory where there is room, since a suite that makes and drops hundreds of databases spends a sixth of its time
 * on a file system's books; what waits for a disk is measured in `bench`, not here.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MEMORY = '/dev/shm';
/** Bytes: several times what a run has at once. */
const ROOM = 6 * 2 ** 30;
const NAME = /^cs-(\d+)-/;

let directory: string | null = null;

export async function setup(): Promise<void> {
  const parent = (await serves(MEMORY)) ? MEMORY : tmpdir();
  await sweep(parent);
  directory = await mkdtemp(join(parent, `cs-${process.pid}-`));
  // As the place it stands for: PostgreSQL runs as another account where the tests run as root.
  await chmod(directory, 0o1777);
  process.env['TMPDIR'] = directory;
  process.env['COUNTERSIGN_TEST_CLUSTERS'] = join(directory, 'clusters');
}

export async function teardown(): Promise<void> {
  if (directory !== null) await rm(directory, { recursive: true, force: true });
}

/** Whether a run fits into it, and programs start from there: binaries are copied to where PostgreSQL may read them. */
async function serves(path: string): Promise<boolean> {
  const probe = join(path, `cs-probe-${randomUUID()}`);
  try {
    const { bavail, bsize } = await statfs(path);
    if (bavail * bsize < ROOM) return false;
    await writeFile(probe, '#!/bin/sh\n', { mode: 0o700, flag: 'wx' });
    await promisify(execFile)(probe);
    return true;
  } catch {
    return false;
  } finally {
    await rm(probe, { force: true });
  }
}

/** What runs left that were killed. Another account's stays. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, pid] = NAME.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) {
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
