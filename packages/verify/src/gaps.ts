/** What a ledger says is missing from it: an honest gap is still a gap (Law 1). */
import type { AuthorityState, Restoration } from '@countersign/authority';

export interface Gap
  extends Pick<Restoration, 'line' | 'database' | 'mirror' | 'lost' | 'replayed' | 'accepted'> {
  /** Of the entry that says so. */
  readonly index: number;
  /** Instant. */
  readonly at: string;
}

export function restorationsIn(state: AuthorityState): readonly Gap[] {
  return [...state.restorations.values()].map(
    ({ index, at, line, database, mirror, lost, replayed, accepted }) => ({
      index,
      at,
      line,
      database,
      mirror,
      lost,
      replayed,
      accepted,
    }),
  );
}
