/** The whole state as one string: two states are the same when their snapshots are. */
import type { AuthorityState } from '../../src/index.ts';

/** Statement bytes are left out, as their base64url and their digest are there. */
export function snapshot(state: AuthorityState): string {
  return JSON.stringify(state, (name, value: unknown) => {
    if (value instanceof Map) return [...value];
    return name === 'bytes' ? undefined : value;
  });
}
