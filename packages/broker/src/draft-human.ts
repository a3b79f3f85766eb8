/** Drafts of what humans are and may do: enrolments, other keys, roles and groups, recoveries. */
import { isPresent, thumbprintOf } from '@countersign/authority';
import type { DraftAnswer, DraftOf, Role } from '@countersign/contract';
import { inputError } from '@countersign/core';
import type { Deps } from './deps.ts';
import { idOf } from './named.ts';
import { codeHash } from './one-time-code.ts';
import { statementAround } from './statement-around.ts';
import type { HumanCaller } from './use-cases.ts';

export async function draftEnrolment(
  deps: Deps,
  caller: HumanCaller | null,
  request: DraftOf<'human.enroll'>,
): Promise<DraftAnswer> {
  const { state } = deps.authority;
  if ('human' in request.body) return draftChange(deps, caller, request.id, request.body);
  const { body } = request;
  const fingerprint = await thumbprintOf(body.key);
  const shared = {
    key: body.key,
    key_type: 'passphrase' as const,
    fingerprint,
    rp: null,
    subject: null,
    recovery: body.recovery,
  };
  if (request.code !== undefined) {
    const invitation = await deps.codes.findInvitation(codeHash(request.code), deps.clock.now());
    if (invitation === null) {
      throw inputError('forbidden', 'The invitation is unknown, spent or older than 24 hours.');
    }
    if (invitation.name !== body.name) {
      throw inputError('forbidden', `This invitation is for ${invitation.name}.`);
    }
    return statementAround(deps, 'human.enroll', request.id, {
      ...shared,
      human: null,
      name: invitation.name,
      roles: rolesOf(invitation.roles),
      groups: [...invitation.groups].sort(),
      sponsor: invitation.sponsor,
    });
  }
  const human = state.humans.get(caller?.human ?? '');
  if (!isPresent(human)) {
    throw inputError('forbidden', 'A joiner needs an invitation code; a human adds their own key.');
  }
  if (human.name !== body.name) {
    throw inputError('forbidden', 'With a session you add a key of your own, under your own name.');
  }
  return statementAround(deps, 'human.enroll', request.id, {
    ...shared,
    human: human.id,
    name: human.name,
    roles: [...human.roles],
    groups: [...human.groups],
    sponsor: human.id,
    recovery: null,
  });
}

function rolesOf(roles: readonly string[]): Role[] {
  const known: readonly Role[] = ['admin', 'approver', 'auditor'];
  return known.filter((role) => roles.includes(role));
}

type Change = Extract<DraftOf<'human.enroll'>['body'], { human: string }>;

/** Other roles and groups. It names a key they have, since nothing else shows whom it is about. */
function draftChange(
  deps: Deps,
  caller: HumanCaller | null,
  id: string,
  change: Change,
): DraftAnswer {
  const { state } = deps.authority;
  if (caller === null) throw inputError('forbidden', 'Sign in first.');
  const human = state.humans.get(idOf(state, 'human', change.human));
  if (!isPresent(human)) throw inputError('not_found', 'There is no such enrolled human.');
  const key = [...state.keys.values()].find(
    (other) => other.human === human.id && other.revokedAt === null,
  );
  if (key === undefined) {
    throw inputError('conflict', `${human.name} has no key. Let them recover first.`);
  }
  return statementAround(deps, 'human.enroll', id, {
    human: human.id,
    name: human.name,
    key: key.jwk,
    key_type: key.type,
    fingerprint: key.kid,
    roles: change.roles === undefined ? [...human.roles] : rolesOf(change.roles),
    groups: [...new Set(change.groups ?? human.groups)].sort(),
    sponsor: caller.human,
    recovery: null,
    rp: null,
    subject: null,
  });
}

/** By whoever holds the recovery code, who cannot sign in. One answer for whatever is wrong with it. */
export async function draftRecovery(
  deps: Deps,
  { id, body }: DraftOf<'recover'>,
): Promise<DraftAnswer> {
  const { state } = deps.authority;
  const human = [...state.humans.values()].find(
    (other) => isPresent(other) && (other.name === body.human || other.id === body.human),
  );
  if (human === undefined || human.recovery !== (await thumbprintOf(body.recovery_key))) {
    throw inputError('forbidden', 'Nobody of that name has this recovery code.');
  }
  return statementAround(deps, 'recover', id, {
    human: human.id,
    key: body.key,
    key_type: 'passphrase',
    fingerprint: await thumbprintOf(body.key),
    recovery_key: body.recovery_key,
    recovery: body.recovery,
    rp: null,
    reason: body.reason,
  });
}
