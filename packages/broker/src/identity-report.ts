/** One agent or one human, as a report shows them: what the fold says, what was counted, what is alive. */
import {
  type Agent,
  type AuthorityState,
  freezesOn,
  type Human,
  isFrozenKey,
  thumbprintOf,
} from '@countersign/authority';
import { type AgentReport, type HumanReport, STATEMENT_KINDS } from '@countersign/contract';
import { DENIAL_CODES, toInstant } from '@countersign/core';
import { type GrantUsage, grantReport } from './grant-report.ts';
import type { Lease, UsageCount } from './ports.ts';
import type { Signing } from './signings.ts';
import { leaseView } from './views.ts';

export async function agentReport(
  state: AuthorityState,
  agent: Agent,
  known: GrantUsage & {
    readonly counts: readonly UsageCount[];
    readonly leases: readonly Lease[];
    readonly waiting: readonly string[];
  },
  now: number,
): Promise<AgentReport> {
  const { id, name, auth } = agent;
  const registered = state.statements.get(id);
  const author = state.humans.get(registered?.signatures[0]?.human ?? '');
  const grants = [...grantsNotOver(state, id, now), ...known.waiting];
  const of = (kind: UsageCount['kind']) => known.counts.filter((each) => each.kind === kind);
  return {
    kind: 'agent',
    id,
    name,
    state: stateOf(state, agent),
    registered_at: registered?.settledAt ?? registered?.proposedAt ?? state.time,
    registered_by: author?.name ?? 'unknown',
    disabled_at: agent.disabledAt,
    auth_method: auth.method,
    credentials: await credentialsOf(agent),
    authenticated_by: credentialLastUsed(of('credential')),
    grants: grants.flatMap((grant) => {
      const record = state.statements.get(grant);
      return record === undefined ? [] : (grantReport(state, record, known, now) ?? []);
    }),
    allowed: of('allowed')
      .filter(({ count }) => count > 0)
      .map(({ what, count }) => ({ stage: what, count })),
    denied: of('denied').flatMap(({ what, count }) => {
      const code = DENIAL_CODES.find((each) => each === what);
      return code === undefined || count === 0 ? [] : { code, count };
    }),
    last_allowed_at: instantOf(latestOf(of('allowed'))),
    last_denied_at: instantOf(latestOf(of('denied'))),
    leases: known.leases.map((lease) => {
      const view = leaseView(state, lease);
      const { connection, environment, expires_at: ends, trouble } = view;
      return { id: view.id, connection, environment, state: view.state, expires_at: ends, trouble };
    }),
  };
}

/** Ids of an agent's completed grants that were not revoked and have not ended. */
export function grantsNotOver(state: AuthorityState, agent: string, now: number): string[] {
  return (state.grantsOfAgent.get(agent) ?? []).filter((id) => {
    const grant = state.grants.get(id);
    return grant !== undefined && grant.revokedAt === null && now < grant.until;
  });
}

function stateOf(state: AuthorityState, { id, disabledAt }: Agent): AgentReport['state'] {
  if (disabledAt !== null) return 'disabled';
  const freezes = [
    ...freezesOn(state, { kind: 'agent', id }),
    ...freezesOn(state, { kind: 'everything', id: null }),
  ];
  return freezes.length > 0 ? 'frozen' : 'enabled';
}

/** Each registered key with its curve; where there is none, the digest that stands for how it authenticates. */
async function credentialsOf({ auth, credentials }: Agent): Promise<AgentReport['credentials']> {
  if (auth.method !== 'private_key_jwt') {
    return credentials.map((thumbprint) => ({ kind: auth.method, thumbprint }));
  }
  return await Promise.all(
    auth.jwks.keys.map(async (key) => ({ kind: key.crv, thumbprint: await thumbprintOf(key) })),
  );
}

export function humanReport(
  state: AuthorityState,
  human: Human,
  known: { readonly counts: readonly UsageCount[]; readonly signing: Signing },
): HumanReport {
  const { id, name, roles, groups, vouchedByOne, enrolledAt, removedAt } = human;
  const { signing } = known;
  const sessions = known.counts.filter(({ kind }) => kind === 'session');
  const isFrozen = freezesOn(state, { kind: 'human', id }).length > 0;
  return {
    kind: 'human',
    id,
    name,
    state: removedAt !== null ? 'removed' : isFrozen ? 'frozen' : 'enrolled',
    enrolled_at: enrolledAt,
    removed_at: removedAt,
    vouched_by_one: vouchedByOne,
    roles: [...roles],
    groups: [...groups],
    keys: [...state.keys.values()]
      .filter((key) => key.human === id)
      .map((key) => ({
        kid: key.kid,
        type: key.type,
        added_at: key.addedAt,
        revoked_at: key.revokedAt,
        frozen: isFrozenKey(state, key.kid),
      })),
    signed: STATEMENT_KINDS.flatMap((kind) => {
      const count = signing.signed.get(kind) ?? 0;
      return count === 0 ? [] : { kind, count };
    }),
    proposed: signing.proposed,
    vetoed: signing.vetoed,
    last_signed_at: signing.lastAt,
    sessions: sessions.reduce((sum, { count }) => sum + count, 0),
    signed_in_by: credentialLastUsed(sessions),
  };
}

/** The latest of them, ever. */
function latestOf(counts: readonly UsageCount[]): UsageCount | null {
  return counts.reduce<UsageCount | null>(
    (best, each) => (best === null || each.lastAt > best.lastAt ? each : best),
    null,
  );
}

function instantOf(count: UsageCount | null): string | null {
  return count === null ? null : toInstant(count.lastAt);
}

/** Of counts by credential: the key, or the digest that stands for a secret, and when. */
function credentialLastUsed(
  counts: readonly UsageCount[],
): { credential: string; at: string } | null {
  const latest = latestOf(counts);
  return latest === null ? null : { credential: latest.what, at: toInstant(latest.lastAt) };
}
