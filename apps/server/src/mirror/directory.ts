/**
 * A mirror in a directory: on another machine's file system, or nothing is gained. Each object is a file that
 * appears whole and is never written again.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Mirror } from '@countersign/broker';
import { LARGEST_OBJECT, noObject } from './objects.ts';

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
      return isSame(await read(path), bytes) ? 'same' : 'different';
    },

    async get(name) {
      const object = await read(join(root, name));
      if (object === 'none') throw noObject(name);
      return object;
    },

    async list(prefix, { after, limit }) {
      // A prefix of ours ends at a folder.
      const folder = join(root, prefix);
      const names = await readdir(folder).catch(unless<string[]>('ENOENT', [], 'ENOTDIR'));
      return names
        .filter((name) => !name.startsWith('.'))
        .map((name) => `${prefix}${name}`)
        .filter((name) => after === null || name > after)
        .sort()
        .slice(0, limit);
    },
  };
}

/** Null where nothing is; `none` for what no server of ours writes: a pipe, a link, a folder, too much. */
async function read(path: string): Promise<Uint8Array | null | 'none'> {
  // Whoever writes there too can lay a pipe there: opening it would wait for ever.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const file = await open(path, flags)
    .catch(unless('ENOENT', null))
    .catch(unless('ELOOP', 'none' as const, 'ENXIO'));
  if (file === null || file === 'none') return file;
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > LARGEST_OBJECT) return 'none';
    // Not as much as there is by then: a file can grow.
    const bytes = Buffer.alloc(stat.size);
    let length = 0;
    for (let more = 1; more > 0 && length < bytes.length; length += more) {
      ({ bytesRead: more } = await file.read(bytes, length, bytes.length - length, length));
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

function isSame(there: Uint8Array | null | 'none', bytes: Uint8Array): boolean {
  return there instanceof Uint8Array && Buffer.compare(there, bytes) === 0;
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
function unless<T>(code: string, instead: T, other?: string): (error: unknown) => T;
function unless<T>(code: string, instead?: T, other?: string) {
  return (error: unknown): T | undefined => {
    const found = error instanceof Error && 'code' in error ? error.code : null;
    if (found !== null && (found === code || found === other)) return instead;
    throw error;
  };
}
