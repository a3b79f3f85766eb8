/**
 * Authority as a client computes it for itself before it shows a statement to a human (Law 1): every
 * signature and threshold, from an export that may leave all other entries out.
 */
import { type AuthorityState, emptyState, fold } from '@countersign/authority';
import { isAuthorityEntryType } from '@countersign/contract';
import { CountersignError } from '@countersign/core';
import { decodeEntry, type LedgerEntry, leafHash, type StoredEntry } from '@countersign/ledger';
import { openExport } from './export-lines.ts';
import { ExportFault, entryFault, type Finding } from './finding.ts';
import { claimedCheckpoint, originFinding, parseTrust } from './origin.ts';

export type Replay =
  | {
      readonly ok: true;
      readonly state: AuthorityState;
      /** Entries under the signed checkpoint: a later answer may not count fewer. */
      readonly size: number;
    }
  | { readonly ok: false; readonly finding: Finding };

/**
 * Folds an export's authority entries. With an `authority_only` export no tree can be computed, so
 * nothing shows that no entry was left out; whole ledgers are for `verifyExport`.
 *
 * @throws CountersignError `invalid_request` when `trust` is neither fingerprint nor verifier key
 */
export async function replayAuthority(
  lines: AsyncIterable<string>,
  options: { readonly trust?: string } = {},
): Promise<Replay> {
  const trust = options.trust === undefined ? null : parseTrust(options.trust);
  const state = emptyState();
  try {
    const { header, entries } = await openExport(lines);
    const { size } = claimedCheckpoint(header);
    let previous = -1;
    for await (const stored of entries) {
      if (stored.index <= previous) throw fault(stored, 'it is out of order');
      if (stored.index >= size) throw fault(stored, 'the checkpoint does not count it');
      previous = stored.index;
      await replay(state, stored);
    }
    const finding = originFinding(header, state, trust);
    return finding === null ? { ok: true, state, size } : { ok: false, finding };
  } catch (error) {
    if (error instanceof ExportFault) return { ok: false, finding: error.finding };
    throw error;
  }
}

async function replay(state: AuthorityState, stored: StoredEntry): Promise<void> {
  if (Buffer.compare(leafHash(stored.bytes), stored.leafHash) !== 0) {
    throw fault(stored, 'its bytes are not those that were hashed');
  }
  const { type, time, body } = decoded(stored);
  if (!isAuthorityEntryType(type)) return;
  const refusal = await fold(state, { index: stored.index, time, type, body });
  if (refusal !== null) {
    throw fault(stored, `it carries no authority; ${refusal.message.replace(/\.$/, '')}`);
  }
}

function decoded(stored: StoredEntry): LedgerEntry {
  try {
    return decodeEntry(stored.bytes);
  } catch (error) {
    if (error instanceof CountersignError) throw fault(stored, error.message.replace(/\.$/, ''));
    throw error;
  }
}

function fault(stored: StoredEntry, why: string): ExportFault {
  return new ExportFault(entryFault(stored.index, why, stored.bytes));
}
