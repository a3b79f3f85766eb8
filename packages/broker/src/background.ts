/** What goes on without being asked: ending leases, finding strays, summing denials, forgetting replay ids. */
import type { Deps } from './deps.ts';
import { reapDue, reapStrays, revokeWithoutAuthority } from './revoke.ts';

export interface Background {
  /** One round of everything that is due; rounds never overlap. */
  round(): Promise<void>;
  /** A look at the providers for credentials nothing stands for. */
  strays(): Promise<void>;
  /** Called when any replica changed authority. */
  authorityChanged(): Promise<void>;
}

export function createBackground(deps: Deps): Background {
  let running: Promise<void> | null = null;

  async function guarded(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      deps.log.warn(
        { what, reason: error instanceof Error ? error.message : 'unknown' },
        'background work failed and will be tried again',
      );
    }
  }

  async function round(): Promise<void> {
    await guarded('refresh', () => deps.authority.refresh());
    await guarded('reap', () => reapDue(deps));
    await guarded('revoke', () => revokeWithoutAuthority(deps));
    await guarded('denials', () => deps.denials.flush(false));
    await guarded('replay ids', () => deps.replay.sweep(deps.clock.now()));
  }

  return {
    async round() {
      running ??= round().finally(() => {
        running = null;
      });
      await running;
    },
    strays: () => guarded('strays', () => reapStrays(deps)),
    async authorityChanged() {
      await guarded('refresh', () => deps.authority.refresh());
      deps.changes.notify();
      await guarded('revoke', () => revokeWithoutAuthority(deps));
    },
  };
}
