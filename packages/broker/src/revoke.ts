/**
 * Which leases must go: those that ended, those whose authority ended, those a crash left, and what is
 * at a provider without a lease. Taking them back is the revoker's, on one path for all of them.
 */
import { type Connection, haltOf, latestRestoration, suspensions } from '@countersign/authority';
import { CountersignError, fromInstant, MAX_CLOCK_SKEW } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import type { Lease, LeaseCensus, NewLease } from './ports.ts';
import type { Swept } from './revoker.ts';
import { isRun } from './run-entries.ts';

/** Milliseconds. A pending lease older than this was left by a crash: nothing starts so late (Law 4). */
const PENDING_TOO_LONG = 60_000;
/** How long a human waits for open sessions to be cut before being told that some are not yet. */
const CUT_WITHIN = 10_000;
const LOOK_AGAIN = 200;
/** Of one connection. */
const DUE_AT_ONCE = 256;

/**
 * Sets about revoking everything past its end, and what was begun and left. It waits for none of it:
 * a target that does not answer delays its own leases only.
 */
export async function reapDue(deps: Deps): Promise<void> {
  const now = deps.clock.now();
  const due = await deps.leases.due({
    now,
    pendingBefore: now - PENDING_TOO_LONG,
    limit: DUE_AT_ONCE,
  });
  // A run is pending for as long as its script takes, and ends where its lease does.
  const ended = due.filter((lease) => lease.expiresAt <= now || !isRun(deps, lease));
  void deps.revoker.revoke(ended, 'it ended');
}

/** How many leases are live, late or in trouble, by the same measure as `reapDue`. */
export async function countLeases(deps: Deps): Promise<LeaseCensus> {
  return await deps.leases.census({ now: deps.clock.now(), pendingFor: PENDING_TOO_LONG });
}

/**
 * Revokes every live lease whose grants or agent no longer stand, whoever changed that. One that was
 * tried already is `reapDue`'s, at its time.
 */
export async function revokeWithoutAuthority(deps: Deps): Promise<Swept> {
  const live = await deps.leases.live(null);
  const ended = live.filter((lease) => lease.trouble === null && !stillStands(deps, lease));
  return await deps.revoker.revoke(ended, 'its authority ended');
}

/**
 * The same, for a human who waits to hear it: every lease that was live `before` the change, or is now,
 * and stands no more, is gone or counted as pending. Another replica may have been faster.
 */
export async function cutWithoutAuthority(deps: Deps, before: readonly Lease[]): Promise<Swept> {
  const seen = new Map(
    [...before, ...(await deps.leases.live(null))].map((each) => [each.id, each]),
  );
  const ended = [...seen.values()].filter((lease) => !stillStands(deps, lease));
  if (ended.length === 0) return { revoked: 0, pending: 0 };
  const patience = AbortSignal.timeout(CUT_WITHIN);
  const tried = deps.revoker.revoke(ended, 'its authority ended');
  await Promise.race([
    tried,
    new Promise((resolve) => patience.addEventListener('abort', resolve)),
  ]);
  for (;;) {
    const live = (await deps.leases.live(null)).filter((lease) =>
      ended.some(({ id }) => id === lease.id),
    );
    const troubled = live.some((lease) => lease.trouble !== null);
    if (live.length === 0 || troubled || patience.aborted) {
      return { revoked: ended.length - live.length, pending: live.length };
    }
    await deps.changes.next(LOOK_AGAIN, patience);
  }
}

/** Whether a lease that this server could not take back is gone: another may be at it, and is waited for. */
export async function isGone(deps: Deps, id: string): Promise<boolean> {
  const patience = AbortSignal.timeout(CUT_WITHIN);
  for (;;) {
    const lease = await deps.leases.find(id);
    if (lease?.state !== 'pending' && lease?.state !== 'active') return true;
    if (lease.trouble !== null || patience.aborted) return false;
    await deps.changes.next(LOOK_AGAIN, patience);
  }
}

/** Finds credentials at the providers that no live lease stands for, and revokes them. */
export async function reapStrays(deps: Deps): Promise<void> {
  // Those of a removed connection are looked for before its credential is destroyed.
  const present = [...deps.authority.state.connections.values()].filter(
    ({ removedAt }) => removedAt === null,
  );
  await Promise.all(present.map((connection) => reapStraysOf(deps, connection)));
}

/** @returns whether no credential is left there that no live lease stands for */
export async function reapStraysOf(deps: Deps, connection: Connection): Promise<boolean> {
  try {
    const { provider, opened } = await openConnection(deps, connection);
    const report = await provider.issuer?.reap(opened, async () => {
      // Of every connection: several may share one cluster, and roles are cluster-wide.
      const live = await deps.leases.live(null);
      return new Set(live.map((lease) => lease.id));
    });
    for (const lease of report?.revoked ?? []) {
      deps.log.warn({ lease, connection: connection.name }, 'a stray credential was revoked');
    }
    const failed = report?.failed ?? [];
    for (const { leaseId, error } of failed) {
      deps.log.warn({ lease: leaseId, reason: error.message }, 'a stray credential resists');
    }
    return failed.length === 0;
  } catch (error) {
    const ours = error instanceof ProviderError || error instanceof CountersignError;
    const reason = ours ? error.message : 'unexpected error';
    deps.log.warn(
      { connection: connection.name, reason },
      'strays of a connection could not be looked for',
    );
    return false;
  }
}

/** Law 1: a row that was edited by hand stands for nothing, nor one from before the database was restored. */
function stillStands(deps: Deps, lease: Lease): boolean {
  return lease.intact && !isOfLostTime(deps, lease) && leaseStands(deps, lease);
}

/** By its id too, which the row's mark covers, and which is as old as its server's clock said. */
function isOfLostTime(deps: Deps, { id, createdAt }: Lease): boolean {
  const restored = latestRestoration(deps.authority.state);
  if (restored === null) return false;
  const madeAt = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  const since = fromInstant(restored.at);
  return createdAt < since || madeAt < since - MAX_CLOCK_SKEW;
}

/** Law 1: a lease stands only while its agent, and every grant behind it, does, and nothing of it is frozen. */
export function leaseStands(deps: Deps, lease: NewLease): boolean {
  const { state } = deps.authority;
  if (lease.grants.length === 0) return false;
  const agent = state.agents.get(lease.agent);
  if (agent === undefined || agent.disabledAt !== null) return false;
  if (haltOf(state, lease) !== null) return false;
  return lease.grants.every((id) => {
    const grant = state.grants.get(id);
    return (
      grant !== undefined && grant.revokedAt === null && suspensions(state, grant).length === 0
    );
  });
}
