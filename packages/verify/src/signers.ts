/**
 * Whose signatures carried a delete-capable grant at one place of the ledger, counted anew from keys,
 * humans, roles and freezes as they stood there (Law 1). Nothing of it is asked of the code that counted.
 */
import type { AuthorityState, StatementRecord } from '@countersign/authority';

export interface Signer {
  /** Name. */
  readonly human: string;
  /** Enrolled on one person's word. */
  readonly vouched_by_one: boolean;
}

interface Counted extends Signer {
  readonly isAdmin: boolean;
  readonly isApprover: boolean;
  readonly isVerified: boolean;
  readonly groups: readonly string[];
}

/** What stands still there: `kind/id`, or `everything`. */
export type Stops = ReadonlySet<string>;

export function stopsOf(state: AuthorityState): Stops {
  const standing = [...state.freezes.values()].filter(({ liftedAt }) => liftedAt === null);
  return new Set(
    standing.map(({ target }) =>
      target.id === null ? target.kind : stopOf(target.kind, target.id),
    ),
  );
}

export function stopOf(kind: string, id: string): string {
  return `${kind}/${id}`;
}

/** The distinct humans that counted, and what of the environment's rule they left unmet; null: nothing. */
export function quorumThen(
  state: AuthorityState,
  stops: Stops,
  environment: string,
  { signatures }: Pick<StatementRecord, 'signatures'>,
): { readonly signers: readonly Signer[]; readonly missing: string | null } {
  const counted = countedThen(state, stops, signatures);
  const approvers = counted.filter(({ isApprover }) => isApprover);
  const rule = state.environments.get(environment)?.rule;
  // Law 1: two, whatever a rule says.
  const quorum = Math.max(2, rule?.quorum ?? 2);
  const group = rule?.groups.find((name) => !approvers.some(({ groups }) => groups.includes(name)));
  const verified = approvers.filter(({ isVerified }) => isVerified).length;
  const missing =
    approvers.length < quorum
      ? `${approvers.length} of ${quorum} approvers`
      : !counted.some(({ isAdmin }) => isAdmin)
        ? 'no admin among them'
        : group !== undefined
          ? `nobody of group ${group}`
          : verified < (rule?.user_verified ?? 0)
            ? 'too few user-verified keys'
            : null;
  return {
    signers: approvers.map(({ human, vouched_by_one }) => ({ human, vouched_by_one })),
    missing,
  };
}

function countedThen(
  state: AuthorityState,
  stops: Stops,
  signatures: StatementRecord['signatures'],
): Counted[] {
  const counted = new Map<string, Counted>();
  for (const { kid, human: id, entry } of signatures) {
    const [key, human] = [state.keys.get(kid), state.humans.get(id)];
    if (key === undefined || key.human !== id || key.revokedAt !== null) continue;
    if (human === undefined || human.removedAt !== null) continue;
    if (stops.has(stopOf('human', id)) || stops.has(stopOf('key', kid))) continue;
    // A role or group that came after the signature does not count for it.
    const had = (what: string): boolean => (human.since[what] ?? Number.POSITIVE_INFINITY) < entry;
    counted.set(id, {
      human: human.name,
      vouched_by_one: human.vouchedByOne,
      isAdmin: human.roles.includes('admin') && had('role/admin'),
      isApprover: human.roles.includes('approver') && had('role/approver'),
      isVerified: key.type === 'user-verified',
      groups: human.groups.filter((name) => had(`group/${name}`)),
    });
  }
  return [...counted.values()];
}
