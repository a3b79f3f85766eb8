/**
 * The intents of one group commit, put in order against one head: who fits beside those before, and
 * what the head becomes. Pure; the database then confirms all of it or nothing.
 */
import type { Intent, NewLease, OnceId, Outcome } from '@countersign/broker';
import { isAuthorityEntryType } from '@countersign/contract';
import { fromInstant, inputError, isUuid, toInstant } from '@countersign/core';
import {
  appendLeaf,
  EMPTY_CHAIN,
  encodeEntry,
  extendChain,
  leafHash,
  rangeRoot,
  retimeEntry,
} from '@countersign/ledger';
import { usesIn } from './counted-uses.ts';
import type { LedgerHead } from './head.ts';

export type Refusal = Exclude<Outcome, { outcome: 'committed' }>;

export interface EncodedEntry {
  readonly id: string;
  readonly type: string;
  readonly agent: string | null;
  readonly authority: boolean;
  /** Whether it takes or gives back uses of limited grants. */
  readonly counts: boolean;
  readonly bytes: Uint8Array;
  readonly leafHash: Uint8Array;
}

/** An intent whose entries are known to be encodable. */
export interface Prepared {
  readonly intent: Intent;
  /** For an instant; the latest one is remembered. */
  encode(time: string): readonly EncodedEntry[];
}

/** @throws CountersignError `invalid_request` for an entry that is none (form or size), or a time that is none */
export function prepare(intent: Intent, time: string): Prepared {
  requireTimes(intent);
  const drafts = intent.entries.map(({ id, type, body }) => {
    const bytes = encodeEntry({ v: 1, id, time, type, body });
    const counts = countsUses(intent) && usesIn(bytes).size > 0;
    return { id, type, agent: agentOf(body), authority: isAuthorityEntryType(type), counts, bytes };
  });
  let latest: { readonly time: string; readonly entries: readonly EncodedEntry[] } | null = null;
  return {
    intent,
    encode(at) {
      if (latest?.time !== at) {
        const entries = drafts.map((draft) => {
          const bytes = at === time ? draft.bytes : retimeEntry(draft.bytes, draft.type, at);
          return { ...draft, bytes, leafHash: leafHash(bytes) };
        });
        latest = { time: at, entries };
      }
      return latest.entries;
    },
  };
}

function countsUses({ uses, effects }: Intent): boolean {
  return uses.length > 0 || effects.some(({ kind }) => kind === 'return-use');
}

function agentOf(body: Readonly<Record<string, unknown>>): string | null {
  const agent = body['agent'];
  return typeof agent === 'string' && isUuid(agent) ? agent : null;
}

function requireTimes({ once, lease, effects }: Intent): void {
  const times = once.map((seen) => seen.expiresAt);
  if (lease !== null) times.push(lease.expiresAt);
  for (const effect of effects) {
    if (effect.kind === 'spend-invitation') times.push(effect.now);
    if (effect.kind === 'access-request') times.push(effect.request.createdAt);
  }
  if (!times.every((ms) => Number.isFinite(new Date(ms).getTime()))) {
    throw inputError('invalid_request', 'A time is not a number of milliseconds.');
  }
}

/** What is gone already, as the database says. Empty while nobody asked it. */
export interface Taken {
  /** Entry and lease ids. */
  readonly ids: ReadonlySet<string>;
  readonly once: ReadonlySet<string>;
  readonly used: ReadonlyMap<string, number>;
}

export const NOTHING_TAKEN: Taken = { ids: new Set(), once: new Set(), used: new Map() };

export interface UseCount {
  readonly count: number;
  readonly max: number;
}

export class Batch {
  /** The head it was planned on. */
  readonly base: LedgerHead;
  /** Milliseconds of this server's clock; compared with the database's in the commit itself. */
  readonly now: number;
  /** Instant of every entry in it. Law 4: time never runs behind the head. */
  readonly time: string;

  readonly entries: EncodedEntry[] = [];
  readonly once: OnceId[] = [];
  readonly leases: NewLease[] = [];
  readonly uses = new Map<string, UseCount>();

  #head: LedgerHead;
  readonly #ids: Set<string>;
  readonly #once: Set<string>;
  readonly #used: Map<string, number>;

  constructor(base: LedgerHead, now: number, taken: Taken) {
    this.base = base;
    this.now = now;
    this.time = toInstant(Math.max(now, fromInstant(base.time)));
    this.#head = base;
    this.#ids = new Set(taken.ids);
    this.#once = new Set(taken.once);
    this.#used = new Map(taken.used);
  }

