/**
 * The entries of a run after its decision: `run.committing`, with the mark by which the provider can
 * be asked, and `run.finished`, written with the end of its lease by whoever ends it.
 */
import { providerOf, UnfaithfulLedger, uuidv7 } from '@countersign/core';
import { decodeEntry } from '@countersign/ledger';
import type {
  Provider,
  ProviderConnection,
  Runner,
  RunOutcome,
  ScriptChanges,
} from '@countersign/provider-kit';
import type { Deps } from './deps.ts';
import type { EntryDraft, Journal, JournalEntry, Lease, NewLease } from './ports.ts';

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

/** What a run has come to, as the server that runs it sees it; it changes for as long as the run lasts. */
export interface RunProgress {
  /** By which the provider can be asked; null: nothing was committed, nor can be once its login is gone. */
  readonly mark: string | null;
  readonly changes: unknown;
}

/**
 * What goes into the ledger with the end of a run's lease, once the provider holds nothing of it; none
 * for a lease that was a login. `progress` where this server ran it, null where the ledger has to tell.
 * @throws ProviderError when the provider cannot say yet
 */
export async function endingOf(
  deps: Pick<Deps, 'journal' | 'clock' | 'random' | 'rules' | 'log'>,
  { provider, opened }: { readonly provider: Provider; readonly opened: ProviderConnection },
  lease: Lease,
  reason: string,
  progress: RunProgress | null,
): Promise<readonly EntryDraft[]> {
  const { runner } = provider;
  if (runner === undefined || !isRun(deps, lease)) return [];
  const reached = progress ?? (await progressIn(deps, lease));
  const outcome = reached === null ? 'unknown' : await outcomeOf(runner, opened, reached.mark);
  const changes = reached?.changes ?? null;
  const more = { reason, ...(changes === null ? {} : { changes }), ...editedOf(lease) };
  const body = finishedEntry(lease, outcome, more);
  return [{ id: uuidv7(deps.clock, deps.random), type: 'run.finished', body }];
}

async function outcomeOf(
  runner: Runner,
  opened: ProviderConnection,
  mark: string | null,
): Promise<RunOutcome> {
  // Law 4: the mark is durable before the commit, so without one nothing was committed.
  return mark === null ? 'rolled_back' : await runner.outcome(opened, mark);
}

/** By the ledger; null: it does not tell. */
async function progressIn(
  { journal, log }: Pick<Deps, 'journal' | 'log'>,
  lease: Lease,
): Promise<RunProgress | null> {
  try {
    return (await markNamed(journal, lease)) ?? (await markSince(journal, lease));
  } catch (error) {
    if (!(error instanceof UnfaithfulLedger)) throw error;
    // Law 1: what was changed or taken away tells nothing, least of all that nothing happened.
    log.warn({ lease: lease.id, reason: error.message }, 'the outcome of a script is not known');
    return null;
  }
}

/** The short way, by the id of its entry. That there is none so proves nothing. */
async function markNamed(journal: Journal, { id }: Lease): Promise<RunProgress | null> {
  try {
    const entry = await journal.find(id);
    return entry === null ? null : markIn(entry);
  } catch (error) {
    if (error instanceof UnfaithfulLedger) return null;
    throw error;
  }
}

/** Every entry from the decision on, none of them left out. Law 1: no other way tells that there is no mark. */
async function markSince(journal: Journal, lease: Lease): Promise<RunProgress | null> {
  const decision = lease.intact ? await journal.find(lease.decision) : null;
  if (decision === null) return null;
  let found: JournalEntry | null = null;
  let isRestored = false;
  for await (const entry of journal.readProven(decision.index + 1)) {
    if (entry.id === lease.id) found = entry;
    isRestored ||= entry.type === 'restored';
  }
  if (found !== null) return markIn(found);
  // What was lost with a restore may have been this very entry.
  return isRestored ? null : { mark: null, changes: null };
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

/** An entry of a lease's id that is of no run tells nothing. */
function markIn({ bytes }: JournalEntry): RunProgress | null {
  const { type, body } = decodeEntry(bytes);
  const { mark, changes } = body;
  if (type !== 'run.committing' || typeof mark !== 'string') return null;
  return { mark, changes: changes ?? null };
}
