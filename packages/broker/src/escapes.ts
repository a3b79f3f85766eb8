/** Law 3: the ways around a lease's rights that a provider leaves open, and which of them humans accepted. */
import type { ConnectionCheckView } from '@countersign/contract';
import type { AcceptedEscape, Escape } from '@countersign/provider-kit';

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
