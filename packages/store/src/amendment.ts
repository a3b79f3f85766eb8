/** What changes the head itself, beside its entries: a key taking over, the floor of token keys. */
import type { EntryDraft, Intent } from '@countersign/broker';
import type { LedgerHead } from './head.ts';

/** Entries, and what the head says from them on. */
export interface Amendment {
  readonly entries: readonly EntryDraft[];
  /** True: whatever is being decided meanwhile is decided again. */
  readonly isUrgent?: boolean;
  readonly change: Partial<Pick<LedgerHead, 'kek' | 'tokenFloor'>>;
}

export function amendingIntent({ entries, isUrgent }: Amendment): Intent {
  return {
    entries,
    authorityVersion: null,
    changesAuthority: isUrgent ?? false,
    notAfter: null,
    once: [],
    uses: [],
    lease: null,
    effects: [],
  };
}
