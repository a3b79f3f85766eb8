/**
 * Trees that were seen of a time which a restored database says is lost (Law 1). They are no prefix of the ledger
 * any more, which is excused once for each gap: an excuse that stood for ever would excuse the next rollback too.
 */
import type { Restoration } from '@countersign/authority';
import type { Profile } from './profile.ts';

/** What a ledger says is missing. */
export type Gap = Pick<Restoration, 'line' | 'database' | 'mirror' | 'lost'>;

/** The profile without the trees that gaps it did not know of excuse. */
export function withoutLostTime(profile: Profile, gaps: readonly Gap[]): Profile {
  const unknown = gaps.filter(({ line }) => !profile.gaps.includes(line.id));
  const seen = profile.seen.filter(({ size }) => !unknown.some((gap) => isOfLostTime(gap, size)));
  return { ...profile, seen };
}

/** Whether a tree of that size counted entries that a restored database says are lost. */
function isOfLostTime({ lost, database, mirror }: Gap, size: number): boolean {
  // Where two humans went on all the same, only the mirror's last checkpoint is known of that time.
  const last = lost === null ? mirror.size : lost.last + 1;
  return size > database.size && size <= last;
}
