/**
 * Takes single leases back at their providers. Each connection has a queue of its own, so that a dead
 * target delays nobody else's leases; a claim keeps other replicas off a lease while it is worked on.
 */
import type { Connection } from '@countersign/authority';
import { CountersignError, uuidv7 } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { madeUnder, takenBackBy } from './former-connections.ts';
import { intentOf } from './intents.ts';
import type { Lease } from './ports.ts';
import { editedOf, endingOf, type RunProgress } from './run-entries.ts';

/** Leases of one connection that are worked on at once. */
const PARALLEL = 2;
/** Milliseconds until a lease that could not be taken back is tried again; twice as long each time… */
const FIRST_RETRY = 1_000;
/** …up to this: how long a lease may outlive the return of a target that was away. */
const LONGEST_RETRY = 60_000;
/** So many waiting for one connection that it pays to ask which of them are in use… */
const CROWD = 16;
/** …every so many milliseconds. */
const LOOK_AGAIN = 1_000;
/** More sessions than a target has. */
const SESSIONS = 10_000;

export interface Swept {
  readonly revoked: number;
  /** Those that could not be taken back yet; they stay listed and are tried again. */
  readonly pending: number;
}

/** Another replica has the lease: neither gone nor in trouble. */
const BUSY = new CountersignError('conflict', 'another replica is at it');

type Named = Pick<Lease, 'id' | 'connection'>;

export interface Revoker {
  /** Leases that are queued or being taken back by this server. */
  readonly queued: number;
  /**
   * Resolves when each was taken back or put off. Never rejects for a provider's sake. `progress`: of their
   * run, where this server ran it.
   */
  revoke(leases: readonly Named[], reason: string, progress?: RunProgress): Promise<Swept>;
  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void>;
}

interface Job {
  readonly lease: Named;
  readonly reason: string;
  readonly progress: RunProgress | null;
  readonly done: (revoked: boolean) => void;
}

interface Queue {
  readonly waiting: Job[];
  running: number;
  /** Milliseconds: not before then is the target asked which leases are in use. */
  lookAt: number;
}

export function createRevoker(deps: Omit<Deps, 'revoker'>): Revoker {
  const queues = new Map<string, Queue>();
  const known = new Map<string, Promise<boolean>>();
  /** How often each lease was tried in vain, by this process. */
  const failures = new Map<string, number>();

  function enqueue(lease: Named, reason: string, progress: RunProgress | null): Promise<boolean> {
    const present = known.get(lease.id);
    if (present !== undefined) return present;
    const queue = queues.get(lease.connection) ?? { waiting: [], running: 0, lookAt: 0 };
    queues.set(lease.connection, queue);
    const job = new Promise<boolean>((done) => {
      queue.waiting.push({ lease, reason, progress, done });
    }).finally(() => known.delete(lease.id));
    known.set(lease.id, job);
    for (; queue.running < PARALLEL && queue.running < queue.waiting.length; ) {
      queue.running += 1;
      void work(lease.connection, queue);
    }
    return job;
  }

  async function work(connection: string, queue: Queue): Promise<void> {
    for (;;) {
      await putSessionsFirst(connection, queue);
      const job = queue.waiting.shift();
      if (job === undefined) break;
      const failure = await attempt(deps, job);
      if (failure === null) failures.delete(job.lease.id);
      else if (failure !== BUSY) await putOff(queue, job, failure);
      job.done(failure === null);
    }
    queue.running -= 1;
    if (queue.running === 0) queues.delete(connection);
  }

  /**
   * Law 4: a login ends with its lease, a session that is open then only when its turn comes. Where many
   * wait, leases in use go first, those too that are past their end and not even queued.
   */
  async function putSessionsFirst(connection: string, queue: Queue): Promise<void> {
    const now = deps.clock.now();
    if (queue.waiting.length < CROWD || now < queue.lookAt) return;
    queue.lookAt = now + LOOK_AGAIN;
    const among = await leasesInUse(deps, connection);
    if (among.length === 0) return;
    const ended = { now, pendingBefore: 0, among, limit: SESSIONS };
    const due = await deps.leases.due(ended).catch(() => []);
    for (const lease of due) void enqueue(lease, 'it ended', null);
    const inUse = new Set(among);
    const [first, others] = [true, false].map((is) =>
      queue.waiting.filter(({ lease }) => inUse.has(lease.id) === is),
    );
    queue.waiting.splice(0, queue.waiting.length, ...(first ?? []), ...(others ?? []));
  }

  /** One word to the operator and one write, however many leases wait for the same target. */
  async function putOff(queue: Queue, job: Job, failure: Error): Promise<void> {
    const isAway = failure instanceof ProviderError && failure.kind === 'unavailable';
    // The target is not there: the rest of its queue would only wait for the same answer.
    const others = isAway ? queue.waiting.splice(0) : [];
    const failed = (failures.get(job.lease.id) ?? 0) + 1;
    failures.set(job.lease.id, failed);
    const delay = Math.min(FIRST_RETRY * 2 ** Math.min(failed - 1, 10), LONGEST_RETRY);
    await postpone(deps, [job, ...others], failure, delay);
    for (const other of others) other.done(false);
  }

  return {
    get queued() {
      return known.size;
    },
    async revoke(leases, reason, progress) {
      const outcomes = await Promise.all(
        leases.map((lease) => enqueue(lease, reason, progress ?? null)),
      );
      const revoked = outcomes.filter((outcome) => outcome).length;
      return { revoked, pending: outcomes.length - revoked };
    },
    async idle() {
      while (known.size > 0) await Promise.all(known.values());
    },
  };
}

