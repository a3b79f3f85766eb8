/** Who must sign, and what then delays it (the table of Law 1), as data: computed from the state. */
import type { Role, Statement, StatementOf } from '@countersign/contract';
import { loosens } from './adoption.ts';
import { loneLifter } from './freezes.ts';
import { isDeleteCapableGrant } from './grant-effect.ts';
import { secondThoughts } from './guardrails.ts';
import { isLooser, rulesNaming } from './rules.ts';
import { type AuthorityState, holdersOf, secondHumanEver } from './state.ts';

export interface Requirement {
  /** Distinct humans. */
  readonly distinct: number;
  /** Roles of which a counted human has at least one; empty: any enrolled human counts. */
  readonly among: readonly Role[];
  /** Whether one of the signers must be an admin. */
  readonly admin: boolean;
  /** Groups of which each gives at least one of the counted. */
  readonly groups: readonly string[];
  /** How many of the counted must have signed with a user-verified key. */
  readonly userVerified: number;
  /** A human who must be among the signers. */
  readonly sponsor: string | null;
  /** A human whose signature alone suffices (their own removal, their own key). */
  readonly own: string | null;
  /** A human whose signature does not count. Left out: everybody's may. */
  readonly not?: string;
  /** Whether signatures of frozen humans and keys count. Left out, they do not. */
  readonly frozenCount?: true;
}

/** No setting makes a delete-capable quorum smaller than this. */
const SMALLEST_QUORUM = 2;

const ANY_HUMAN: Requirement = {
  distinct: 1,
  among: [],
  admin: false,
  groups: [],
  userVerified: 0,
  sponsor: null,
  own: null,
};
const ONE_ADMIN: Requirement = { ...ANY_HUMAN, among: ['admin'], admin: true };
const TWO_HUMANS: Requirement = {
  ...ANY_HUMAN,
  distinct: SMALLEST_QUORUM,
  among: ['admin', 'approver'],
};

/** Later than any time: who does not say when they ask gets what is true for ever. */
const NO_TIME = '9999-12-31T23:59:59.999Z';

/**
 * What a statement needs, as things are now.
 * @param at the instant it is signed; left out, nothing that is allowed for a while is allowed
 */
export function requirementOf(
  state: AuthorityState,
  statement: Statement,
  at: string = NO_TIME,
): Requirement {
  switch (statement.kind) {
    case 'genesis':
    case 'grant.revoke':
    case 'freeze':
      return ANY_HUMAN;
    case 'human.enroll':
      return enrolment(state, statement.body);
    case 'recover':
      return { ...ANY_HUMAN, not: statement.body.human };
    case 'human.remove':
      return { ...TWO_HUMANS, own: ownIfApproversRemain(state, statement.body.human, null) };
    case 'key.revoke': {
      const owner = state.keys.get(statement.body.key)?.human ?? null;
      return { ...TWO_HUMANS, own: ownIfApproversRemain(state, owner, statement.body.key) };
    }
    case 'environment.set': {
      const present = state.environments.get(statement.body.environment ?? '')?.rule;
      // Law 1: what a rule demands is loosened by nobody but those it names.
      return present !== undefined && isLooser(present, statement.body)
        ? quorumOf(present)
        : ONE_ADMIN;
    }
    case 'agent.register':
    case 'agent.credential.set':
    case 'agent.disable':
    case 'connection.remove':
      return ONE_ADMIN;
    case 'connection.set':
      return mapping(state, statement.body);
    case 'grant.create':
      return isDeleteCapableGrant(state, statement.body)
        ? quorumOf(state.environments.get(statement.body.environment)?.rule)
        : ONE_ADMIN;
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
    case 'catalog.adopt':
      return loosens(state, statement.body) ? TWO_HUMANS : ONE_ADMIN;
    case 'guardrail.add': {
      const { guardrail } = statement.body;
      return guardrail === null
        ? ONE_ADMIN
        : { ...TWO_HUMANS, own: secondThoughts(state, guardrail, at) };
    }
    case 'guardrail.remove':
      return { ...TWO_HUMANS, own: secondThoughts(state, statement.body.guardrail, at) };
    case 'escape.accept':
    case 'restore.accept':
    case 'prune':
      return TWO_HUMANS;
  }
}

