/** Which grant covers a right, and when none does, the most telling reason. */
import {
  type AuthorityState,
  effectOfRight,
  type Grant,
  recordedEffect,
  standingOf,
} from '@countersign/authority';
import { type DenialCode, type Effect, isDeleteCapable } from '@countersign/core';
import {
  ANY_RESOURCE,
  type CoveredRight,
  type Facts,
  type ResourceRules,
  type Right,
} from './facts.ts';

/** A grant of the agent for this connection and environment, with where it stands now. */
export interface Candidate {
  readonly grant: Grant;
  readonly status: 'active' | 'exhausted' | 'suspended' | 'cooling_off' | 'expired' | 'revoked';
  readonly reasons: readonly string[];
}

/** Every completed grant that the agent was ever given there, newest first. */
export function candidatesFor(
  facts: Facts,
  scope: {
    readonly agent: string;
    readonly connection: string;
    readonly environment: string;
    /** Only these grants; null: any. */
    readonly grants: readonly string[] | null;
  },
  now: number,
): Candidate[] {
  const { authority, uses } = facts;
  const found: Candidate[] = [];
  for (const id of authority.grantsOfAgent.get(scope.agent) ?? []) {
    const grant = authority.grants.get(id);
    if (grant === undefined) continue;
    if (scope.grants !== null && !scope.grants.includes(id)) continue;
    if (grant.body.connection !== scope.connection) continue;
    if (grant.body.environment !== scope.environment) continue;
    const standing = standingOf(authority, grant, now);
    const exhausted =
      standing.status === 'active' &&
      grant.body.max_uses !== null &&
      (uses.get(id) ?? 0) >= grant.body.max_uses;
    const status = exhausted ? 'exhausted' : standing.status;
    if (status === 'waiting' || status === 'rejected' || status === 'lapsed') continue;
    found.push({
      grant,
      status,
      reasons: exhausted ? ['all its uses are spent'] : standing.reasons,
    });
  }
  return found.reverse();
}

/** Whether the grant's own words cover the right, whatever its standing. */
export function grantCovers(rules: ResourceRules, grant: Grant, right: Right): boolean {
  return grant.body.permissions.some(
    (permission) =>
      permission.operations.some((operation) => operation.name === right.operation) &&
      (right.resource === ANY_RESOURCE ||
        permission.resources.some((resource) =>
          rules.covers(right.operation, resource, right.resource),
        )),
  );
}

/** The effect a right has under a grant: the worst of recorded, and signed for it. */
function effectUnder(authority: AuthorityState, grant: Grant, right: Right): Effect | null {
  for (const permission of grant.body.permissions) {
    for (const operation of permission.operations) {
      if (operation.name !== right.operation) continue;
      return effectOfRight(authority, grant.body.environment, operation, right.resource);
    }
  }
  return null;
}

export type Coverage =
  | { readonly covered: true; readonly right: CoveredRight }
  | { readonly covered: false; readonly code: DenialCode; readonly text: string };

/** The most telling code first: a grant that once covered it says more than that none does. */
const TELLING: readonly (readonly [Candidate['status'], DenialCode])[] = [
  ['exhausted', 'grant_exhausted'],
  ['suspended', 'grant_suspended'],
  ['cooling_off', 'cooling_off'],
  ['expired', 'grant_expired'],
];

/** Finds the grant that covers a right: unlimited before limited, then the one that stands longest. */
export function cover(
  facts: Facts,
  rules: ResourceRules,
  candidates: readonly Candidate[],
  right: Right,
  environmentClass: string | null,
): Coverage {
  const covering = candidates.filter((candidate) => grantCovers(rules, candidate.grant, right));
  const active = covering
    .filter((candidate) => candidate.status === 'active')
    .sort(
      (a, b) =>
        Number(a.grant.body.max_uses !== null) - Number(b.grant.body.max_uses !== null) ||
        b.grant.until - a.grant.until,
    );
  for (const { grant } of active) {
    const effect = effectUnder(facts.authority, grant, right);
    if (effect !== null) return { covered: true, right: { ...right, grant: grant.id, effect } };
  }
  const what =
    right.resource === ANY_RESOURCE ? right.operation : `${right.operation} on ${right.resource}`;
  for (const [status, code] of TELLING) {
    const telling = covering.find((candidate) => candidate.status === status);
    if (telling !== undefined) {
      return { covered: false, code, text: `${what}: ${telling.reasons.join('; ')}.` };
    }
  }
  const effect = recordedEffect(facts.authority, { ...right, environmentClass });
  if (effect === null) {
    return { covered: false, code: 'unknown_operation', text: `${what} is in no catalog.` };
  }
  if (isDeleteCapable(effect)) {
    return {
      covered: false,
      code: 'needs_signature',
      text: `${what} is ${effect}: it needs a grant that two humans have signed.`,
    };
  }
  const elsewhere = candidates.some(
    (candidate) =>
      candidate.status === 'active' &&
      candidate.grant.body.permissions.some((permission) =>
        permission.operations.some((operation) => operation.name === right.operation),
      ),
  );
  return elsewhere
    ? { covered: false, code: 'resource_not_granted', text: `${what} is not granted.` }
    : { covered: false, code: 'not_granted', text: `${right.operation} is not granted there.` };
}
