/** Law 3: the ways around a lease's rights that a provider leaves open, and which of them humans accepted. */
import type { AuthorityState } from '@countersign/authority';
import type { ConnectionCheckView } from '@countersign/contract';
import type { AcceptedEscape, Escape } from '@countersign/provider-kit';

/** What two humans accepted of a connection, by name and digest. No statement says so yet. */
export function acceptedEscapes(
  _state: AuthorityState,
  _connection: string,
): readonly AcceptedEscape[] {
  return [];
}

/** Accepted is one with this name and this digest: what was redefined since is another. */
export function escapeViews(
  escapes: readonly Escape[],
  accepted: readonly AcceptedEscape[],
): ConnectionCheckView['escapes'] {
  return escapes.map(({ object, digest, explanation, remedy }) => ({
    object,
    digest,
    explanation,
    remedy,
    accepted: accepted.some((known) => known.object === object && known.digest === digest),
  }));
}
