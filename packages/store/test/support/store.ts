/** Stores and intents for tests. */
import { randomBytes } from 'node:crypto';
import type { Intent, JournalEntry, NewLease } from '@countersign/broker';
import { type Clock, type Random, Secret, uuidv7 } from '@countersign/core';
import { emptyRoot, rootOf } from '@countersign/ledger';
import postgres from 'postgres';
import { openStore, type Store, type StoreOptions } from '../../src/index.ts';

const systemClock: Clock = { now: () => Date.now() };
const systemRandom: Random = { bytes: (length) => randomBytes(length) };
const KEK = new Secret<Uint8Array>('kek', Buffer.alloc(32, 7));

export function newId(): string {
  return uuidv7(systemClock, systemRandom);
}

export function open(url: string, options: Partial<StoreOptions> = {}): Promise<Store> {
  return openStore({
    url: new Secret('database URL', url),
    kek: KEK,
    clock: systemClock,
    poolSize: 2,
    ...options,
  });
}

/** An intent of one entry, which says what it uses and gives back; everything else as given. */
export function intent(changes: Partial<Intent> = {}, type = 'decision'): Intent {
  const uses = (changes.uses ?? []).map(({ grant }) => grant);
  const uses_returned = (changes.effects ?? []).flatMap((effect) =>
    effect.kind === 'return-use' ? effect.grants : [],
  );
  const entry =
    uses_returned.length === 0
      ? { type, body: { verdict: 'allow', ...(uses.length === 0 ? {} : { uses }) } }
      : { type: 'lease.failed', body: { uses_returned } };
  return {
    entries: [{ id: newId(), ...entry }],
    authorityVersion: null,
    changesAuthority: false,
    notAfter: null,
    once: [],
    uses: [],
    lease: null,
    effects: [],
    ...changes,
  };
}

export function authorityChange(version: number | null = null): Intent {
  return intent({ changesAuthority: true, authorityVersion: version }, 'statement.proposed');
}

export function lease(changes: Partial<NewLease> = {}): NewLease {
  return {
    id: newId(),
    agent: newId(),
    connection: 'pg',
    environment: 'staging',
    grants: [newId(), newId()],
    rights: [{ operation: 'postgres:select', resource: 'public.orders', deleteCapable: false }],
    expiresAt: Date.now() + 60_000,
    decision: newId(),
    ...changes,
  };
}

export async function collect(entries: AsyncIterable<JournalEntry>): Promise<JournalEntry[]> {
  const all: JournalEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

/** True when the head says exactly what the entries add up to. */
export async function isTreeWhole(store: Store): Promise<boolean> {
  const head = await store.journal.head();
  const entries = await collect(store.journal.read(0, head.size + 1));
  const root = entries.length === 0 ? emptyRoot() : rootOf(entries.map((entry) => entry.leafHash));
  return entries.length === head.size && Buffer.compare(root, head.root) === 0;
}

/** Runs SQL behind the store's back. */
export async function edit(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}