type Rule = StatementOf<'environment.set'>['body'];

/** What an environment asks for before anything delete-capable. An unknown one asks as the strictest do. */
export function quorumOf(rule: Rule | undefined): Requirement {
  return {
    ...ANY_HUMAN,
    // Law 1: no setting, flag, variable or missing field makes this quorum smaller than two.
    distinct: Math.max(SMALLEST_QUORUM, rule?.quorum ?? SMALLEST_QUORUM),
    among: ['approver'],
    admin: true,
    groups: rule?.groups ?? [],
    userVerified: rule?.user_verified ?? 0,
  };
}

/** Whatever one or the other asks for; the sponsor is the first one's. Of several signers those count who do for both. */
function both(a: Requirement, b: Requirement): Requirement {
  // Where one signature is enough it is an admin's, which `admin` says by itself.
  const [few, many] = a.distinct <= b.distinct ? [a, b] : [b, a];
  return {
    ...a,
    distinct: many.distinct,
    among: few.distinct === 1 ? many.among : many.among.filter((role) => few.among.includes(role)),
    admin: a.admin || b.admin,
    groups: [...new Set([...a.groups, ...b.groups])].sort(),
    userVerified: Math.max(a.userVerified, b.userVerified),
  };
}

/** Law 1: whoever enters a group that a rule names needs that rule's own quorum. */
function enrolment(state: AuthorityState, body: StatementOf<'human.enroll'>['body']): Requirement {
  const present = state.humans.get(body.human ?? '')?.groups ?? [];
  const entered = body.groups.filter((group) => !present.includes(group));
  const base: Requirement = {
    ...(secondHumanEver(state) ? TWO_HUMANS : ONE_ADMIN),
    sponsor: body.sponsor,
  };
  return rulesNaming(state, entered).map(quorumOf).reduce(both, base);
}

/**
 * Mapping an id into an environment: one admin where its class is `production` or no second human ever
 * was, else two. Moving one: the stricter environment's quorum, whenever it was in another one, through
 * whatever connection, so that taking it out first changes nothing.
 */
function mapping(state: AuthorityState, body: StatementOf<'connection.set'>['body']): Requirement {
  const before = state.connections.get(body.connection ?? '')?.body.mapping ?? {};
  let needed = ONE_ADMIN;
  for (const [environment, ids] of Object.entries(body.mapping)) {
    const rule = state.environments.get(environment)?.rule;
    for (const id of ids) {
      if (before[environment]?.includes(id) === true) continue;
      const others = (state.everMapped.get(id) ?? []).filter((other) => other !== environment);
      for (const other of others) {
        needed = both(needed, both(quorumOf(rule), quorumOf(state.environments.get(other)?.rule)));
      }
      if (rule?.class !== 'production' && secondHumanEver(state)) {
        needed = both(needed, TWO_HUMANS);
      }
    }
  }
  return needed;
}

/** Seconds for which a recovery can be vetoed. */
const RECOVERY_DELAY = 72 * 3600;

/** Seconds between the signatures being enough and the statement taking effect, while any human may veto. */
export function delayOf(state: AuthorityState, statement: Statement): number {
  switch (statement.kind) {
    case 'recover':
      return RECOVERY_DELAY;
    case 'environment.set': {
      const present = state.environments.get(statement.body.environment ?? '')?.rule;
      return present !== undefined && isLooser(present, statement.body) ? present.cool_off : 0;
    }
    default:
      return 0;
  }
}

/** Milliseconds after which one admin completes what two should have signed and nobody vetoed. */
const SLOW_PATH = 30 * 86_400_000;

/**
 * The slow path, so that no team is locked out for ever.
 * @returns what then suffices, and after how many milliseconds; null for kinds that have none
 */
export function slowPathOf(
  statement: Statement,
): { readonly requirement: Requirement; readonly after: number } | null {
  switch (statement.kind) {
    case 'human.enroll':
      return {
        requirement: { ...ONE_ADMIN, sponsor: statement.body.sponsor },
        after: SLOW_PATH,
      };
    case 'human.remove':
      return { requirement: ONE_ADMIN, after: SLOW_PATH };
    default:
      return null;
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
