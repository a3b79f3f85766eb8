/**
 * Why PostgreSQL would not start, in words a person can act on. Its own log stays where it is, named
 * in the message: an error of ours never repeats what another program wrote.
 */
import { CountersignError } from '@countersign/core';

/** What initdb or a postmaster died of, as far as its log says; `other` is for a person to read. */
export type Cause =
  | 'locked'
  | 'port_taken'
  | 'still_shutting_down'
  | 'disk_full'
  | 'other_version'
  | 'unknown_uid'
  | 'no_shared_memory'
  | 'wrong_owner'
  | 'damaged'
  | 'other';

const SIGNS: readonly (readonly [RegExp, Cause])[] = [
  [/No space left on device|Disk quota exceeded/, 'disk_full'],
  [/lock file "postmaster\.pid" (already exists|is empty)|bogus data in lock file/, 'locked'],
  [/pre-existing shared memory block/, 'still_shutting_down'],
  [/could not bind .*Address already in use/, 'port_taken'],
  [/database files are incompatible with server|not compatible with this version/, 'other_version'],
  [/could not look up effective user ID/, 'unknown_uid'],
  [/could not create shared memory segment|could not map anonymous shared/, 'no_shared_memory'],
  [/has wrong ownership|has invalid permissions/, 'wrong_owner'],
  [/could not locate a valid checkpoint record|PANIC:|invalid checksum/, 'damaged'],
];

/** Reads the cause from the lines one PostgreSQL process wrote. */
export function causeOf(output: string): Cause {
  return SIGNS.find(([sign]) => sign.test(output))?.[1] ?? 'other';
}

const ADVICE: Readonly<Record<Cause, string>> = {
  locked: 'another PostgreSQL holds its data directory and does not answer; stop that process',
  port_taken: 'its port is used by another program; stop that program',
  still_shutting_down: 'processes of its previous run have not ended; stop them',
  disk_full: 'the disk is full; free some space',
  other_version: 'its data directory was made by another version of PostgreSQL; use that version',
  unknown_uid:
    'the user it runs as has no entry in /etc/passwd; add one, or set DATABASE_URL to a PostgreSQL of your own',
  no_shared_memory: 'the system gave it no shared memory; raise the limit',
  wrong_owner: 'its data directory belongs to another user or is open to others; correct that',
  damaged: 'its data directory is damaged; restore it from a backup',
  other: 'it stopped by itself; read the reason in its log',
};

/** `broker_unavailable`: what is wrong, the log to read, what to do. */
export function unavailable(reason: string, logFile: string, cause?: unknown): CountersignError {
  return new CountersignError(
    'broker_unavailable',
    `The embedded PostgreSQL is not available: ${reason}, then start again (log: ${logFile}).`,
    { cause },
  );
}

/** The error for a process that died of `cause`. */
export function died(cause: Cause, logFile: string): CountersignError {
  return unavailable(ADVICE[cause], logFile);
}

/** What a start reports: an error of the file system or of PostgreSQL as what is wrong and what to do. */
export function asUnavailable(
  error: unknown,
  directory: string,
  logFile: string,
): CountersignError {
  if (error instanceof CountersignError) return error;
  switch (errnoOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case '53100':
      return unavailable(ADVICE.disk_full, logFile, error);
    case 'EACCES':
    case 'EPERM':
      return unavailable(
        `this user may not use ${directory} or run PostgreSQL there; correct its owner or choose another directory`,
        logFile,
        error,
      );
    case 'EROFS':
      return unavailable(
        `${directory} is read-only; choose a directory that can be written`,
        logFile,
        error,
      );
    case 'ENOTDIR':
      return unavailable(
        `${directory} is not a directory; choose another directory`,
        logFile,
        error,
      );
    default:
      return unavailable(ADVICE.other, logFile, error);
  }
}

/** The `code` of a Node error (`ENOENT`, …), or of PostgreSQL's (`28P01`, …). */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
