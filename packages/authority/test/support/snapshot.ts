/** The whole state as one string: two states are the same when their snapshots are. */
import type { AuthorityState } from '../../src/index.ts';

export function snapshot(state: AuthorityState): string {
  return JSON.stringify(state, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}
