/**
 * What goes on without being asked: ending leases, removed connections and replaced credentials, finding strays, summing denials,
 * forgetting replay ids, keeping a snapshot of authority.
 */
import type { Deps } from './deps.ts';
import { createRemovals } from './remove-connection.ts';
import { createRetirements } from './retire-credentials.ts';
import { reapDue, reapStrays, revokeWithoutAuthority } from './revoke.ts';
import { createDelays } from './statements.ts';
import { countUsage } from './usage.ts';

/** Milliseconds of counting entries at a time: what is left is counted a minute later. */
const LONGEST_COUNT = 30_000;

export interface Background {
  /** One round of everything that is due. It waits for no provider: what is slow goes on behind it. */
  round(): Promise<void>;
  /** A look at every live lease, and at the providers for credentials nothing stands for. */
  strays(): Promise<void>;
  /** Called when any replica changed authority. */
  authorityChanged(): Promise<void>;
  /** Resolves when no provider is being asked for anything, and nothing else goes on. */
  idle(): Promise<void>;
}

export function createBackground(deps: Deps): Background {
  const removals = createRemovals(deps);
  const retirements = createRetirements(deps);
  const delays = createDelays(deps);
  const behind = new Map<string, Promise<void>>();
  /** The authority version whose consequences are all carried out; another one means work. */
  let carriedOut = -1;

  async function guarded(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      deps.pulse.well(what);
    } catch (error) {
      deps.pulse.ill(what);
      const reason = error instanceof Error ? error.message : 'unknown';
      deps.log.warn({ what, reason }, 'background work failed and will be tried again');
    }
  }

  /** Starts work that may take as long as a provider does, unless it is still under way. */
  function go(what: string, work: () => Promise<unknown>): void {
    if (behind.has(what)) return;
    behind.set(
      what,
      guarded(what, work).finally(() => behind.delete(what)),
    );
  }

  /** A run for each version, so that a target that hangs in one holds up no later one. */
  function carryOut(): void {
    const { version } = deps.authority;
    if (version <= carriedOut) return;
    go(`revoke as of ${version}`, async () => {
      const swept = await revokeWithoutAuthority(deps);
      if (swept.pending === 0) carriedOut = Math.max(carriedOut, version);
    });
  }

  /**
   * Law 1: of a database that may be the wrong one nothing is carried out, not even what only takes away: the
   * right one may have servers of its own.
   */
  async function isHalted(): Promise<boolean> {
    const { mirroring } = deps;
    if (mirroring === null || mirroring.halt === null) return false;
    await guarded('refresh', () => deps.authority.refresh());
    await guarded('token keys', () => deps.tokenKeys.refresh());
    // Law 1: nor is anything added for strangers, who would make it outgrow its mirror: they are counted until then.
    await guarded('look at the mirror', () => mirroring.look());
    return mirroring.halt !== null;
  }

  return {
    async round() {
      if (await isHalted()) return;
      await guarded('refresh', () => deps.authority.refresh());
      await guarded('token keys', () => deps.tokenKeys.refresh());
      // A machine that slept through the turn of every key signs again at once, not within a minute.
      if (deps.tokenKeys.list().every(({ state }) => state !== 'present')) {
        go('token keys', () => deps.tokenKeys.maintain());
      }
      await guarded('delays', () => delays.complete());
      await guarded('reap', () => reapDue(deps));
      carryOut();
      go('removals', () => removals.finish());
      go('retirements', () => retirements.finish());
      go('mirror', async () => deps.mirroring?.ship(false));
      await guarded('denials', () => deps.denials.flush(false));
      await guarded('replay ids', () => deps.replay.sweep(deps.clock.now()));
      deps.pulse.beat();
    },
    async strays() {
      if (deps.mirroring?.halt) return;
      go('live leases', () => revokeWithoutAuthority(deps));
      go('token keys', () => deps.tokenKeys.maintain());
      go('strays', () => reapStrays(deps));
      go('snapshot', () => deps.snapshots.keep());
      go('usage', () => countUsage(deps, LONGEST_COUNT));
    },
    async authorityChanged() {
      await guarded('refresh', () => deps.authority.refresh());
      if (await isHalted()) return;
      await guarded('token keys', () => deps.tokenKeys.refresh());
      deps.changes.notify();
      carryOut();
    },
    async idle() {
      deps.snapshots.stop();
      await Promise.all(behind.values());
      await deps.revoker.idle();
    },
  };
}
