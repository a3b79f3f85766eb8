/**
 * A mirror in a directory: on another machine's file system, or nothing is gained. Each object is a file that
 * appears whole and is never written again.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Mirror } from '@countersign/broker';

/** @param root a directory that exists */
export function directoryMirror(root: string): Mirror {
  /** Folders that are known to be there, and durably so. */
  const made = new Set<string>();

  async function ensure(folder: string): Promise<void> {
    if (made.has(folder) || folder === root) return;
    await ensure(dirname(folder));
    await mkdir(folder, { mode: 0o700 }).catch(unless('EEXIST'));
    await sync(dirname(folder));
    made.add(folder);
  }

  return {
    async put(name, bytes) {
      const path = join(root, name);
      await ensure(dirname(path));
      const whole = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
      const file = await open(whole, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      // Unlike a rename, a link takes the place of nothing that is there.
      const isNew = await link(whole, path).then(() => true, unless('EEXIST', false));
      await rm(whole);
      await sync(dirname(path));
      if (isNew) return 'stored';
      return Buffer.compare(await readFile(path), bytes) === 0 ? 'same' : 'different';
    },

    async get(name) {
      return await readFile(join(root, name)).catch(unless('ENOENT', null));
    },

    async list(prefix, { after, limit }) {
      // A prefix of ours ends at a folder.
      const folder = join(root, prefix);
      const names = await readdir(folder).catch(unless<string[]>('ENOENT', []));
      return names
        .filter((name) => !name.startsWith('.'))
        .map((name) => `${prefix}${name}`)
        .filter((name) => after === null || name > after)
        .sort()
        .slice(0, limit);
    },
  };
}

/** A file that was made is there after a power cut once its directory is synced. */
async function sync(folder: string): Promise<void> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

function unless(code: string): (error: unknown) => undefined;
function unless<T>(code: string, instead: T): (error: unknown) => T;
function unless<T>(code: string, instead?: T) {
  return (error: unknown): T | undefined => {
    if (error instanceof Error && 'code' in error && error.code === code) return instead;
    throw error;
  };
}
