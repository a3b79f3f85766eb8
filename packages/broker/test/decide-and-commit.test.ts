/** Law 4's one loop, against a journal that says what it is told to: what is committed, and on what. */
import { emptyState } from '@countersign/authority';
import { CountersignError } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { type At, decideAndCommit } from '../src/decide-and-commit.ts';
import type { Deps } from '../src/deps.ts';
import { entryIntent } from '../src/intents.ts';
import type { Intent, Outcome } from '../src/ports.ts';

const COMMITTED: Outcome = { outcome: 'committed', index: 7, time: '', authorityVersion: 1 };

function broker(
  outcomes: readonly Outcome[],
  /** `behind`: how many times a look at the ledger finds news. */
  options: { readonly versions?: readonly number[]; readonly behind?: number } = {},
) {
  const committed: Intent[] = [];
  const versions = [...(options.versions ?? [])];
  let version = 1;
  let refreshed = 0;
  let behind = options.behind ?? 1;
  const state = { ...emptyState(), time: '2026-11-20T12:00:00.000Z' };
  const deps = {
    clock: { now: () => 1000 },
    journal: {
      commit: async ([intent]: readonly Intent[]) => {
        if (intent !== undefined) committed.push(intent);
        return [outcomes[committed.length - 1] ?? { outcome: 'stale' }];
      },
    },
    authority: {
      state,
      get version() {
        return version;
      },
      refresh: async () => {
        refreshed += 1;
        if (behind > 0) version += 1;
        behind -= 1;
      },
    },
    // Only what the loop uses; the rest of the ports belongs to others.
  } as unknown as Deps;
  const seen: At[] = [];
  const decide = async (at: At) => {
    seen.push(at);
    version = versions.shift() ?? version;
    return {
      intent: entryIntent('id', 'decision', {}),
      settle: async ({ outcome }: { outcome: string }) =>
        outcome === 'exhausted' ? null : outcome,
    };
  };
  return { deps, decide, committed, seen, refreshes: () => refreshed };
}

describe('deciding and committing', () => {
  test('is fenced on the very version it was decided on', async () => {
    const { deps, decide, committed, seen } = broker([COMMITTED]);
    expect(await decideAndCommit(deps, decide)).toBe('committed');
    expect(committed.map((intent) => intent.authorityVersion)).toEqual([seen[0]?.version]);
  });

  test('decides again, on what is known then, when another replica was faster', async () => {
    const { deps, decide, committed, refreshes } = broker([{ outcome: 'stale' }, COMMITTED]);
    expect(await decideAndCommit(deps, decide)).toBe('committed');
    expect(committed.map((intent) => intent.authorityVersion)).toEqual([1, 2]);
    expect(refreshes()).toBe(1);
  });

  test('commits nothing that was decided while authority moved', async () => {
    const { deps, decide, committed } = broker([COMMITTED], { versions: [5] });
    await decideAndCommit(deps, decide);
    expect(committed.map((intent) => intent.authorityVersion)).toEqual([5]);
  });

  test('refuses nothing on authority that moved either', async () => {
    const { deps } = broker([], { behind: 1 });
    let looks = 0;
    const answer = await decideAndCommit(deps, async () => {
      looks += 1;
      if (looks === 1) await deps.authority.refresh();
      return { refuse: async () => `refused at look ${looks}` };
    });
    expect(answer).toBe('refused at look 2');
  });

  test('refuses nothing that another replica has granted since', async () => {
    const { deps } = broker([], { behind: 1 });
    const versions: number[] = [];
    const answer = await decideAndCommit(deps, async ({ version }) => {
      versions.push(version);
      return { refuse: async () => 'refused' };
    });
    expect(answer).toBe('refused');
    expect(versions).toEqual([1, 2]);
  });

  test('lets a decision ask to be made again', async () => {
    const { deps, decide } = broker([{ outcome: 'exhausted', grant: 'g' }, COMMITTED]);
    expect(await decideAndCommit(deps, decide)).toBe('committed');
  });

  test('gives up on what goes stale for ever, and does not loop', async () => {
    const { deps, decide, committed } = broker([], { behind: 100 });
    const attempt = decideAndCommit(deps, decide);
    await expect(attempt).rejects.toSatisfy(
      (error) => error instanceof CountersignError && error.code === 'broker_unavailable',
    );
    expect(committed.length).toBeLessThan(20);
  });

  test('never looks from a time before the ledger it decides on', async () => {
    const { deps, decide, seen } = broker([COMMITTED]);
    await decideAndCommit(deps, decide);
    expect(seen[0]?.now).toBe(Date.parse('2026-11-20T12:00:00.000Z'));
  });
});
