/**
 * Passwords that outlive a process, each in a file that only its owner can read. The first of any
 * number of writers wins, and all of them then use what it wrote.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm, stat } from 'node:fs/promises';
import { CountersignError, Secret } from '@countersign/core';
import { errnoOf } from './failure.ts';

/**
 * The password in `file`, made (256 random bits, base64url) if there is none.
 * Throws `broker_unavailable` if others could have read or changed it.
 */
export async function passwordIn(file: string, label: string): Promise<Secret> {
  try {
    return await readPassword(file, label);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const draft = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    await writePrivately(draft, randomBytes(32).toString('base64url'));
    await link(draft, file);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return await readPassword(file, label);
}

/** Reads a password that must exist; ENOENT otherwise. */
export async function readPassword(file: string, label: string): Promise<Secret> {
  const { mode, uid } = await stat(file);
  if (
    (mode & 0o077) !== 0 ||
    (uid !== 0 && uid !== process.getuid?.() && process.getuid?.() !== 0)
  ) {
    throw new CountersignError(
      'broker_unavailable',
      `Others can read the password in ${file}; give it mode 0600 and the user that runs this as owner, and change the password if they may have.`,
    );
  }
  const text = (await readFile(file, 'utf8')).trim();
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) {
    throw new CountersignError(
      'broker_unavailable',
      `The password in ${file} is not one that was written there; restore the file from a backup.`,
    );
  }
  return new Secret(label, text);
}

/** Writes a new file of mode 0600 and waits until it is on disk. EEXIST if there is one. */
async function writePrivately(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
