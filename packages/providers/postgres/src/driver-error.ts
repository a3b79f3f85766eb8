/**
 * Driver errors end here. They carry queries, parameters and the server's words; what goes on is a
 * kind, a sentence of ours and, inside this package only, the SQLSTATE.
 */
import { ProviderError, type ProviderErrorKind } from '@countersign/provider-kit';
import postgres from 'postgres';

/** `sqlstate` is null when the server said nothing. It decides retries and never leaves the package. */
export class TargetError extends ProviderError {
  readonly sqlstate: string | null;
  /** Another transaction was in the way, nothing happened, and the same again may succeed. */
  readonly conflict: boolean;

  constructor(
    kind: ProviderErrorKind,
    message: string,
    { sqlstate = null, conflict = false }: { sqlstate?: string | null; conflict?: boolean } = {},
  ) {
    super(kind, message);
    this.name = 'TargetError';
    this.sqlstate = sqlstate;
    this.conflict = conflict;
  }
}

export const LOCK_NOT_AVAILABLE = '55P03';
export const DEPENDENT_OBJECTS = '2BP01';
export const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Serialization failure, deadlock, unique violation, role exists, role does not exist; and what PostgreSQL
 * calls an internal error, which a catalog row gives that another transaction changed or removed meanwhile
 * (`tuple concurrently updated`, `cache lookup failed`), in the server's own language.
 */
const CONFLICTS = new Set(['40001', '40P01', '23505', '42710', '42704', 'XX000']);

/**
 * What a failed transaction means. `commitSent`: COMMIT was on its way, so a lost connection leaves
 * the outcome unknown; before that a lost connection means that nothing happened.
 */
export function toTargetError(error: unknown, commitSent: boolean): ProviderError {
  if (error instanceof TargetError) return error;
  if (error instanceof postgres.PostgresError) return fromServer(error, commitSent);
  if (commitSent) return new TargetError('unknown_outcome', LOST);
  // Made anew: the driver hangs the failed query on whatever error a socket gave it.
  if (error instanceof ProviderError) return new ProviderError(error.kind, error.message);
  const code = codeOf(error);
  if (code === null) {
    return new TargetError('unknown_outcome', 'The PostgreSQL provider failed unexpectedly.');
  }
  return new TargetError('unavailable', `PostgreSQL is not reachable (${code}).`);
}

const LOST = 'The connection was lost while PostgreSQL was committing.';

function fromServer(error: postgres.PostgresError, commitSent: boolean): TargetError {
  const sqlstate = error.code;
  if (commitSent && error.severity !== 'ERROR') return new TargetError('unknown_outcome', LOST);
  const [kind, message] = meaningOf(sqlstate, error.message);
  return new TargetError(kind, message, {
    sqlstate,
    conflict: CONFLICTS.has(sqlstate),
  });
}

/** An ERROR rolls its transaction back, so whatever is not better known was refused. */
function meaningOf(sqlstate: string, message: string): readonly [ProviderErrorKind, string] {
  switch (sqlstate) {
    case '28P01':
    case '28000':
      return ['misconfigured', 'PostgreSQL refused the root credential of this connection.'];
    case '3D000':
      return ['misconfigured', 'The database of this connection does not exist.'];
    case INSUFFICIENT_PRIVILEGE:
      // The server names the object that is missing a right; object names are no secrets.
      return ['misconfigured', `The role of this connection lacks a right: ${oneLine(message)}.`];
    case '42P01':
    case '3F000':
    case '42703':
      return ['refused', 'A table, schema or column of this lease no longer exists.'];
    case LOCK_NOT_AVAILABLE:
      return ['unavailable', 'A lock in PostgreSQL was not free in time.'];
    case 'XX000':
      return ['unavailable', 'PostgreSQL met an internal error (XX000).'];
    case '57014':
      return ['unavailable', 'PostgreSQL did not finish a statement in time.'];
    case DEPENDENT_OBJECTS:
      return ['unavailable', 'Objects in PostgreSQL still depend on a role that should go.'];
  }
  if (/^(08|53|57|58|40)/.test(sqlstate)) {
    return ['unavailable', `PostgreSQL cannot serve this now (${sqlstate}).`];
  }
  return ['refused', `PostgreSQL refused (${sqlstate}).`];
}

function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 200);
}

function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(error.code) ? error.code : null;
}
