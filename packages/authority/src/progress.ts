/**
 * Signatures held against what a statement needs (Law 1). Thresholds count distinct humans, never keys,
 * never roles, and only those whose key, role and group have been theirs since they signed.
 */
import type { Role } from '@countersign/contract';
import { isFrozenKey } from './freezes.ts';
import type { Requirement } from './requirement.ts';
import { type AuthorityState, type CountedSignature, type Human, signingHuman } from './state.ts';

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
  const present = new Map<string, Signer>();
  for (const signature of signatures) {
    const human = countingHuman(state, requirement, signature.kid);
    if (human === null || human.id !== signature.human || human.id === requirement.not) continue;
    present.set(human.id, signerAt(state, human, signature));
  }
  if (requirement.own !== null && present.has(requirement.own)) {
    return { met: true, have: 1, need: 1, counted: [requirement.own], missing: [] };
  }
  const signers = [...present].filter(
    ([, { roles }]) =>
      requirement.among.length === 0 || roles.some((role) => requirement.among.includes(role)),
  );
  const counted = signers.map(([id]) => id);
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
    ![...present.values()].some(({ roles }) => roles.includes('admin'))
  ) {
    missing.push('an admin');
  }
  for (const group of requirement.groups) {
    if (!signers.some(([, { groups }]) => groups.includes(group))) {
      missing.push(`one of group ${group}`);
    }
  }
  const verified = signers.filter(([, { isVerified }]) => isVerified).length;
  if (!(verified >= requirement.userVerified)) {
    missing.push(`${requirement.userVerified - verified} with a user-verified key`);
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

/** Who signed, as they were when they did: a role or group that came later counts for later signatures. */
interface Signer {
  readonly roles: readonly Role[];
  readonly groups: readonly string[];
  readonly isVerified: boolean;
}

function signerAt(state: AuthorityState, human: Human, { kid, entry }: CountedSignature): Signer {
  const had = (what: string): boolean => (human.since[what] ?? entry) < entry;
  return {
    roles: human.roles.filter((role) => had(`role/${role}`)),
    groups: human.groups.filter((group) => had(`group/${group}`)),
    isVerified: state.keys.get(kid)?.type === 'user-verified',
  };
}

/** Whether one human's signature could count towards the requirement. */
export function couldCount(
  requirement: Requirement,
  human: { readonly id: string; readonly roles: readonly Role[] },
): boolean {
  if (requirement.not === human.id) return false;
  return (
    requirement.own === human.id ||
    requirement.sponsor === human.id ||
    requirement.among.length === 0 ||
    human.roles.some((role) => requirement.among.includes(role)) ||
    (requirement.admin && human.roles.includes('admin'))
  );
}
