/**
 * Who must sign (the table of Law 1), as data: a requirement is computed from the state, then held
 * against the signatures that still count. Thresholds count distinct humans, never keys, never roles.
 */
import type { Role, Statement } from '@countersign/contract';
import { isFrozenKey, loneLifter } from './freezes.ts';
import { isDeleteCapableGrant } from './grant-effect.ts';
import {
  type AuthorityState,
  type CountedSignature,
  type Human,
  holdersOf,
  secondHumanEver,
  signingHuman,
} from './state.ts';

export interface Requirement {
  /** Distinct humans. */
  readonly distinct: number;
  /** Roles of which a counted human has at least one; empty: any enrolled human counts. */
  readonly among: readonly Role[];
  /** Whether one of the signers must be an admin. */
  readonly admin: boolean;
  /** A human who must be among the signers. */
  readonly sponsor: string | null;
  /** A human whose signature alone suffices (their own removal, their own key). */
  readonly own: string | null;
  /** Whether signatures of frozen humans and keys count. Left out, they do not. */
  readonly frozenCount?: true;
}

/** No setting makes a delete-capable quorum smaller than this. */
const SMALLEST_QUORUM = 2;

const ONE_ADMIN: Requirement = {
  distinct: 1,
  among: ['admin'],
  admin: true,
  sponsor: null,
  own: null,
};
const ANY_HUMAN: Requirement = { distinct: 1, among: [], admin: false, sponsor: null, own: null };
const TWO_HUMANS: Requirement = {
  distinct: SMALLEST_QUORUM,
  among: ['admin', 'approver'],
  admin: false,
  sponsor: null,
  own: null,
};

/** What a statement needs, as things are now. */
export function requirementOf(state: AuthorityState, statement: Statement): Requirement {
  switch (statement.kind) {
    case 'genesis':
      return ANY_HUMAN;
    case 'human.enroll':
      return {
        ...(secondHumanEver(state) ? TWO_HUMANS : ONE_ADMIN),
        sponsor: statement.body.sponsor,
      };
    case 'human.remove':
      return { ...TWO_HUMANS, own: ownIfApproversRemain(state, statement.body.human, null) };
    case 'key.revoke': {
      const owner = state.keys.get(statement.body.key)?.human ?? null;
      return { ...TWO_HUMANS, own: ownIfApproversRemain(state, owner, statement.body.key) };
    }
    case 'environment.set':
    case 'agent.register':
    case 'agent.disable':
      return ONE_ADMIN;
    case 'connection.remove':
      return ONE_ADMIN;
    case 'connection.set': {
      const classes = Object.keys(statement.body.mapping).map(
        (environment) => state.environments.get(environment)?.rule.class,
      );
      const alone = !secondHumanEver(state) || classes.every((name) => name === 'production');
      return alone ? ONE_ADMIN : { ...TWO_HUMANS, admin: true };
    }
    case 'grant.create': {
      if (!isDeleteCapableGrant(state, statement.body)) return ONE_ADMIN;
      const rule = state.environments.get(statement.body.environment)?.rule;
      // Law 1: no setting, flag, variable or missing field makes this quorum smaller than two.
      const quorum = Math.max(SMALLEST_QUORUM, rule?.quorum ?? SMALLEST_QUORUM);
      return { distinct: quorum, among: ['approver'], admin: true, sponsor: null, own: null };
    }
    case 'grant.revoke':
    case 'freeze':
      return ANY_HUMAN;
    case 'statement.reject':
      // Law 1: a frozen human keeps the veto.
      return { ...ANY_HUMAN, frozenCount: true };
    case 'unfreeze':
      // Law 1: whoever could freeze counts here, the frozen too, so that nobody is locked out for ever.
      return {
        ...ANY_HUMAN,
        distinct: SMALLEST_QUORUM,
        own: loneLifter(state, statement.body.freeze),
        frozenCount: true,
      };
    case 'escape.accept':
      return TWO_HUMANS;
  }
}

/** The owner, when two approvers would be left without them (or without this key of theirs). */
function ownIfApproversRemain(
  state: AuthorityState,
  human: string | null,
  key: string | null,
): string | null {
  if (human === null) return null;
  const left = holdersOf(state, 'approver').filter(
    (holder) =>
      holder.id !== human ||
      (key !== null &&
        [...state.keys.values()].some(
          (other) => other.human === human && other.revokedAt === null && other.kid !== key,
        )),
  );
  return left.length >= SMALLEST_QUORUM ? human : null;
}

/** The human behind a key when its signature would count now; null while a freeze suspends it. */
export function countingHuman(
  state: AuthorityState,
  requirement: Requirement,
  kid: string,
): Human | null {
  if (requirement.frozenCount !== true && isFrozenKey(state, kid)) return null;
  return signingHuman(state, kid);
}

export interface Progress {
  readonly met: boolean;
  /** Distinct humans whose signature counts now. */
  readonly have: number;
  readonly need: number;
  /** Humans counted, by id, in the order they signed. */
  readonly counted: readonly string[];
  /** What is missing, in words; empty when met. */
  readonly missing: readonly string[];
}

/** Holds signatures against a requirement. Only keys and humans that are valid, and not frozen, count. */
export function progressOf(
  state: AuthorityState,
  requirement: Requirement,
  signatures: readonly CountedSignature[],
): Progress {
  const present = new Map<string, readonly Role[]>();
  for (const signature of signatures) {
    const human = countingHuman(state, requirement, signature.kid);
    if (human !== null && human.id === signature.human) present.set(human.id, human.roles);
  }
  if (requirement.own !== null && present.has(requirement.own)) {
    return { met: true, have: 1, need: 1, counted: [requirement.own], missing: [] };
  }
  const counted = [...present]
    .filter(
      ([, roles]) =>
        requirement.among.length === 0 || roles.some((role) => requirement.among.includes(role)),
    )
    .map(([id]) => id);
  const missing: string[] = [];
  const lacking = requirement.distinct - counted.length;
  // Not `lacking > 0`: a quorum that is no number is never met.
  if (!(lacking <= 0)) {
    const who = requirement.among.length === 0 ? 'human' : requirement.among.join(' or ');
    missing.push(
      counted.length === 0 ? `${lacking} × ${who}` : `${lacking} more distinct human: ${who}`,
    );
  }
  const saidAdmin = missing.length > 0 && requirement.among.join() === 'admin';
  if (
    requirement.admin &&
    !saidAdmin &&
    ![...present.values()].some((roles) => roles.includes('admin'))
  ) {
    missing.push('an admin');
  }
  if (requirement.sponsor !== null && !present.has(requirement.sponsor)) {
    missing.push(`the sponsor ${state.humans.get(requirement.sponsor)?.name ?? '(unknown)'}`);
  }
  const suspended = signatures.filter(({ kid }) => isFrozenKey(state, kid));
  if (missing.length > 0 && requirement.frozenCount !== true && suspended.length > 0) {
    const names = suspended.map(({ human }) => state.humans.get(human)?.name ?? human);
    missing.push(`frozen: ${[...new Set(names)].join(', ')}`);
  }
  return {
    met: missing.length === 0,
    have: counted.length,
    need: requirement.distinct,
    counted,
    missing,
  };
}

/** Whether one human's signature could count towards the requirement. */
export function couldCount(
  requirement: Requirement,
  human: { readonly id: string; readonly roles: readonly Role[] },
): boolean {
  return (
    requirement.own === human.id ||
    requirement.sponsor === human.id ||
    requirement.among.length === 0 ||
    human.roles.some((role) => requirement.among.includes(role)) ||
    (requirement.admin && human.roles.includes('admin'))
  );
}
