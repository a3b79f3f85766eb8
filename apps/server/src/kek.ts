/**
 * The key-encryption key: 32 random bytes in a file outside the database. It is made on a first start of
 * the embedded database only; anywhere else its absence stops the start, because a KEK silently made
 * anew would orphan every sealed secret (Law 1, "The database owner is not trusted"). While one takes
 * the place of another the file holds both, a line each, in the order they were made.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchownSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Secret } from '@countersign/core';
import { ConfigError } from './config.ts';

/** A key-encryption key, 32 bytes. */
export type KekBytes = Secret<Uint8Array>;

/** More lines than this are no rotation but a mistake. */
const MOST_KEYS = 4;
/** Bytes; a key takes 45. */
const LARGEST_FILE = 1024;

/**
 * The keys of the file, oldest first, at least one.
 * @param firstStart true only when the database is embedded and its ledger is empty
 * @throws ConfigError
 */
export function readKeks(file: string, firstStart: boolean): readonly KekBytes[] {
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
  flushDirectory(file);
  const made = read(file);
  if (made === null) throw new ConfigError('COUNTERSIGN_KEK_FILE', `${file} could not be made.`);
  return made;
}

function read(file: string): readonly KekBytes[] | null {
  let text: string;
  try {
    const status = statSync(file);
    // A pipe would be waited for, and might answer each reader otherwise.
    if (!status.isFile() || status.size > LARGEST_FILE) {
      throw new ConfigError(
        'COUNTERSIGN_KEK_FILE',
        `names ${file}, which is not a regular file of 32 bytes in base64.`,
      );
    }
    if ((status.mode & 0o077) !== 0) {
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
  const lines = text.trim().split(/\s*\n\s*/);
  if (new Set(lines).size !== lines.length || lines.length > MOST_KEYS) {
    throw new ConfigError(
      'COUNTERSIGN_KEK_FILE',
      `names ${file}, which holds the same key twice, or more than ${MOST_KEYS}.`,
    );
  }
  return lines.map((line) => {
    const bytes = Buffer.from(line, 'base64');
    if (bytes.length !== 32 || bytes.toString('base64') !== line) {
      throw new ConfigError(
        'COUNTERSIGN_KEK_FILE',
        `names ${file}, which does not hold 32 bytes in base64, or a line of that for each key.`,
      );
    }
    return new Secret('key-encryption key', new Uint8Array(bytes));
  });
}

/**
 * Puts these keys in the place of those in the file, whole or not at all, on the disk when it returns.
 * The file keeps its owner: a server must be able to read what its operator wrote as root.
 */
export function replaceKeks(file: string, keys: readonly KekBytes[]): void {
  const draft = `${file}.${process.pid}`;
  const { uid, gid } = statSync(file);
  const text = keys.map((key) => `${Buffer.from(key.reveal()).toString('base64')}\n`).join('');
  rmSync(draft, { force: true });
  try {
    const fd = openSync(draft, 'wx', 0o600);
    try {
      fchownSync(fd, uid, gid);
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new ConfigError(
      'COUNTERSIGN_KEK_FILE',
      `names ${file}, which could not be replaced (${why}). Run this as its owner, who may write its directory.`,
    );
  }
  flushDirectory(file);
}

/** 32 fresh random bytes. */
export function newKek(): KekBytes {
  return new Secret('key-encryption key', new Uint8Array(randomBytes(32)));
}

/** What will be sealed under a key must not outlive it: its name is on the disk before anything is. */
function flushDirectory(file: string): void {
  const directory = openSync(dirname(file), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
