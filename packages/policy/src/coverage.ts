/** Which grant covers a right, and when none does, the most telling reason. */
import {
  type AuthorityState,
  effectOfRight,
  type Grant,
  recordedEffect,
  standingOf,
} from '@countersign/authority';
import { type DenialCode, type Effect, isDeleteCapable, worse } from '@countersign/core';
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
    found.push({
      grant,
      status: exhausted ? 'exhausted' : standing.status,
      reasons: exhausted ? ['all its uses are spent'] : standing.reasons,
    });
  }
  return found.reverse();
}

/** One resource of a permission, with the effect that was signed for the operation there. */
interface Granted {
  readonly resource: string;
  readonly effect: Effect;
}

/** By operation, then by the whole that resources are parts of. */
type Index = ReadonlyMap<string, ReadonlyMap<string, readonly Granted[]>>;

/** Kept per grant body: what was signed never changes, so neither does what it covers. */
const indexes = new WeakMap<ResourceRules, WeakMap<Grant['body'], Index>>();

function indexOf(rules: ResourceRules, { body }: Grant): Index {
  const ofRules = indexes.get(rules) ?? new WeakMap<Grant['body'], Index>();
  indexes.set(rules, ofRules);
  const present = ofRules.get(body);
  if (present !== undefined) return present;
  const index = new Map<string, Map<string, Granted[]>>();
  for (const permission of body.permissions) {
    for (const { name, effect } of permission.operations) {
      const byWhole = index.get(name) ?? new Map<string, Granted[]>();
      index.set(name, byWhole);
      for (const resource of permission.resources) {
        const whole = rules.whole(resource);
        byWhole.set(whole, [...(byWhole.get(whole) ?? []), { resource, effect }]);
      }
    }
  }
  ofRules.set(body, index);
  return index;
}

/** What of the grant's own words covers the right, whatever its standing. */
function coveringIn(rules: ResourceRules, grant: Grant, right: Right): readonly Granted[] {
  const near = indexOf(rules, grant).get(right.operation)?.get(rules.whole(right.resource)) ?? [];
  return near.filter(({ resource }) => rules.covers(right.operation, resource, right.resource));
}

function grantCovers(rules: ResourceRules, grant: Grant, right: Right): boolean {
  return right.resource === ANY_RESOURCE
    ? indexOf(rules, grant).has(right.operation)
    : coveringIn(rules, grant, right).length > 0;
}

/**
 * The effect a right has under a grant: the worse of recorded, and signed in a permission that covers it.
 * Where several cover it the mildest is enough, as each was signed for by itself.
 */
function effectUnder(
  authority: AuthorityState,
  rules: ResourceRules,
  grant: Grant,
  right: Right,
): Effect | null {
  let mildest: Effect | null = null;
  for (const { effect: signed } of coveringIn(rules, grant, right)) {
    const operation = { name: right.operation, effect: signed };
    const effect = effectOfRight(authority, grant.body.environment, operation, right.resource);
    if (effect === null) return null;
    if (mildest === null || worse(mildest, effect) === mildest) mildest = effect;
  }
  return mildest;
}

/** The right under one grant by its own words, wherever that stands now; null where it covers it not. */
export function coveredBy(
  authority: AuthorityState,
  rules: ResourceRules,
  grant: Grant,
  right: Right,
): CoveredRight | null {
  const effect = effectUnder(authority, rules, grant, right);
  return effect === null ? null : { ...right, grant: grant.id, effect };
}

interface Usable {
  readonly grant: Grant;
  readonly effect: Effect;
}

/** The active grants that cover the right, each with its effect there. Nothing covers "any resource". */
function usable(
  facts: Facts,
  rules: ResourceRules,
  covering: readonly Candidate[],
  right: Right,
): Usable[] {
  if (right.resource === ANY_RESOURCE) return [];
  return covering.flatMap(({ grant, status }) => {
    if (status !== 'active') return [];
    const effect = effectUnder(facts.authority, rules, grant, right);
    return effect === null ? [] : [{ grant, effect }];
  });
}

export type Coverage =
  | { readonly covered: true; readonly right: CoveredRight }
  | { readonly covered: false; readonly code: DenialCode; readonly text: string };

/**
 * Law 1: in a production-class environment the broker runs only SQL that humans signed; a grant for an
 * agent's own holds no more once the environment is of that class.
 */
function asScript(candidate: Candidate, environmentClass: string): Candidate {
  const unsigned = candidate.status === 'active' && candidate.grant.body.sql === null;
  if (!unsigned || environmentClass !== 'production') return candidate;
  const reasons = ['in a production-class environment only SQL that humans signed is run'];
  return { ...candidate, status: 'suspended', reasons };
}

/** The most telling code first: a grant that once covered it says more than that none does. */
const TELLING: readonly (readonly [Candidate['status'], DenialCode])[] = [
  ['exhausted', 'grant_exhausted'],
  ['suspended', 'grant_suspended'],
  ['cooling_off', 'cooling_off'],
  ['expired', 'grant_expired'],
];

/**
 * Finds the grant that covers a right: one the caller's key may use before one it may not, then the
 * mildest, then one bound to no key, unlimited before limited, and the one that stands longest. So a
 * right that was not asked for by name never draws on a delete-capable grant where a milder one allows it.
 */
export function cover(
  facts: Facts,
  rules: ResourceRules,
  candidates: readonly Candidate[],
  right: Right,
  environmentClass: string,
  sender: string | null,
): Coverage {
  const covering = candidates
    .filter((candidate) => grantCovers(rules, candidate.grant, right))
    .map((candidate) =>
      rules.runnable(right.operation) ? asScript(candidate, environmentClass) : candidate,
    );
  const demand = ({ grant, effect }: Usable): number => {
    if (grant.body.sender !== null && grant.body.sender !== sender) return 3;
    if (isDeleteCapable(effect)) return 2;
    return grant.body.sender === null ? 0 : 1;
  };
  const [best] = usable(facts, rules, covering, right).sort(
    (a, b) =>
      demand(a) - demand(b) ||
      Number(a.grant.body.max_uses !== null) - Number(b.grant.body.max_uses !== null) ||
      b.grant.until - a.grant.until,
  );
  if (best !== undefined) {
    return { covered: true, right: { ...right, grant: best.grant.id, effect: best.effect } };
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
