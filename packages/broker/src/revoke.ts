/**
 * Taking leases back: when they end, when their authority ends, when a crash left them. One path for
 * all of it, so that recovery is what happens every day. Claims keep two replicas off one lease.
 */
import { suspensions } from '@countersign/authority';
import { CountersignError, uuidv7 } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import { entryIntent } from './denial-log.ts';
import type { Deps } from './deps.ts';
import type { Lease } from './ports.ts';

/** A pending lease older than this was left by a crash: nothing starts so late (Law 4). */
const PENDING_TOO_LONG = 15_000;
const BATCH = 64;
const PARALLEL = 4;
const RETRY_AFTER = 5_000;

export interface Swept {
  readonly revoked: number;
  /** Those that could not be taken back yet; they stay listed and are tried again. */
  readonly pending: number;
}

/** Revokes one lease now. Never throws for the provider's sake: what fails is retried by the reaper. */
export async function revokeLease(deps: Deps, id: string, reason: string): Promise<Swept> {
  return await sweep(deps, { ids: [id], reason, due: false });
}

/** Revokes everything past its end, and what a crash left pending. */
export async function reapDue(deps: Deps): Promise<Swept> {
  return await sweep(deps, { ids: [], reason: 'it ended', due: true });
}

/** Revokes every live lease whose grants or agent no longer stand, whoever changed that. */
export async function revokeWithoutAuthority(deps: Deps): Promise<Swept> {
  const live = await deps.leases.live(null);
  const ids = live.filter((lease) => !stillStands(deps, lease)).map((lease) => lease.id);
  if (ids.length === 0) return { revoked: 0, pending: 0 };
  return await sweep(deps, { ids, reason: 'its authority ended', due: false });
}

/** How long a human waits for open sessions to be cut before being told that some are not yet. */
const CUT_WITHIN = 10_000;
const LOOK_AGAIN = 100;

/**
 * The same, for a human who waits to hear it: every lease that was live `before` the change and stands
 * no more is gone, or counted as pending. Background work on any replica may have been faster.
 */
export async function cutWithoutAuthority(deps: Deps, before: readonly Lease[]): Promise<Swept> {
  await revokeWithoutAuthority(deps);
  const ended = before.filter((lease) => !stillStands(deps, lease)).map((lease) => lease.id);
  const deadline = deps.clock.now() + CUT_WITHIN;
  for (;;) {
    const live = (await deps.leases.live(null)).filter((lease) => ended.includes(lease.id));
    const troubled = live.some((lease) => lease.trouble !== null);
    if (live.length === 0 || troubled || deps.clock.now() >= deadline) {
      return { revoked: ended.length - live.length, pending: live.length };
    }
    await deps.changes.next(LOOK_AGAIN, AbortSignal.timeout(CUT_WITHIN));
  }
}

/** Finds credentials at the providers that no live lease stands for, and revokes them. */
export async function reapStrays(deps: Deps): Promise<void> {
  for (const connection of deps.authority.state.connections.values()) {
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
      for (const { leaseId, error } of report?.failed ?? []) {
        deps.log.warn({ lease: leaseId, reason: error.message }, 'a stray credential resists');
      }
    } catch (error) {
      deps.log.warn(
        { connection: connection.name, reason: words(error) },
        'strays of a connection could not be looked for',
      );
    }
  }
}

/** Law 1: a lease stands only while its agent, and every grant behind it, does. */
function stillStands(deps: Deps, lease: Lease): boolean {
  const { state } = deps.authority;
  const agent = state.agents.get(lease.agent);
  if (agent === undefined || agent.disabledAt !== null) return false;
  return lease.grants.every((id) => {
    const grant = state.grants.get(id);
    return (
      grant !== undefined && grant.revokedAt === null && suspensions(state, grant).length === 0
    );
  });
}

async function sweep(
  deps: Deps,
  query: { readonly ids: readonly string[]; readonly reason: string; readonly due: boolean },
): Promise<Swept> {
  let revoked = 0;
  let pending = 0;
  for (;;) {
    const now = deps.clock.now();
    const claimed = await deps.leases.claimForRevoking({
      now: query.due ? now : 0,
      pendingBefore: query.due ? now - PENDING_TOO_LONG : 0,
      ids: query.ids,
      limit: BATCH,
    });
    if (claimed.length === 0) return { revoked, pending };
    const queue = [...claimed];
    await Promise.all(
      Array.from({ length: PARALLEL }, async () => {
        for (let lease = queue.shift(); lease !== undefined; lease = queue.shift()) {
          if (await revokeClaimed(deps, lease, query.reason)) revoked += 1;
          else pending += 1;
        }
      }),
    );
    if (claimed.length < BATCH) return { revoked, pending };
  }
}

async function revokeClaimed(deps: Deps, lease: Lease, reason: string): Promise<boolean> {
  try {
    const connection = deps.authority.state.connections.get(lease.connection);
    if (connection === undefined) {
      throw new CountersignError('broker_unavailable', 'its connection is not known here');
    }
    const { provider, opened } = await openConnection(deps, connection);
    await provider.issuer?.revoke(opened, lease.id);
    const [outcome] = await deps.journal.commit([
      {
        ...entryIntent(uuidv7(deps.clock, deps.random), 'lease.revoked', {
          lease: lease.id,
          agent: lease.agent,
          decision: lease.decision,
          reason,
        }),
        effects: [
          { kind: 'lease-state', id: lease.id, from: ['pending', 'active'], to: 'revoked' },
        ],
      },
    ]);
    // A pending lease's credential may have been made between the two: once more, now that no
    // exchange can activate it.
    if (lease.state === 'pending') await provider.issuer?.revoke(opened, lease.id);
    deps.changes.notify();
    return outcome?.outcome === 'committed' || outcome?.outcome === 'conflict';
  } catch (error) {
    const trouble = words(error);
    deps.log.warn({ lease: lease.id, trouble }, 'a lease could not be revoked yet');
    await deps.leases.postpone(lease.id, trouble, deps.clock.now() + RETRY_AFTER);
    return false;
  }
}

function words(error: unknown): string {
  if (error instanceof ProviderError || error instanceof CountersignError) return error.message;
  return 'unexpected error';
}
