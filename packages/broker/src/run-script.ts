/**
 * One script from its durable intent to its outcome in the ledger. The transaction's number is durable
 * before its commit, so whatever dies in between, the one path by which every lease ends can ask the
 * provider what became of it.
 */
import type { RunView } from '@countersign/contract';
import { CountersignError, type DenialCode, uuidv7 } from '@countersign/core';
import {
  type Provider,
  type ProviderConnection,
  ProviderError,
  type Ran,
  type RunOutcome,
  type ScriptChanges,
} from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import { decideAndCommit } from './decide-and-commit.ts';
import { denied, oauthErrorOf, startAtProviderBefore, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import type { NewLease } from './ports.ts';
import { leaseStands } from './revoke.ts';
import { committingEntry, finishedEntry } from './run-entries.ts';
import type { Decided } from './use-cases.ts';

interface ScriptRun {
  readonly lease: NewLease;
  readonly script: string;
  readonly resource: string;
  /** Whether humans signed the very script. */
  readonly signed: boolean;
  /** Limited grants it used. */
  readonly uses: readonly string[];
  /** Of `startBy`: what has not begun by then never begins (Law 4). */
  readonly deadline: number;
}

/** What the run has come to so far, for whoever has to say it. */
interface Progress {
  mark: string | null;
  changes: ScriptChanges | null;
  /** Its authority was gone before it could be committed. */
  ended: boolean;
}

export async function runScript(deps: Deps, run: ScriptRun): Promise<Decided<RunView>> {
  const progress: Progress = { mark: null, changes: null, ended: false };
  try {
    const connection = deps.authority.state.connections.get(run.lease.connection);
    if (connection === undefined) throw UNAVAILABLE();
    const { provider, opened } = await openConnection(deps, connection);
    try {
      const ran = await ask(deps, provider, opened, run, progress);
      return await answer(deps, provider, opened, run, ran, progress);
    } catch (error) {
      return await reconcile(deps, provider, opened, run, progress, error);
    }
  } catch (error) {
    return await notRun(deps, run, progress, error);
  }
}

async function ask(
  deps: Deps,
  provider: Provider,
  opened: ProviderConnection,
  { lease, script, resource, signed, deadline }: ScriptRun,
  progress: Progress,
): Promise<Ran> {
  if (provider.runner === undefined) throw new ProviderError('refused', 'It runs no scripts.');
  return await provider.runner.run(opened, {
    leaseId: lease.id,
    script,
    resource,
    signed,
    expiresAt: lease.expiresAt,
    operations: lease.rights.map(({ operation }) => operation),
    requireStart: () => startAtProviderBefore(deadline),
    beforeCommit: async (mark, changes) => {
      progress.ended = !(await commitOnStandingAuthority(deps, lease, mark, changes));
      if (progress.ended) throw new ProviderError('refused', 'Its authority ended while it ran.');
      progress.mark = mark;
      progress.changes = changes;
    },
  });
}

/**
 * Law 4: the last thing before the provider commits is an entry fenced on the present authority. After
 * a revocation it is not written, and what has begun is undone.
 * @returns whether it was written
 */
export async function commitOnStandingAuthority(
  deps: Deps,
  lease: NewLease,
  mark: string,
  changes: ScriptChanges,
): Promise<boolean> {
  return await decideAndCommit(deps, async () => {
    if (!leaseStands(deps, lease)) {
      return { refuse: async () => false };
    }
    const { id, type, body } = committingEntry(lease, mark, changes);
    return {
      intent: {
        ...entryIntent(id, type, body),
        effects: [{ kind: 'lease-state' as const, id: lease.id, from: ['pending'], to: 'active' }],
      },
      async settle({ outcome }) {
        // A conflict: its lease was taken back meanwhile.
        if (outcome === 'conflict') return false;
        if (outcome !== 'committed') throw UNAVAILABLE();
        return true;
      },
    };
  });
}

async function answer(
  deps: Deps,
  provider: Provider,
  opened: ProviderConnection,
  run: ScriptRun,
  ran: Ran,
  progress: Progress,
): Promise<Decided<RunView>> {
  const view = { id: run.lease.id, grant: run.lease.grants[0] ?? '' };
  switch (ran.outcome) {
    case 'committed':
      await deps.revoker.revoke([run.lease], 'its script has run', progress);
      return allowed(run.lease, { ...view, outcome: 'committed', changes: ran.changes });
    case 'failed':
      await giveUp(deps, provider, opened, run, progress, { failure: ran.failure });
      return allowed(run.lease, { ...view, outcome: 'failed', failure: { ...ran.failure } });
    case 'exceeded': {
      await deps.revoker.revoke([run.lease], 'it went beyond its grant and was undone', progress);
      const missing = ran.operations.join(', ');
      return await refusal(
        deps,
        run.lease,
        'not_granted',
        `It would have done what only ${missing} stands for, which is not granted. All of it was undone.`,
      );
    }
  }
}

function allowed(
  lease: NewLease,
  view: Omit<RunView, 'changes' | 'failure'> & Partial<Pick<RunView, 'changes' | 'failure'>>,
): Decided<RunView> {
  return {
    allowed: true,
    decision: lease.decision,
    value: { changes: null, failure: null, ...view },
  };
}

/** The provider said no and undid everything: the use comes back. */
async function giveUp(
  deps: Deps,
  provider: Provider,
  opened: ProviderConnection,
  { lease, uses }: ScriptRun,
  progress: Progress,
  why: Readonly<Record<string, unknown>>,
): Promise<void> {
  try {
    await provider.issuer?.revoke(opened, lease.id);
  } catch {
    // It stays listed, and ends as every lease does; its use stays spent.
    await deps.revoker.revoke([lease], 'its script failed', progress);
    return;
  }
  await deps.journal.commit([
    {
      ...entryIntent(
        uuidv7(deps.clock, deps.random),
        'run.finished',
        finishedEntry(lease, 'rolled_back', { ...why, uses_returned: uses }),
      ),
      effects: [
        { kind: 'lease-state', id: lease.id, from: ['pending', 'active'], to: 'failed' },
        ...(uses.length === 0 ? [] : [{ kind: 'return-use' as const, grants: uses }]),
      ],
    },
  ]);
}

/** Something may have happened: end it, then ask what did. Never again by itself. */
async function reconcile(
  deps: Deps,
  provider: Provider,
  opened: ProviderConnection,
  run: ScriptRun,
  progress: Progress,
  error: unknown,
): Promise<Decided<RunView>> {
  const { lease } = run;
  const { ended } = progress;
  const kind = error instanceof ProviderError ? error.kind : null;
  logTrouble(deps, lease, error);
  if (progress.mark === null && !ended && (kind === 'refused' || kind === 'misconfigured')) {
    await giveUp(deps, provider, opened, run, progress, { reason: 'the provider refused it' });
    return await refusal(deps, lease, 'provider_refused', SAID.provider_refused);
  }
  const { pending } = await deps.revoker.revoke([lease], 'its script did not finish', progress);
  // What it had come to when nothing of it was left.
  const { mark, changes } = progress;
  const outcome = pending > 0 ? 'unknown' : await outcomeOf(provider, opened, mark);
  if (outcome === 'committed') {
    const view = { id: lease.id, grant: lease.grants[0] ?? '', outcome, changes };
    return allowed(lease, view);
  }
  if (ended && outcome === 'rolled_back') {
    return await refusal(deps, lease, 'token_revoked', SAID.ended);
  }
  const detail = outcome === 'rolled_back' ? SAID.undone : SAID.unknown;
  return await refusal(deps, lease, 'provider_unavailable', detail);
}

async function outcomeOf(
  provider: Provider,
  opened: ProviderConnection,
  mark: string | null,
): Promise<RunOutcome> {
  // Its mark is durable before it is committed, and nothing of it is under way any more.
  if (mark === null) return 'rolled_back';
  try {
    return (await provider.runner?.outcome(opened, mark)) ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

/** Before the provider was asked at all: the lease is taken back, and says so. */
async function notRun(
  deps: Deps,
  { lease }: ScriptRun,
  progress: Progress,
  error: unknown,
): Promise<Decided<never>> {
  logTrouble(deps, lease, error);
  await deps.revoker.revoke([lease], 'its script was not run', progress);
  return await refusal(deps, lease, 'broker_unavailable', SAID.unknown);
}

const SAID = {
  provider_refused:
    'The provider refused to run it, and nothing was changed. An admin can see why.',
  ended: 'Its grant was revoked while it ran, and all of it was undone.',
  undone: 'It did not finish, and all of it was undone.',
  unknown: 'It is not known whether it was committed. The ledger will say, under run.finished.',
} as const;

function logTrouble(deps: Deps, lease: NewLease, error: unknown): void {
  const ours = error instanceof ProviderError || error instanceof CountersignError;
  const reason = ours ? error.message : 'unexpected error';
  deps.log.warn({ lease: lease.id, connection: lease.connection, reason }, 'a script did not run');
}

async function refusal(
  deps: Deps,
  lease: NewLease,
  code: DenialCode,
  detail: string,
): Promise<Decided<never>> {
  return await denied(deps, {
    agent: lease.agent,
    stage: 'run',
    code,
    detail,
    oauthError: oauthErrorOf(code),
    asked: { lease: lease.id },
    once: [],
  });
}
