/** What this account's own files and environment leave open. Reads their modes and nothing in them. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, foundAbout } from '@countersign/contract';
import type { Context } from './context.ts';
import { hasCode } from './private-files.ts';

/** Deeper than profiles lie. */
const DEPTH = 3;

export async function examineProfile({
  env,
  home,
}: Pick<Context, 'env' | 'home'>): Promise<Finding[]> {
  const {
    COUNTERSIGN_PASSPHRASE_FILE: passphrase,
    COUNTERSIGN_AGENT_KEY_FILE: key,
    COUNTERSIGN_AGENT_SECRET_FILE: secret,
  } = env;
  const profiles = await openIn(join(home, 'profiles'), DEPTH);
  const agents = await Promise.all(
    [key, secret].map(async (file) => (file !== undefined && (await isOpen(file)) ? [file] : [])),
  );
  return [
    ...foundAbout('profile_readable', profiles),
    ...foundAbout('passphrase_file', passphrase ? [passphrase] : []),
    ...foundAbout('agent_file_readable', agents.flat()),
  ];
}

/** What others can read, a directory before what is in it; below a closed one nothing can be. */
async function openIn(path: string, depth: number): Promise<string[]> {
  if (!(await isOpen(path))) return [];
  try {
    const names = depth === 0 ? [] : await readdir(path);
    const below = await Promise.all(
      names.sort().map((name) => openIn(join(path, name), depth - 1)),
    );
    return [path, ...below.flat()];
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) return [path];
    throw error;
  }
}

/** False for what is not there. */
async function isOpen(path: string): Promise<boolean> {
  try {
    return ((await stat(path)).mode & 0o077) !== 0;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}
