/** What genesis, enrolments, recoveries and removals change of the people whose signatures count. */
import type { FreezeTarget, StatementOf } from '@countersign/contract';
import { applyUnfreeze, freezesOn } from './freezes.ts';
import { type At, type AuthorityState, nameKey, secondHumanEver } from './state.ts';

/** The first human, whom nobody could vouch for. */
export function enrolFirst(
  state: AuthorityState,
  at: At,
  { id, body }: StatementOf<'genesis'>,
  kid: string,
): void {
  state.names.set(nameKey('human', body.name), id);
  state.humans.set(id, {
    id,
    name: body.name,
    roles: ['admin', 'approver'],
    groups: [],
    since: { 'role/admin': at.index, 'role/approver': at.index },
    recovery: body.recovery,
    vouchedByOne: false,
    enrolledAt: at.time,
    removedAt: null,
  });
  addKey(state, at, id, body, kid);
}

/** A new human, another key, or other roles and groups: whatever the statement says of them is so now. */
export function enrol(
  state: AuthorityState,
  at: At,
  { id, body }: StatementOf<'human.enroll'>,
  onOneWord: boolean,
): void {
  const present = state.humans.get(body.human ?? '');
  // Law 1: marked whoever one person vouched for, also where it took thirty days. Only the first human, who
  // has nobody to ask, is not marked by what they change of themself.
  const marked = onOneWord && (present === undefined || secondHumanEver(state));
  const human = present?.id ?? id;
  state.names.set(nameKey('human', body.name), human);
  state.humans.set(human, {
    id: human,
    name: body.name,
    roles: body.roles,
    groups: body.groups,
    since: sinceWhen(present?.since ?? {}, body, at.index),
    recovery: body.recovery ?? present?.recovery ?? null,
    vouchedByOne: marked || present?.vouchedByOne === true,
    enrolledAt: present?.enrolledAt ?? at.time,
    removedAt: null,
  });
  if (!state.keys.has(body.fingerprint)) addKey(state, at, human, body, body.fingerprint);
}

/** Law 1: what is held without a break keeps its place; what was lost and came back begins anew. */
function sinceWhen(
  before: Readonly<Record<string, number>>,
  { roles, groups }: { readonly roles: readonly string[]; readonly groups: readonly string[] },
  now: number,
): Readonly<Record<string, number>> {
  const held = [...roles.map((role) => `role/${role}`), ...groups.map((group) => `group/${group}`)];
  return Object.fromEntries(held.map((what) => [what, before[what] ?? now]));
}

/** Law 1: a recovery revokes that human's other keys, and ends the freezes on them. */
export function applyRecovery(
  state: AuthorityState,
  at: At,
  body: StatementOf<'recover'>['body'],
): void {
  const human = state.humans.get(body.human);
  if (human === undefined) return;
  const others = [...state.keys.values()].filter((key) => key.human === human.id);
  const targets: FreezeTarget[] = [
    { kind: 'human', id: human.id },
    ...others.map(({ kid }) => ({ kind: 'key' as const, id: kid })),
  ];
  for (const target of targets) {
    for (const freeze of freezesOn(state, target)) applyUnfreeze(state, at.time, freeze.id);
  }
  for (const key of others) {
    if (key.revokedAt === null) state.keys.set(key.kid, { ...key, revokedAt: at.time });
  }
  state.humans.set(human.id, { ...human, recovery: body.recovery });
  addKey(state, at, human.id, body, body.fingerprint);
}

/** Removed for good, with every key. */
export function removeHuman(state: AuthorityState, at: At, id: string): void {
  const human = state.humans.get(id);
  if (human !== undefined) state.humans.set(id, { ...human, removedAt: at.time });
  for (const key of state.keys.values()) {
    if (key.human === id && key.revokedAt === null) {
      state.keys.set(key.kid, { ...key, revokedAt: at.time });
    }
  }
}

function addKey(
  state: AuthorityState,
  at: At,
  human: string,
  body: {
    readonly key: StatementOf<'genesis'>['body']['key'];
    readonly key_type: StatementOf<'genesis'>['body']['key_type'];
  },
  kid: string,
): void {
  state.keys.set(kid, {
    kid,
    human,
    type: body.key_type,
    jwk: body.key,
    addedAt: at.time,
    revokedAt: null,
  });
}
