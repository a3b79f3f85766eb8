/** One authority entry as the database has it, into a state: what counts, what is left out, what stops. */
import { type AuthorityState, fold, isReadable } from '@countersign/authority';
import { isAuthorityEntryType } from '@countersign/contract';
import { CountersignError } from '@countersign/core';
import { decodeEntry, type LedgerEntry, leafHash } from '@countersign/ledger';
import type { BrokerLog } from './deps.ts';
import type { JournalEntry } from './ports.ts';

/**
 * Law 1: a row edited in the database with no statement behind it has no effect, and is reported: what
 * does not hash to its leaf, or is refused by the fold, is left out.
 *
 * @throws CountersignError `broker_unavailable` for an entry this version cannot read. The journal vouched
 * for it, so another version wrote it, and acknowledged it: Law 4, no decision without it.
 */
export async function foldStored(
  state: AuthorityState,
  stored: JournalEntry,
  log: BrokerLog,
): Promise<void> {
  const report = (reason: string): void => {
    log.warn(
      { index: stored.index, reason },
      'an authority entry in the database has no effect; run `countersign audit verify`',
    );
  };
  if (!Buffer.from(leafHash(stored.bytes)).equals(Buffer.from(stored.leafHash))) {
    report('its bytes do not hash to its leaf');
    return;
  }
  const { time, type, body } = readEntry(stored);
  if (!isAuthorityEntryType(type) || !isReadable(type, body)) throw tooNew(stored.index);
  const refusal = await fold(state, { index: stored.index, time, type, body });
  if (refusal !== null) report(refusal.message);
}

function readEntry(stored: JournalEntry): LedgerEntry {
  try {
    return decodeEntry(stored.bytes);
  } catch {
    throw tooNew(stored.index);
  }
}

function tooNew(index: number): CountersignError {
  return new CountersignError(
    'broker_unavailable',
    `Ledger entry ${index} carries authority that this version cannot read. A newer one wrote it: upgrade this server; until then it decides nothing.`,
  );
}
