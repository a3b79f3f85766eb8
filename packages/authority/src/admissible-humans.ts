/** What genesis, enrolments, removals and revoked keys demand of the state they would change. */
import type { StatementOf } from '@countersign/contract';
import { type CountersignError, inputError } from '@countersign/core';
import { strandedFreeze } from './freezes.ts';
import { LATER } from './later.ts';
import { type AuthorityState, type Human, holdersOf, isPresent, nameKey } from './state.ts';

type Refusal = CountersignError | null;

/** A code is written down and used once; a key signs for years. */
const sameKey = (): CountersignError =>
  inputError('invalid_request', 'A recovery code stands for a key of its own. Make another.');

export function genesis(body: StatementOf<'genesis'>['body']): Refusal {
  if (body.key_type !== 'passphrase' || body.rp !== null) {
    return inputError('invalid_request', `A user-verified key ${LATER}.`);
  }
  if (body.identity_provider !== null) {
    return inputError('invalid_request', `Demanding an identity provider's subject ${LATER}.`);
  }
  return null;
}

export function humanEnroll(
  state: AuthorityState,
  body: StatementOf<'human.enroll'>['body'],
  thumbprints: readonly string[],
): Refusal {
  if (body.key_type !== 'passphrase' || body.rp !== null) {
    return inputError('invalid_request', `A user-verified key ${LATER}.`);
  }
  if (body.subject !== null) {
    return inputError('invalid_request', `An identity provider's subject ${LATER}.`);
  }
  if (thumbprints[0] !== body.fingerprint) {
    return inputError('invalid_request', 'The fingerprint is not the thumbprint of the key.');
  }
  if (body.recovery === body.fingerprint) return sameKey();
  if (!isPresent(state.humans.get(body.sponsor))) {
    return inputError('not_found', 'The sponsor is not an enrolled human.');
  }
  if (body.human === null) {
    return state.names.has(nameKey('human', body.name))
      ? inputError('conflict', `The name ${body.name} is taken; names are never reused.`)
      : newKeyRefusal(state, body.fingerprint);
  }
  const human = state.humans.get(body.human);
  if (!isPresent(human)) return inputError('not_found', 'There is no such enrolled human.');
  if (human.name !== body.name) {
    return inputError('invalid_request', 'A human keeps their name.');
  }
  const key = state.keys.get(body.fingerprint);
  const isTheirs = key?.human === human.id && key.revokedAt === null;
  // Law 1: thresholds count distinct humans, so nobody gives a human another key, or another recovery code,
  // but that human. Whoever lost theirs shows the code they have.
  if ((!isTheirs || body.recovery !== null) && body.sponsor !== human.id) {
    return inputError(
      'forbidden',
      `Another key or recovery code of ${human.name} is theirs alone to add: they are its sponsor. Whoever lost all their keys recovers: countersign human recover`,
    );
  }
  if (!isTheirs) return newKeyRefusal(state, body.fingerprint) ?? changeRefusal(state, human, body);
  return isUnchanged(human, body)
    ? inputError('conflict', `${human.name} has this key, these roles and these groups already.`)
    : changeRefusal(state, human, body);
}

function isUnchanged(human: Human, body: StatementOf<'human.enroll'>['body']): boolean {
  return (
    human.roles.join() === body.roles.join() &&
    human.groups.join() === body.groups.join() &&
    body.recovery === null
  );
}

function changeRefusal(
  state: AuthorityState,
  human: Human,
  body: StatementOf<'human.enroll'>['body'],
): Refusal {
  const admins = holdersOf(state, 'admin').filter(({ id }) => id !== human.id);
  return human.roles.includes('admin') && !body.roles.includes('admin') && admins.length === 0
    ? inputError('conflict', 'Nobody would be left who is an admin. Make another human one first.')
    : null;
}

/** A key that is introduced belongs to nobody yet, and never did. */
function newKeyRefusal(state: AuthorityState, fingerprint: string): Refusal {
  // A key once enrolled never returns, so an old signature can never count again.
  if (state.keys.has(fingerprint)) {
    return inputError('conflict', 'This key is, or was, enrolled already. Make a new one.');
  }
  // An agent can never sign: its key does not become a human's.
  return state.names.has(`agent-key/${fingerprint}`)
    ? inputError('conflict', 'This key belongs to an agent. Make a new one.')
    : null;
}

export function recover(
  state: AuthorityState,
  body: StatementOf<'recover'>['body'],
  [fingerprint, recoveryKey]: readonly string[],
): Refusal {
  if (body.key_type !== 'passphrase' || body.rp !== null) {
    return inputError('invalid_request', `A user-verified key ${LATER}.`);
  }
  if (fingerprint !== body.fingerprint) {
    return inputError('invalid_request', 'The fingerprint is not the thumbprint of the key.');
  }
  const human = state.humans.get(body.human);
  if (!isPresent(human)) return inputError('not_found', 'There is no such enrolled human.');
  if (recoveryKey !== human.recovery) {
    return inputError('forbidden', `This is not the recovery code of ${human.name}.`);
  }
  if (body.recovery === human.recovery) {
    return inputError('invalid_request', 'A recovery code is used once. Make another.');
  }
  if (body.fingerprint === recoveryKey || body.fingerprint === body.recovery) return sameKey();
  return newKeyRefusal(state, body.fingerprint);
}

export function humanRemove(
  state: AuthorityState,
  body: StatementOf<'human.remove'>['body'],
): Refusal {
  const human = state.humans.get(body.human);
  if (!isPresent(human)) return inputError('not_found', 'There is no such enrolled human.');
  const admins = holdersOf(state, 'admin').filter((admin) => admin.id !== human.id);
  if (admins.length === 0) {
    return inputError(
      'conflict',
      'Nobody would be left who is an admin. Enrol another admin first.',
    );
  }
  const keys = [...state.keys.values()].filter((key) => key.human === human.id);
  return strandsRefusal(state, new Set(keys.map((key) => key.kid)));
}

/** A freeze that nobody could lift any more would lock everybody out. */
function strandsRefusal(state: AuthorityState, gone: ReadonlySet<string>): Refusal {
  const stranded = strandedFreeze(state, gone);
  return stranded === null
    ? null
    : inputError(
        'conflict',
        `Nobody would be left to lift the freeze ${stranded.id}. Lift it first.`,
      );
}

export function keyRevoke(state: AuthorityState, body: StatementOf<'key.revoke'>['body']): Refusal {
  const key = state.keys.get(body.key);
  if (key === undefined) return inputError('not_found', 'There is no such key.');
  if (key.revokedAt !== null) return inputError('conflict', 'This key is revoked already.');
  const owner = state.humans.get(key.human);
  const lastKey = ![...state.keys.values()].some(
    (other) => other.human === key.human && other.revokedAt === null && other.kid !== key.kid,
  );
  const otherAdmins = holdersOf(state, 'admin').filter((admin) => admin.id !== key.human);
  return lastKey && owner?.roles.includes('admin') && otherAdmins.length === 0
    ? inputError('conflict', 'It is the last key of the last admin. Add another key first.')
    : strandsRefusal(state, new Set([key.kid]));
}
