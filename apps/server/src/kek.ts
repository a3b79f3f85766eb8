/**
 * The key-encryption key: 32 random bytes in a file outside the database. It is made on a first start of
 * the embedded database only; anywhere else its absence stops the start, because a KEK silently made
 * anew would orphan every sealed secret (Law 1, "The database owner is not trusted").
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Secret } from '@countersign/core';
import { ConfigError } from './config.ts';

/** @param firstStart true only when the database is embedded and its ledger is empty. @throws ConfigError */
export function readKek(file: string, firstStart: boolean): Secret<Uint8Array> {
  const present = read(file);
  if (present !== null) return present;
  if (!firstStart) {
    throw new ConfigError(
      'COUNTERSIGN_KEK_FILE',
      `names ${file}, which does not exist. Restore it from your backup. For a database that was never used, make one with: (umask 077; head -c 32 /dev/urandom | base64 > ${file})`,
    );
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${randomBytes(32).toString('base64')}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  });
  try {
    // link refuses to replace: of two first starts, one makes the key and both read it.
    linkSync(draft, file);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    unlinkSync(draft);
  }
  // What will be sealed under it must not outlive it: the name is on the disk before anything is.
  const directory = openSync(dirname(file), 'r');
  fsyncSync(directory);
  closeSync(directory);
  const made = read(file);
  if (made === null) throw new ConfigError('COUNTERSIGN_KEK_FILE', `${file} could not be made.`);
  return made;
}

function read(file: string): Secret<Uint8Array> | null {
  let text: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new ConfigError(
        'COUNTERSIGN_KEK_FILE',
        `names ${file}, which others can read. Run: chmod 600 ${file}`,
      );
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    if (error instanceof ConfigError) throw error;
    throw new ConfigError('COUNTERSIGN_KEK_FILE', `names ${file}, which cannot be read.`);
  }
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== 32 || bytes.toString('base64') !== text.trim()) {
    throw new ConfigError(
      'COUNTERSIGN_KEK_FILE',
      `names ${file}, which does not hold 32 bytes in base64.`,
    );
  }
  return new Secret('key-encryption key', new Uint8Array(bytes));
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
