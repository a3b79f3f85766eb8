/** What signed configuration leaves open: people, rules, agents and grants as the fold has them. Pure. */
import {
  type AuthorityState,
  type Grant,
  type Human,
  isFrozenKey,
  isPresent,
  standingOf,
} from '@countersign/authority';
import { type Finding, foundAbout, foundOpen } from '@countersign/contract';

const DAY = 86_400_000;
/** Milliseconds that a grant may stand from now on before it is said that it stands long. */
const LONG = 90 * DAY;
/** Milliseconds that a grant has stood before nobody using it is worth a word. */
const UNUSED = 30 * DAY;

export function examineAuthority(state: AuthorityState): Finding[] {
  // Before genesis there is nobody to tell.
  if (state.broker === null) return [];
  return [...examinePeople(state), ...examineRules(state), ...examineAgents(state)];
}

/** Humans who can sign now: enrolled, not frozen, with a key that is neither revoked nor frozen. */
function signersOf(state: AuthorityState): Human[] {
  return [...state.humans.values()].filter(
    (human) =>
      isPresent(human) &&
      [...state.keys.values()].some(
        (key) => key.human === human.id && key.revokedAt === null && !isFrozenKey(state, key.kid),
      ),
  );
}

function examinePeople(state: AuthorityState): Finding[] {
  const present = [...state.humans.values()].filter(isPresent);
  const signers = signersOf(state);
  const admins = namesOf(signers.filter(({ roles }) => roles.includes('admin')));
  const approvers = namesOf(signers.filter(({ roles }) => roles.includes('approver')));
  return [
    ...foundOpen(admins.length < 2, 'one_admin', admins),
    ...foundOpen(approvers.length < 2, 'approvers_few', approvers),
    ...foundOpen(approvers.length === 2, 'approvers_two', approvers),
    ...foundAbout('vouched_by_one', namesOf(present.filter(({ vouchedByOne }) => vouchedByOne))),
    ...foundAbout('no_recovery_code', namesOf(present.filter(({ recovery }) => recovery === null))),
  ];
}

function examineRules(state: AuthorityState): Finding[] {
  const rules = [...state.environments.values()].map(({ rule }) => rule);
  const production = rules.filter((rule) => rule.class === 'production');
  const atOnce = production.filter(
    ({ quorum, groups, cool_off: coolOff }) => quorum <= 2 && groups.length === 0 && coolOff === 0,
  );
  return [
    ...foundOpen(production.length === 0, 'no_production'),
    ...foundAbout(
      'passphrase_quorum',
      namesOf(production.filter(({ user_verified: verified }) => verified === 0)),
    ),
    ...foundAbout('no_cool_off', namesOf(atOnce)),
  ];
}

function examineAgents(state: AuthorityState): Finding[] {
  const agents = [...state.agents.values()].filter(
    ({ auth, disabledAt }) => auth.method === 'client_secret' && disabledAt === null,
  );
  const connections = [...state.connections.values()].filter(
    ({ id, removedAt }) => removedAt === null && (state.acceptedEscapes.get(id)?.size ?? 0) > 0,
  );
  return [
    ...foundAbout('client_secrets', namesOf(agents)),
    ...foundAbout('escapes_accepted', namesOf(connections)),
  ];
}

/** Ids of grants that hold for longer than 90 days from `now` (ms). */
export function longGrants(state: AuthorityState, grants: readonly Grant[], now: number): string[] {
  return grants
    .filter(
      (grant) => grant.until - now > LONG && standingOf(state, grant, now).status === 'active',
    )
    .map(({ id }) => id);
}

/** Ids of grants that have held for 30 days at `now` (ms), used or not. */
export function settledGrants(
  state: AuthorityState,
  grants: readonly Grant[],
  now: number,
): string[] {
  return grants
    .filter(
      (grant) => now - grant.from > UNUSED && standingOf(state, grant, now).status === 'active',
    )
    .map(({ id }) => id);
}

function namesOf(things: readonly { readonly name: string }[]): string[] {
  return things.map(({ name }) => name);
}
