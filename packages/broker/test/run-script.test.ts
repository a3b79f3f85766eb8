/** Law 4: what a script did is committed only while its authority stands, at that very moment. */
import { emptyState, type Freeze, type Grant } from '@countersign/authority';
import { expect, test } from 'vitest';
import type { Deps } from '../src/deps.ts';
import type { Intent, NewLease, Outcome } from '../src/ports.ts';
import { commitOnStandingAuthority } from '../src/run-script.ts';

const LATER = '2026-11-20T12:00:01.000Z';
const NO_CHANGES = { created: 0, altered: 0, dropped: 0, rows: 0, digest: 'none' };

const GRANT = {
  id: 'grant',
  body: { permissions: [], pins: null, connection: 'connection' },
  revokedAt: null,
  unpinnedAt: null,
} as unknown as Grant;

const LEASE = {
  id: 'lease',
  agent: 'agent',
  connection: 'connection',
  environment: 'environment',
  grants: ['grant'],
} as unknown as NewLease;

/** Authority as this replica knows it; the row of the lease is as it was, whoever is about to take it. */
function broker(outcome: Outcome) {
  const state = emptyState();
  state.agents.set('agent', { disabledAt: null } as never);
  state.grants.set('grant', GRANT);
  state.statements.set('grant', {} as never);
  const committed: Intent[] = [];
  const deps = {
    clock: { now: () => 1000 },
    random: { bytes: (length: number) => new Uint8Array(length) },
    journal: {
      commit: async (intents: readonly Intent[]) => {
        committed.push(...intents);
        return intents.map(() => outcome);
      },
    },
    authority: { state, version: 1, refresh: async () => undefined },
    // Only what the last step of a run uses.
  } as unknown as Deps;
  return { deps, state, committed };
}

const COMMITTED: Outcome = { outcome: 'committed', index: 7, time: LATER, authorityVersion: 1 };

test('is committed while all it rests on stands, fenced on that', async () => {
  const { deps, committed } = broker(COMMITTED);
  expect(await commitOnStandingAuthority(deps, LEASE, '42', NO_CHANGES)).toBe(true);
  expect(committed).toMatchObject([{ authorityVersion: 1 }]);
});

test.each<[string, (state: ReturnType<typeof emptyState>) => void]>([
  ['its grant was revoked', ({ grants }) => grants.set('grant', { ...GRANT, revokedAt: LATER })],
  ['its agent was disabled', ({ agents }) => agents.set('agent', { disabledAt: LATER } as never)],
  [
    'everything was frozen',
    ({ frozen, freezes }) => {
      freezes.set('freeze', { id: 'freeze' } as Freeze);
      frozen.set('everything', ['freeze']);
    },
  ],
])('is undone once %s, though its lease was not taken back yet', async (_, change) => {
  const { deps, state, committed } = broker(COMMITTED);
  change(state);
  expect(await commitOnStandingAuthority(deps, LEASE, '42', NO_CHANGES)).toBe(false);
  expect(committed).toEqual([]);
});

test('is undone where its lease was taken back', async () => {
  const { deps } = broker({ outcome: 'conflict', what: 'lease-state' });
  expect(await commitOnStandingAuthority(deps, LEASE, '42', NO_CHANGES)).toBe(false);
});