  /** The head after what was accepted. */
  get head(): LedgerHead {
    return this.#head;
  }

  get changesAuthority(): boolean {
    return this.#head.authorityVersion !== this.base.authorityVersion;
  }

  /** Why an intent does not fit behind those accepted so far; null when it does. Row effects aside. */
  refusalOf({ intent }: Prepared): Refusal | null {
    // Law 4: no decision on stale authority, not even that of an intent earlier in this batch.
    const version = intent.authorityVersion;
    if (version !== null && version !== this.#head.authorityVersion) return { outcome: 'stale' };
    const time = fromInstant(this.time);
    if (intent.notAfter !== null && time > intent.notAfter) return { outcome: 'stale' };
    // A clock set back since: what was judged by the later time is not written at the earlier one.
    if (intent.notBefore !== undefined && time < intent.notBefore) return { outcome: 'stale' };
    const ids = intent.entries.map((entry) => entry.id);
    if (intent.lease !== null) ids.push(intent.lease.id);
    if (meets(this.#ids, ids)) return { outcome: 'replayed' };
    const once = intent.once.map((seen) => seen.id);
    if (meets(this.#once, once)) return { outcome: 'replayed' };
    const counts = countUses(intent);
    for (const [grant, { count, max }] of counts) {
      if ((this.#used.get(grant) ?? 0) + count > max) return { outcome: 'exhausted', grant };
    }
    return null;
  }

  /** Appends an intent that fits, and says what its caller hears once the batch is durable. */
  accept(prepared: Prepared): Outcome {
    const { intent } = prepared;
    const index = this.#head.size;
    let { range, authorityChain, usesChain } = this.#head;
    const entries = prepared.encode(this.time);
    for (const entry of entries) {
      range = appendLeaf(range, entry.leafHash);
      if (entry.authority) authorityChain = extendChain(authorityChain, entry.leafHash);
      if (entry.counts) usesChain = extendChain(usesChain ?? EMPTY_CHAIN, entry.leafHash);
      this.entries.push(entry);
      this.#ids.add(entry.id);
    }
    for (const seen of intent.once) {
      this.once.push(seen);
      this.#once.add(seen.id);
    }
    for (const [grant, { count, max }] of countUses(intent)) {
      const sum = this.uses.get(grant);
      this.uses.set(grant, {
        count: (sum?.count ?? 0) + count,
        max: Math.min(sum?.max ?? max, max),
      });
      this.#used.set(grant, (this.#used.get(grant) ?? 0) + count);
    }
    if (intent.lease !== null) {
      this.leases.push(intent.lease);
      this.#ids.add(intent.lease.id);
    }
    for (const effect of intent.effects) {
      if (effect.kind !== 'return-use') continue;
      for (const grant of effect.grants) {
        this.#used.set(grant, (this.#used.get(grant) ?? 0) - 1);
      }
    }
    this.#head = {
      ...this.#head,
      size: range.size,
      range,
      authorityChain,
      usesChain,
      authorityVersion: this.#head.authorityVersion + (intent.changesAuthority ? 1 : 0),
      time: entries.length > 0 ? this.time : this.#head.time,
    };
    return {
      outcome: 'committed',
      index,
      time: this.time,
      authorityVersion: this.#head.authorityVersion,
    };
  }

  /** What else the next head says: the key it is under, the floor of token keys. */
  amend(change: Partial<Pick<LedgerHead, 'kek' | 'tokenFloor'>>): void {
    this.#head = { ...this.#head, ...change };
  }

  /** The head with its root, which is computed once for the whole batch. */
  finish(): LedgerHead {
    this.#head = { ...this.#head, root: rangeRoot(this.#head.range) };
    return this.#head;
  }
}

/** True when a value is in the set, or twice in the list. */
function meets(set: ReadonlySet<string>, values: readonly string[]): boolean {
  return new Set(values).size !== values.length || values.some((value) => set.has(value));
}

function countUses(intent: Intent): ReadonlyMap<string, UseCount> {
  const counts = new Map<string, UseCount>();
  for (const { grant, max } of intent.uses) {
    const count = (counts.get(grant)?.count ?? 0) + 1;
    counts.set(grant, { count, max: Math.min(counts.get(grant)?.max ?? max, max) });
  }
  return counts;
}
