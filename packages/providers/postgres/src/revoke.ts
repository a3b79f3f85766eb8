/**
 * Taking a lease back, in the order that leaves no moment to slip through: no new session, no open
 * session, nothing owned, no rights, no role. Each step is its own commit and each can be repeated, so
 * a crash anywhere is finished by doing it all again.
 */
import { ProviderError } from '@countersign/provider-kit';
import { retryConflicts, type Target } from './connect.ts';
import { disown } from './disown.ts';
import {
  DEPENDENT_OBJECTS,
  INSUFFICIENT_PRIVILEGE,
  LOCK_NOT_AVAILABLE,
  TargetError,
} from './driver-error.ts';
import { joinRole } from './join-role.ts';
import type { Transaction } from './session.ts';

const ATTEMPTS = 20;
/** An agent that comes back as fast as it is cut off gets tired later than this does. */
const CLOSING_ATTEMPTS = 200;

/** Succeeds when the role is gone, also when it never was. `role` is a name of ours. */
export async function revokeLease(target: Target, role: string): Promise<void> {
  const oid = await closeLogin(target, role);
  if (oid === null) return;
  await endSessions(target, oid);
  try {
    await removeRole(target, role, oid);
  } catch (error) {
    const beyondUs =
      error instanceof TargetError &&
      (error.sqlstate === DEPENDENT_OBJECTS || error.sqlstate === INSUFFICIENT_PRIVILEGE);
    throw beyondUs ? stillNamed(role) : error;
  }
}

async function removeRole(target: Target, role: string, oid: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await disown(target, role, oid);
    // A login that had passed its checks before the first step shows itself by now.
    await endSessions(target, oid);
    try {
      await retryConflicts(() =>
        target.transaction((tx) => tx.unsafe(`DROP ROLE IF EXISTS ${role}`)),
      );
      return;
    } catch (error) {
      // What a session left at its very end appears only after it ended.
      const left = error instanceof TargetError && error.sqlstate === DEPENDENT_OBJECTS;
      if (!left || attempt === 3) throw error;
    }
  }
}

/**
 * After its commit nobody can log in as the role. The session of a lease can hold this off: an open
 * transaction that changed its own password locks the row. So from the second attempt on sessions
 * are ended in the same breath, until the change gets through.
 * @returns the role's oid, or null when there is no such role
 */
async function closeLogin(target: Target, role: string): Promise<number | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await target.transaction(async (tx, reached) => {
        const oid = await roleOid(tx, role);
        if (oid === null) return await proveAbsence(tx, role);
        await tx.unsafe(`SET LOCAL lock_timeout = '${attempt === 1 ? 500 : 100}ms'`);
        await joinRole(tx, reached, role);
        if (attempt > 1) await terminate(tx, oid, 1000);
        await tx.unsafe(`ALTER ROLE ${role} NOLOGIN PASSWORD NULL`);
        return oid;
      });
    } catch (error) {
      const inTheWay =
        error instanceof TargetError && (error.conflict || error.sqlstate === LOCK_NOT_AVAILABLE);
      if (!inTheWay || attempt === CLOSING_ATTEMPTS) throw error;
    }
  }
}

async function roleOid(tx: Transaction, role: string): Promise<number | null> {
  const [row] = await tx<{ oid: number }[]>`
    SELECT oid FROM pg_roles WHERE rolname = ${role}::text`;
  return row?.oid ?? null;
}

/**
 * A mint that has not committed is invisible, but the catalog's unique index knows its name: making
 * the role waits for it, and fails (a conflict, tried again) if the mint committed.
 */
async function proveAbsence(tx: Transaction, role: string): Promise<null> {
  await tx.unsafe(`CREATE ROLE ${role} NOLOGIN; DROP ROLE ${role}`);
  return null;
}

/** Each round sees sessions afresh; PostgreSQL itself does the waiting. */
async function endSessions(target: Target, oid: number): Promise<void> {
  for (let round = 1; round <= ATTEMPTS; round += 1) {
    const left = await target.transaction((tx) => terminate(tx, oid, 500));
    if (left === 0) return;
  }
  throw new ProviderError('unavailable', 'A session of this lease does not end.');
}

/** Signals all, then waits for each. @returns how many there were */
async function terminate(tx: Transaction, oid: number, milliseconds: number): Promise<number> {
  const sessions = await tx<{ pid: number }[]>`
    SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usesysid = ${oid} AND pid <> pg_backend_pid()`;
  for (const { pid } of sessions) await tx`SELECT pg_terminate_backend(${pid}, ${milliseconds})`;
  return sessions.length;
}

function stillNamed(role: string): ProviderError {
  return new ProviderError(
    'misconfigured',
    `The role ${role} can no longer log in and has no session, but the role of this connection may not remove what still names it: SELECT deptype, pg_describe_object(classid, objid, objsubid) FROM pg_shdepend WHERE refobjid = '${role}'::regrole; remove that and the next attempt drops it.`,
  );
}
