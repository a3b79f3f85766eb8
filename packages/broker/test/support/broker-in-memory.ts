/** What a broker that forwards depends on, in memory: its ledger, its turns, what it holds still and has opened. */
import type { AuthorityState } from '@countersign/authority';
import type { Gateway } from '@countersign/provider-kit';
import type { openUpstream } from '@countersign/provider-kit/upstream';
import { createChanges } from '../../src/changes.ts';
import { rulesOf } from '../../src/deciding.ts';
import { createDenialLog } from '../../src/denial-log.ts';
import type { Deps } from '../../src/deps.ts';
import { createOpenedConnections } from '../../src/opened-connections.ts';
import { createPace } from '../../src/pace.ts';
import type { Intent, OnceId, Outcome } from '../../src/ports.ts';
import { createShares } from '../../src/shares.ts';
import { ROOT, SALT } from './granted.ts';
import { volumeProvider } from './volumes.ts';

export const ISSUER = 'http://localhost:8420';

/** A ledger that keeps Law 4's promises: fenced, each id once, each use while one is left. */
export function brokerOf(
  state: AuthorityState,
  gateway: Gateway,
  upstream: ReturnType<typeof openUpstream>,
) {
  const entries: { type: string; body: Readonly<Record<string, unknown>> }[] = [];
  const uses = new Map<string, number>();
  const seen = new Set<string>();
  const held: { names: readonly string[]; mode: string; released: boolean }[] = [];
  const keys: unknown[] = [];
  let version = 1;
  let beforeCommit: () => void = () => undefined;
  const clock = { now: () => Date.now() };
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
  const remember = async (id: OnceId): Promise<boolean> => {
    if (seen.has(id.id)) return false;
    seen.add(id.id);
    return true;
  };
  const commitOne = async (intent: Intent): Promise<Outcome> => {
    beforeCommit();
    if (intent.authorityVersion !== null && intent.authorityVersion !== version) {
      return { outcome: 'stale' };
    }
    for (const id of intent.once) if (!(await remember(id))) return { outcome: 'replayed' };
    for (const { grant, max } of intent.uses) {
      if ((uses.get(grant) ?? 0) >= max) return { outcome: 'exhausted', grant };
    }
    for (const { grant } of intent.uses) uses.set(grant, (uses.get(grant) ?? 0) + 1);
    for (const effect of intent.effects) {
      if (effect.kind !== 'return-use') continue;
      for (const grant of effect.grants) uses.set(grant, (uses.get(grant) ?? 0) - 1);
    }
    entries.push(...intent.entries);
    return { outcome: 'committed', index: entries.length, time: '', authorityVersion: version };
  };
  const journal = {
    commit: (intents: readonly Intent[]) => Promise.all(intents.map(commitOne)),
  };
  const providers = new Map([['volumes', volumeProvider(gateway)]]);
  const pace = (limit: number) =>
    createPace({ perSecond: 0.000_001, saved: limit, atOnce: limit }, () => performance.now());
  const changes = createChanges();
  const deps = {
    issuer: ISSUER,
    ...{ clock, random, journal, changes, providers, upstream },
    log: { warn: () => undefined, info: () => undefined },
    rules: rulesOf(providers),
    guardrails: null,
    uses: { used: async () => uses },
    replay: { remember },
    sealed: { open: async () => ({ salt: SALT, credential: ROOT }) },
    tokenKeys: { verifying: async () => ({ keys }), refresh: async () => undefined },
    authority: {
      state,
      get version() {
        return version;
      },
      refresh: async () => undefined,
    },
    // A journal of two methods and what it is asked here.
    denials: createDenialLog({
      journal: journal as unknown as Deps['journal'],
      clock,
      random,
      remember,
    }),
    pace: pace(1000),
    resolving: pace(1000),
    shares: createShares({ atOnce: 1000, patience: 0 }),
    holding: createShares({ atOnce: 1000, patience: 0 }),
    opened: createOpenedConnections(),
    holds: {
      async hold(names: readonly string[], mode: string) {
        const each = { names, mode, released: false };
        held.push(each);
        return {
          lost: new AbortController().signal,
          release: async () => {
            each.released = true;
          },
        };
      },
    },
    // Only what forwarding uses; the rest of the ports belongs to others.
  } as unknown as Deps;
  return {
    deps,
    ...{ entries, uses, held },
    trust: (publicJwk: unknown) => void keys.push(publicJwk),
    /** Entries of decisions, oldest first. */
    decisions: () => entries.filter(({ type }) => type === 'decision').map(({ body }) => body),
    /** Authority moved on: whatever was changed in `state` is folded now. */
    moved(): void {
      version += 1;
      changes.notify();
    },
    onCommit(step: () => void): void {
      beforeCommit = step;
    },
    withDeps: (change: Partial<Deps>): void => void Object.assign(deps, change),
    paceOf: pace,
  };
}
