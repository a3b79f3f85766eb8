/**
 * The rule of an environment: how many must sign what can delete there, who among them, and how long it
 * then waits. Making a rule stricter is one admin's word; making it milder is the rule's own quorum's.
 */
import type { StatementOf } from '@countersign/contract';
import { type CountersignError, inputError } from '@countersign/core';
import { type AuthorityState, holdersOf } from './state.ts';

type Rule = StatementOf<'environment.set'>['body'];

/**
 * True when anything that the rule demanded is demanded no more. `production` is above every other class, and
 * of those none is above another. Another name counts too: people sign for what they take an environment to be.
 */
export function isLooser(before: Rule, after: Rule): boolean {
  return (
    (before.class !== after.class && after.class !== 'production') ||
    after.quorum < before.quorum ||
    after.user_verified < before.user_verified ||
    after.cool_off < before.cool_off ||
    (before.require_dpop && !after.require_dpop) ||
    before.groups.some((group) => !after.groups.includes(group)) ||
    before.name !== after.name
  );
}

/** Why the enrolled humans could not meet the rule; null where they could. */
export function unmeetable(state: AuthorityState, rule: Rule): CountersignError | null {
  const approvers = holdersOf(state, 'approver');
  if (rule.quorum > Math.max(2, approvers.length)) {
    return inputError(
      'conflict',
      `The rule wants ${rule.quorum} approvers and only ${approvers.length} can sign now, so nothing could meet it.`,
    );
  }
  const empty = rule.groups.find(
    (group) => !approvers.some((approver) => approver.groups.includes(group)),
  );
  if (empty !== undefined) {
    return inputError(
      'conflict',
      `The rule wants an approver of group ${empty}, and there is none. Enrol one first: countersign human invite NAME --role approver --group ${empty}`,
    );
  }
  const verified = approvers.filter(({ id }) =>
    [...state.keys.values()].some(
      (key) => key.human === id && key.revokedAt === null && key.type === 'user-verified',
    ),
  );
  return rule.user_verified > Math.min(rule.quorum, verified.length)
    ? inputError(
        'conflict',
        `The rule wants ${rule.user_verified} of ${rule.quorum} to sign with user-verified keys, and ${verified.length} could.`,
      )
    : null;
}

/** Present rules that name one of these groups: entering it is theirs to say. */
export function rulesNaming(state: AuthorityState, groups: readonly string[]): Rule[] {
  return [...state.environments.values()]
    .map(({ rule }) => rule)
    .filter((rule) => rule.groups.some((group) => groups.includes(group)));
}
