/** Never-allow rules above every grant: who may add, change and take them away. `policy` evaluates them. */
import type { StatementOf } from '@countersign/contract';
import { type CountersignError, fromInstant, inputError, toInstant } from '@countersign/core';
import { type AuthorityState, type CountedSignature, type Guardrail, nameKey } from './state.ts';

/** Milliseconds in which its author alone takes back or mends what they have just written. */
const SECOND_THOUGHTS = 15 * 60_000;

/** A guardrail that stands. */
export function presentGuardrail(state: AuthorityState, id: string): Guardrail | undefined {
  const guardrail = state.guardrails.get(id);
  return guardrail?.removedAt === null ? guardrail : undefined;
}

/** All that stand, in the order they were added. */
export function standingGuardrails(state: AuthorityState): readonly Guardrail[] {
  return [...state.guardrails.values()].filter(({ removedAt }) => removedAt === null);
}

export function guardrailRefusal(
  state: AuthorityState,
  body: StatementOf<'guardrail.add'>['body'],
): CountersignError | null {
  if (body.guardrail === null) {
    return state.names.has(nameKey('guardrail', body.name))
      ? inputError('conflict', `The name ${body.name} is taken; names are never reused.`)
      : null;
  }
  const present = presentGuardrail(state, body.guardrail);
  if (present === undefined) return inputError('not_found', 'There is no such guardrail.');
  return present.name === body.name
    ? null
    : inputError('invalid_request', 'A guardrail keeps its name.');
}

export function guardrailRemovalRefusal(
  state: AuthorityState,
  body: StatementOf<'guardrail.remove'>['body'],
): CountersignError | null {
  return presentGuardrail(state, body.guardrail) === undefined
    ? inputError('not_found', 'There is no such guardrail.')
    : null;
}

/** The human who may change or remove it alone at `at` (an instant): its author, for a quarter of an hour. */
export function secondThoughts(state: AuthorityState, id: string, at: string): string | null {
  const guardrail = presentGuardrail(state, id);
  if (guardrail === undefined || guardrail.soleUntil === null) return null;
  return at <= guardrail.soleUntil ? guardrail.author : null;
}

export function applyGuardrail(
  state: AuthorityState,
  at: string,
  statement: StatementOf<'guardrail.add'>,
  signatures: readonly CountedSignature[],
): void {
  const { body } = statement;
  const id = body.guardrail ?? statement.id;
  const before = state.guardrails.get(id);
  const signers = new Set(signatures.map(({ human }) => human)).size;
  const first = toInstant(fromInstant(at) + SECOND_THOUGHTS);
  state.names.set(nameKey('guardrail', body.name), id);
  state.guardrails.set(id, {
    id,
    name: body.name,
    policy: body.policy,
    reason: body.reason,
    author: signatures[0]?.human ?? '',
    at,
    // A change by its author alone gives no more time than there was; one by two is theirs.
    soleUntil: before === undefined ? first : signers < 2 ? before.soleUntil : null,
    removedAt: null,
  });
}

export function removeGuardrail(state: AuthorityState, at: string, id: string): void {
  const guardrail = state.guardrails.get(id);
  if (guardrail !== undefined) state.guardrails.set(id, { ...guardrail, removedAt: at });
}
