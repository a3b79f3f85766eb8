/**
 * The entries of a run after its decision: `run.committing`, with the mark by which the provider can
 * be asked, and `run.finished`, written with the end of its lease by whoever ends it.
 */
import { providerOf, uuidv7 } from '@countersign/core';
import { decodeEntry } from '@countersign/ledger';
import type {
  Provider,
  ProviderConnection,
  RunOutcome,
  ScriptChanges,
} from '@countersign/provider-kit';
import type { Deps } from './deps.ts';
import type { EntryDraft, Lease, NewLease } from './ports.ts';

/** Its id is the lease's, so that whoever finds the lease finds the mark. */
export function committingEntry(lease: NewLease, mark: string, changes: ScriptChanges): EntryDraft {
  const body = { run: lease.id, agent: lease.agent, decision: lease.decision, mark, changes };
  return { id: lease.id, type: 'run.committing', body };
}

export function finishedEntry(
  lease: NewLease,
  outcome: RunOutcome,
  more: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { id, agent, grants, decision } = lease;
  return { run: id, agent, grants, decision, outcome, ...more };
}

/**
 * What goes into the ledger with the end of a run's lease, once the provider holds nothing of it; none
 * for a lease that was a login. @throws ProviderError when the provider cannot say yet
 */
export async function endingOf(
  deps: Pick<Deps, 'journal' | 'clock' | 'random' | 'rules'>,
  provider: Provider,
  opened: ProviderConnection,
  lease: Lease,
  reason: string,
): Promise<readonly EntryDraft[]> {
  const { runner } = provider;
  if (runner === undefined || !isRun(deps, lease)) return [];
  const committing = await deps.journal.find(lease.id);
  const { mark, changes } = markIn(committing?.bytes ?? null);
  // Law 4: the mark is durable before the commit, so without one nothing was committed.
  const outcome = mark === null ? 'rolled_back' : await runner.outcome(opened, mark);
  const more = { reason, ...(changes === null ? {} : { changes }), ...editedOf(lease) };
  const body = finishedEntry(lease, outcome, more);
  return [{ id: uuidv7(deps.clock, deps.random), type: 'run.finished', body }];
}

/** Law 1: what an entry says of a row that was edited by hand is that row's word, and the entry says so. */
export function editedOf({ intact }: Lease): { readonly edited?: true } {
  return intact ? {} : { edited: true };
}

/** Whether a lease is a run, whose login only the broker has. */
export function isRun(deps: Pick<Deps, 'rules'>, { rights }: NewLease): boolean {
  return rights.some(
    ({ operation }) => deps.rules.get(providerOf(operation))?.runnable(operation) === true,
  );
}

function markIn(bytes: Uint8Array | null): { mark: string | null; changes: unknown } {
  if (bytes === null) return { mark: null, changes: null };
  const { type, body } = decodeEntry(bytes);
  // An entry of this id that is none of ours tells nothing, and the outcome stays unknown.
  if (type !== 'run.committing') return { mark: '', changes: null };
  return { mark: String(body['mark'] ?? ''), changes: body['changes'] ?? null };
}
