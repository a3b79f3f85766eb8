/**
 * Guardrails before they are signed: the fold takes any text, so that no version of Cedar decides what
 * authority is; what would deny everything, or nothing, is refused here, with the line to look at.
 */
import { nameKey, presentGuardrail, standingGuardrails } from '@countersign/authority';
import type { DraftAnswer, DraftOf, StatementOf } from '@countersign/contract';
import { inputError } from '@countersign/core';
import type { Complaint } from '@countersign/policy';
import type { Deps } from './deps.ts';
import { statementAround } from './statement-around.ts';

/** Guardrails that stand at once: each is evaluated for every right of every decision. */
const MOST = 100;
/** Complaints that are told at once. */
const TOLD = 3;

/** @throws CountersignError `invalid_request`, `conflict` */
export function draftGuardrail(deps: Deps, request: DraftOf<'guardrail.add'>): DraftAnswer {
  const { state } = deps.authority;
  const { name, policy, reason } = request.body;
  const known = state.names.get(nameKey('guardrail', name));
  if (known !== undefined && presentGuardrail(state, known) === undefined) {
    throw inputError('conflict', `The name ${name} is taken; names are never reused.`);
  }
  const body = { guardrail: known ?? null, name, policy, reason };
  requireGuardrail(deps, body);
  return statementAround(deps, 'guardrail.add', request.id, body, {
    notes: strangers(deps, policy),
  });
}

/** What humans are asked to sign can be evaluated here. @throws CountersignError `invalid_request` */
export function requireGuardrail(deps: Deps, body: StatementOf<'guardrail.add'>['body']): void {
  requireForbids(deps, body.policy);
  if (body.guardrail === null && standingGuardrails(deps.authority.state).length >= MOST) {
    throw inputError(
      'invalid_request',
      `${MOST} guardrails stand, which is the most. Remove one, or put several policies into one.`,
    );
  }
}

/** @throws CountersignError `invalid_request` with the places to look at */
export function requireForbids(deps: Deps, policy: string): void {
  const complaints = deps.guardrails.check(policy, deps.authority.state.catalogs.values());
  if (complaints.length === 0) return;
  const more = complaints.length - TOLD;
  throw inputError(
    'invalid_request',
    [
      'This is no guardrail.',
      ...complaints.slice(0, TOLD).map(said),
      ...(more > 0 ? [`And ${more} more.`] : []),
      'What a policy can look at: docs/reference/guardrails.md',
    ].join(' '),
  );
}

function said({ line, column, text }: Complaint): string {
  return line === null ? text : `Line ${line}, column ${column ?? 1}: ${text}`;
}

/** Names in a policy that nothing has: no error, since it may come, but likely a slip. */
function strangers(deps: Deps, policy: string): string[] {
  const { names } = deps.authority.state;
  const kinds = { Agent: 'agent', Connection: 'connection', Environment: 'environment' } as const;
  return deps.guardrails
    .policiesIn(policy)
    .flatMap(({ name: where, mentions }) =>
      mentions
        .filter(({ type, name }) => !names.has(nameKey(kinds[type], name)))
        .map(
          ({ type, name }) => `Policy ${where} names ${kinds[type]} ${name}, which there is not.`,
        ),
    );
}
