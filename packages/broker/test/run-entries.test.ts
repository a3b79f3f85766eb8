/** Laws 1 and 4: what became of a run is said by those who know, and never concluded from what is not found. */
import { UnfaithfulLedger } from '@countersign/core';
import { encodeEntry } from '@countersign/ledger';
import type { Provider, ProviderConnection } from '@countersign/provider-kit';
import { expect, test } from 'vitest';
import type { Deps } from '../src/deps.ts';
import type { JournalEntry, Lease } from '../src/ports.ts';
import { committingEntry, endingOf, type RunProgress } from '../src/run-entries.ts';

const DECISION = '01980000-0000-7000-8000-000000000001';
const RUN = '01980000-0000-7000-8000-000000000002';
const OTHER = '01980000-0000-7000-8000-000000000003';
const CHANGES = { created: 1, altered: 0, dropped: 0, rows: 0, digest: 'some' };

const LEASE = {
  id: RUN,
  agent: 'agent',
  grants: ['grant'],
  rights: [{ operation: 'postgres:create', resource: 'public', deleteCapable: true }],
  decision: DECISION,
  state: 'active',
  intact: true,
} as unknown as Lease;

function entry(index: number, id: string, type: string, body = {}): JournalEntry {
  const time = '2026-11-20T12:00:00.000Z';
  const bytes = encodeEntry({ v: 1, id, time, type, body });
  return { index, id, type, time, bytes, leafHash: Buffer.alloc(32) };
}
const decision = entry(7, DECISION, 'decision');
const committing = entry(9, RUN, 'run.committing', committingEntry(LEASE, '42', CHANGES).body);
const denial = entry(8, OTHER, 'decision');
const restored = entry(8, OTHER, 'restored');
const CHANGED = new UnfaithfulLedger('changed');

interface Ledger {
  /** What the database finds by id. */
  readonly named: readonly JournalEntry[];
  /** What follows the decision; null: it was changed. */
  readonly since: readonly JournalEntry[] | null;
}

/** The provider knows the transaction 42, which was committed. */
async function outcomeOf(ledger: Ledger, lease = LEASE, progress: RunProgress | null = null) {
  const asked: string[] = [];
  const deps = {
    clock: { now: () => 1000 },
    random: { bytes: (length: number) => new Uint8Array(length) },
    rules: new Map([['postgres', { runnable: () => true }]]),
    log: { warn: () => undefined },
    journal: {
      find: async (id: string) => {
        asked.push(id);
        const found = ledger.named.find((each) => each.id === id);
        if (found === undefined && ledger.named.length === 0) throw CHANGED;
        return found ?? null;
      },
      async *readProven(from: number) {
        expect(from).toBe(decision.index + 1);
        yield* ledger.since ?? [];
        if (ledger.since === null) throw CHANGED;
      },
    },
    // Only what ends a run.
  } as unknown as Deps;
  const provider = {
    runner: {
      outcome: async (_: unknown, mark: string) => (mark === '42' ? 'committed' : 'unknown'),
    },
  } as unknown as Provider;
  const made = { provider, opened: {} as ProviderConnection };
  const [ended] = await endingOf(deps, made, lease, 'it ended', progress);
  return { ...ended?.body, asked };
}

test.each<[string, Ledger, string]>([
  ['was committed, by its entry', { named: [decision, committing], since: null }, 'committed'],
  [
    'was committed, though no id names its entry',
    { named: [decision], since: [denial, committing] },
    'committed',
  ],
  [
    'was committed, though something was lost after it',
    { named: [decision], since: [committing, restored] },
    'committed',
  ],
  ['was not, by every entry since', { named: [decision], since: [denial] }, 'rolled_back'],
  ['is not known where one of those was changed', { named: [decision], since: null }, 'unknown'],
  [
    'is not known where some were lost with a restore',
    { named: [decision], since: [restored] },
    'unknown',
  ],
  ['is not known where its decision is not found', { named: [denial], since: [] }, 'unknown'],
  ['is not known where nothing that is found can be believed', { named: [], since: [] }, 'unknown'],
  [
    'is not known by an entry of its id that is another',
    { named: [decision, entry(9, RUN, 'decision')], since: [entry(9, RUN, 'decision')] },
    'unknown',
  ],
])('it %s', async (_, ledger, outcome) => {
  const found = await outcomeOf(ledger);
  expect(found).toMatchObject({ run: RUN, outcome });
  expect('changes' in found).toBe(outcome === 'committed');
});

test('the row of an edited lease says nothing of where to look', async () => {
  const edited = { ...LEASE, intact: false };
  expect(await outcomeOf({ named: [decision], since: [] }, edited)).toMatchObject({
    outcome: 'unknown',
    edited: true,
  });
});

test.each([
  ['committed', { mark: '42', changes: CHANGES }],
  ['rolled_back', { mark: null, changes: null }],
])(
  'the server that ran it knows that it was %s, whatever the database says',
  async (outcome, progress) => {
    expect(await outcomeOf({ named: [], since: null }, LEASE, progress)).toMatchObject({
      outcome,
      asked: [],
    });
  },
);
