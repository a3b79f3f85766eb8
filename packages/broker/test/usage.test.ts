import { encodeEntry } from '@countersign/ledger';
import { describe, expect, test } from 'vitest';
import type { Journal, JournalEntry, Usage, UsageCount } from '../src/ports.ts';
import { countUsage } from '../src/usage.ts';

const AGENT = '018f0000-0000-7000-8000-00000000000a';
const GRANT = '018f0000-0000-7000-8000-00000000000b';
const HUMAN = '018f0000-0000-7000-8000-00000000000c';
const TIME = '2026-11-20T12:00:00.000Z';

function entry(index: number, type: string, body: Readonly<Record<string, unknown>>): JournalEntry {
  const id = `01999f5e-7a40-7000-8000-${`${index}`.padStart(12, '0')}`;
  const bytes = encodeEntry({ v: 1, id, time: TIME, type, body });
  return { index, id, type, time: TIME, bytes, leafHash: new Uint8Array() };
}

/** The part of the broker that counts: a ledger, and a place for counts. */
function ledgerOf(entries: readonly JournalEntry[], counted = 0) {
  const kept: (UsageCount & { readonly day: string })[] = [];
  const seen = { counted, steps: 0, restarted: 0 };
  const journal: Pick<Journal, 'head' | 'read'> = {
    head: async () => ({
      ...{ size: entries.length, root: new Uint8Array(), authorityVersion: 0, time: TIME },
      authorityChain: new Uint8Array(32),
      clockSkew: 0,
    }),
    async *read(from, to) {
      yield* entries.slice(from, to);
    },
  };
  const usage: Pick<Usage, 'counted' | 'add' | 'restart'> = {
    counted: async () => seen.counted,
    async add(from, to, counts) {
      seen.steps += 1;
      if (from !== seen.counted) return false;
      seen.counted = to;
      kept.push(...counts);
      return true;
    },
    async restart() {
      seen.restarted += 1;
      seen.counted = 0;
    },
  };
  // Only these members are asked for.
  return { kept, seen, deps: { journal, usage } as unknown as Parameters<typeof countUsage>[0] };
}

async function countsOf(type: string, body: Readonly<Record<string, unknown>>) {
  const { kept, deps } = ledgerOf([entry(0, type, body)]);
  await countUsage(deps, 1_000);
  return kept.map(({ subject, kind, what, count }) => [subject, kind, what, count]);
}

const allowed = { verdict: 'allowed', agent: AGENT, grants: [GRANT] };

describe('an entry', () => {
  test.each([
    [
      'a token: its agent and credential, and no use of a grant',
      'decision',
      { ...allowed, stage: 'issue', credential: 'K' },
      [
        [AGENT, 'allowed', 'issue', 1],
        [AGENT, 'credential', 'K', 1],
      ],
    ],
    [
      'an exchange: its grants too',
      'decision',
      { ...allowed, stage: 'exchange' },
      [
        [AGENT, 'allowed', 'exchange', 1],
        [GRANT, 'grant', '', 1],
      ],
    ],
    [
      'a denial, by its code',
      'decision',
      { verdict: 'denied', agent: AGENT, code: 'not_granted', stage: 'issue' },
      [[AGENT, 'denied', 'not_granted', 1]],
    ],
    [
      'the sum of a minute, less the first, which is an entry',
      'denials.summed',
      { agent: AGENT, code: 'frozen', count: 7 },
      [[AGENT, 'denied', 'frozen', 6]],
    ],
    ['a sign-in', 'session.opened', { human: HUMAN, kid: 'K' }, [[HUMAN, 'session', 'K', 1]]],
    ['what nobody did: nothing', 'decision', { verdict: 'allowed', stage: 'dry-run' }, []],
    ['a code that is none', 'decision', { verdict: 'denied', agent: AGENT, code: 'x' }, []],
    ['an agent that is no id', 'decision', { ...allowed, agent: 'x', grants: [] }, []],
    ['a text beyond measure', 'decision', { ...allowed, grants: [], stage: 'x'.repeat(101) }, []],
    ['a sum that is none', 'denials.summed', { agent: AGENT, code: 'frozen', count: 'many' }, []],
    ['something else', 'lease.revoked', { agent: AGENT }, []],
  ])('counts as %s', async (_, type, body, counts) => {
    expect(await countsOf(type, body)).toEqual(counts);
  });

  test('that cannot be read counts as nothing, and hinders no other', async () => {
    const bad = { ...entry(0, 'decision', {}), bytes: Buffer.from('{"body":') };
    const { kept, deps } = ledgerOf([bad, entry(1, 'decision', { ...allowed, stage: 'run' })]);
    expect(await countUsage(deps, 1_000)).toEqual({ entries: 2, of: 2 });
    expect(kept).toMatchObject([{ kind: 'allowed', what: 'run' }, { kind: 'grant' }]);
  });
});

describe('counting', () => {
  const agentOf = (i: number) => `018f0000-0000-7000-8000-${`${i}`.padStart(12, '0')}`;
  /** Each by another agent: as many counts as there can be. */
  const many = Array.from({ length: 10_000 }, (_, i) =>
    entry(i, 'decision', { ...allowed, stage: 'exchange', agent: agentOf(i) }),
  );

  test('goes on where it ended, in steps, each adding up its own entries', async () => {
    const { kept, seen, deps } = ledgerOf(many, 100);
    expect(await countUsage(deps, 60_000)).toEqual({ entries: 10000, of: 10000 });
    expect(seen.steps).toBe(3);
    const total = kept
      .filter(({ kind }) => kind === 'grant')
      .reduce((n, { count }) => n + count, 0);
    expect(total).toBe(9_900);
  });

  test('stops when its time is over, and says how far it came', async () => {
    const { deps } = ledgerOf(many);
    expect(await countUsage(deps, 0)).toEqual({ entries: 0, of: 10000 });
  });

  test('begins anew on a ledger that is shorter than what was counted', async () => {
    const { seen, deps } = ledgerOf(many, 10_001);
    expect(await countUsage(deps, 60_000)).toEqual({ entries: 10000, of: 10000 });
    expect(seen.restarted).toBe(1);
  });
});