/** What could not be asked changes only the order. */
async function leasesInUse(deps: Omit<Deps, 'revoker'>, id: string): Promise<readonly string[]> {
  const connection = deps.authority.state.connections.get(id);
  if (connection === undefined) return [];
  try {
    const { provider, opened } = await openConnection(deps, connection);
    return (await provider.issuer?.inUse?.(opened)) ?? [];
  } catch {
    return [];
  }
}

/** @returns null when the lease is gone, else why it is not yet. */
async function attempt(
  deps: Omit<Deps, 'revoker'>,
  { lease: { id }, reason, progress }: Job,
): Promise<Error | null> {
  try {
    const lease = await deps.leases.claim(id, deps.clock.now());
    if (lease === null) {
      const present = await deps.leases.find(id);
      return present?.state === 'pending' || present?.state === 'active' ? BUSY : null;
    }
    if (!lease.intact) {
      deps.log.warn({ lease: id }, 'a lease was edited in the database and is taken back');
    }
    await takeBack(deps, lease, reason, progress);
    deps.changes.notify();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error('unknown');
  }
}

async function takeBack(
  deps: Omit<Deps, 'revoker'>,
  lease: Lease,
  reason: string,
  progress: RunProgress | null,
): Promise<void> {
  const connection = deps.authority.state.connections.get(lease.connection);
  if (connection === undefined) {
    throw new CountersignError('broker_unavailable', 'its connection is not known here');
  }
  const made = await revokeWhereMade(deps, connection, lease);
  const { id, agent, decision } = lease;
  const body = { lease: id, agent, decision, reason, ...editedOf(lease) };
  const revoked = { id: uuidv7(deps.clock, deps.random), type: 'lease.revoked', body };
  const entries = [revoked, ...(await endingOf(deps, made, lease, reason, progress))];
  await deps.journal.commit([
    {
      ...intentOf(entries, { changesAuthority: false }),
      effects: [{ kind: 'lease-state', id: lease.id, from: ['pending', 'active'], to: 'revoked' }],
    },
  ]);
  // A pending lease's credential may have been made between the two: once more, now that no exchange
  // can activate it.
  if (lease.state === 'pending') await made.provider.issuer?.revoke(made.opened, lease.id);
}

/** @returns the connection as which the provider took it back */
async function revokeWhereMade(
  deps: Omit<Deps, 'revoker'>,
  connection: Connection,
  lease: Lease,
): ReturnType<typeof openConnection> {
  const [first, ...others] = madeUnder(connection, lease);
  for (const made of others) await revokeAs(deps, takenBackBy(connection, made), lease.id);
  return await revokeAs(deps, takenBackBy(connection, first ?? connection), lease.id);
}

/** By the first of them that can; throws what the last of them said. */
async function revokeAs(
  deps: Omit<Deps, 'revoker'>,
  [connection, ...others]: readonly Connection[],
  lease: string,
): ReturnType<typeof openConnection> {
  if (connection === undefined) throw UNAVAILABLE();
  try {
    const reached = await openConnection(deps, connection);
    await reached.provider.issuer?.revoke(reached.opened, lease);
    return reached;
  } catch (error) {
    if (others.length === 0 || !isOurs(error)) throw error;
    return await revokeAs(deps, others, lease);
  }
}

async function postpone(
  deps: Omit<Deps, 'revoker'>,
  jobs: readonly Job[],
  failure: Error,
  delay: number,
): Promise<void> {
  const trouble = isOurs(failure) ? failure.message : 'unexpected error';
  const ids = jobs.map(({ lease }) => lease.id);
  deps.log.warn(
    { lease: ids[0], leases: ids.length, trouble, retry_in: delay / 1000 },
    'a lease could not be revoked yet',
  );
  try {
    await deps.leases.postpone(ids, trouble, deps.clock.now() + delay);
  } catch (error) {
    deps.log.warn(
      { lease: ids[0], trouble: isOurs(error) ? error.message : 'unexpected error' },
      'nor put off',
    );
  }
}

function isOurs(error: unknown): error is ProviderError | CountersignError {
  return error instanceof ProviderError || error instanceof CountersignError;
}
