/**
 * Takes single leases back at their providers. Each connection has a queue of its own, so that a dead
 * target delays nobody else's leases; a claim keeps other replicas off a lease while it is worked on.
 */
import { CountersignError, uuidv7 } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import type { Lease } from './ports.ts';

/** Leases of one connection that are worked on at once. */
const PARALLEL = 2;
/** Milliseconds until a lease that could not be taken back is tried again. */
const RETRY_AFTER = 5_000;

export interface Swept {
  readonly revoked: number;
  /** Those that could not be taken back yet; they stay listed and are tried again. */
  readonly pending: number;
}

type Named = Pick<Lease, 'id' | 'connection'>;

export interface Revoker {
  /** Leases that are queued or being taken back by this server. */
  readonly queued: number;
  /** Resolves when each was taken back or put off. Never rejects for a provider's sake. */
  revoke(leases: readonly Named[], reason: string): Promise<Swept>;
  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void>;
}

interface Job {
  readonly lease: Named;
  readonly reason: string;
  readonly done: (revoked: boolean) => void;
}

interface Queue {
  readonly waiting: Job[];
  running: number;
}

export function createRevoker(deps: Omit<Deps, 'revoker'>): Revoker {
  const queues = new Map<string, Queue>();
  const known = new Map<string, Promise<boolean>>();

  function enqueue(lease: Named, reason: string): Promise<boolean> {
    const present = known.get(lease.id);
    if (present !== undefined) return present;
    const queue = queues.get(lease.connection) ?? { waiting: [], running: 0 };
    queues.set(lease.connection, queue);
    const job = new Promise<boolean>((done) => {
      queue.waiting.push({ lease, reason, done });
    }).finally(() => known.delete(lease.id));
    known.set(lease.id, job);
    for (; queue.running < PARALLEL && queue.running < queue.waiting.length; ) {
      queue.running += 1;
      void work(lease.connection, queue);
    }
    return job;
  }

  async function work(connection: string, queue: Queue): Promise<void> {
    for (let job = queue.waiting.shift(); job !== undefined; job = queue.waiting.shift()) {
      const failure = await attempt(deps, job.lease.id, job.reason);
      job.done(failure === null);
      if (failure instanceof ProviderError && failure.kind === 'unavailable') {
        // The target is not there: the rest of its queue would only wait for the same answer.
        for (const other of queue.waiting.splice(0)) {
          await postpone(deps, other.lease.id, failure);
          other.done(false);
        }
      }
    }
    queue.running -= 1;
    if (queue.running === 0) queues.delete(connection);
  }

  return {
    get queued() {
      return known.size;
    },
    async revoke(leases, reason) {
      const outcomes = await Promise.all(leases.map((lease) => enqueue(lease, reason)));
      const revoked = outcomes.filter((outcome) => outcome).length;
      return { revoked, pending: outcomes.length - revoked };
    },
    async idle() {
      while (known.size > 0) await Promise.all(known.values());
    },
  };
}

/** @returns null when the lease is gone, else why it is not yet (`busy` where another has it). */
async function attempt(
  deps: Omit<Deps, 'revoker'>,
  id: string,
  reason: string,
): Promise<Error | null> {
  try {
    const lease = await deps.leases.claim(id, deps.clock.now());
    if (lease === null) {
      const present = await deps.leases.find(id);
      const isLive = present?.state === 'pending' || present?.state === 'active';
      return isLive ? new CountersignError('conflict', 'another replica is at it') : null;
    }
    await takeBack(deps, lease, reason);
    deps.changes.notify();
    return null;
  } catch (error) {
    const failure = error instanceof Error ? error : new Error('unknown');
    await postpone(deps, id, failure);
    return failure;
  }
}

async function takeBack(deps: Omit<Deps, 'revoker'>, lease: Lease, reason: string): Promise<void> {
  const connection = deps.authority.state.connections.get(lease.connection);
  if (connection === undefined) {
    throw new CountersignError('broker_unavailable', 'its connection is not known here');
  }
  const { provider, opened } = await openConnection(deps, connection);
  await provider.issuer?.revoke(opened, lease.id);
  const body = { lease: lease.id, agent: lease.agent, decision: lease.decision, reason };
  await deps.journal.commit([
    {
      ...entryIntent(uuidv7(deps.clock, deps.random), 'lease.revoked', body),
      effects: [{ kind: 'lease-state', id: lease.id, from: ['pending', 'active'], to: 'revoked' }],
    },
  ]);
  // A pending lease's credential may have been made between the two: once more, now that no exchange
  // can activate it.
  if (lease.state === 'pending') await provider.issuer?.revoke(opened, lease.id);
}

async function postpone(deps: Omit<Deps, 'revoker'>, id: string, failure: Error): Promise<void> {
  const trouble = isOurs(failure) ? failure.message : 'unexpected error';
  deps.log.warn({ lease: id, trouble }, 'a lease could not be revoked yet');
  try {
    await deps.leases.postpone(id, trouble, deps.clock.now() + RETRY_AFTER);
  } catch (error) {
    deps.log.warn(
      { lease: id, trouble: isOurs(error) ? error.message : 'unexpected error' },
      'nor put off',
    );
  }
}

function isOurs(error: unknown): error is ProviderError | CountersignError {
  return error instanceof ProviderError || error instanceof CountersignError;
}
