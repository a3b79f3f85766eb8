/**
 * Where a run of the tests keeps its databases and data directories: one directory for all of it, removed with it.
 * In memory where there is room, since a suite that makes and drops hundreds of databases spends a sixth of its time
 * on a file system's books; what waits for a disk is measured in `bench`, not here.
 */
import { chmod, mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** Bytes: several times what a run has at once. */
const ROOM = 6 * 2 ** 30;
const NAME = /^cs-(\d+)-/;

let directory: string | null = null;

export async function setup(): Promise<void> {
  const parent = (await hasRoom(MEMORY)) ? MEMORY : tmpdir();
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

async function hasRoom(path: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize >= ROOM;
  } catch {
    return false;
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
