/** Intents as most decisions are: some entries, and what else they carry spread over them. */
import type { EntryDraft, Intent, OnceId } from './ports.ts';

/** An intent of these entries that depends on no authority. */
export function intentOf(
  entries: readonly EntryDraft[],
  options: { readonly changesAuthority: boolean },
): Intent {
  return {
    entries,
    authorityVersion: null,
    changesAuthority: options.changesAuthority,
    notAfter: null,
    once: [],
    uses: [],
    lease: null,
    effects: [],
  };
}

/** An intent of one entry that depends on no authority and changes none. */
export function entryIntent(
  id: string,
  type: string,
  body: Readonly<Record<string, unknown>>,
  once: readonly OnceId[] = [],
): Intent {
  return { ...intentOf([{ id, type, body }], { changesAuthority: false }), once };
}
