/**
 * Copies a tree of files so that everyone may read and only the owner may change it, whatever the
 * umask it was installed under. Each file appears whole or not at all, so it also mends a copy that
 * is in use.
 */
import { randomBytes } from 'node:crypto';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  symlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from './failure.ts';

/** Makes `target`, an existing directory, hold every entry of `source`; leaves what is already right. */
export async function completeTree(source: string, target: string): Promise<void> {
  await chmod(target, 0o755);
  const entries = await readdir(source, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const from = join(source, entry.name);
      const to = join(target, entry.name);
      if (entry.isDirectory()) {
        await makeDirectory(to);
        await completeTree(from, to);
      } else if (entry.isSymbolicLink()) {
        await copyLink(from, to);
      } else if (entry.isFile()) {
        await copyWhole(from, to);
      }
    }),
  );
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function copyLink(from: string, to: string): Promise<void> {
  try {
    await symlink(await readlink(from), to);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function copyWhole(from: string, to: string): Promise<void> {
  const wanted = await lstat(from);
  if ((await sizeOf(to)) === wanted.size) return;
  const partial = `${to}.new-${randomBytes(6).toString('hex')}`;
  await copyFile(from, partial);
  await chmod(partial, (wanted.mode & 0o111) === 0 ? 0o644 : 0o755);
  await rename(partial, to);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
