/**
 * Where a grant stands now. A delete-capable grant is judged again at every look (Law 1): its class by
 * the worst effect ever recorded, its signatures by who may still sign, its pins by what is there.
 */
import type { StatementOf } from '@countersign/contract';
import { fromInstant, isDeleteCapable } from '@countersign/core';
import { adoptedDescription } from './adoption.ts';
import { digestOfDocument } from './canonical.ts';
import { isDeleteCapableGrant, worstEffect } from './grant-effect.ts';
import { progressOf } from './progress.ts';
import { requirementOf } from './requirement.ts';
import { isVoid } from './restored.ts';
import type { Agent, AuthorityState, Connection, Grant } from './state.ts';

type GrantBody = StatementOf<'grant.create'>['body'];

/** Longest validity of a delete-capable grant, and of `reveal`/`execute` outside production, in seconds. */
const DELETE_CAPABLE_VALIDITY = 86_400;
const REVEAL_EXECUTE_VALIDITY = 30 * 86_400;

/** What a delete-capable grant pins of its connection: everything but other environments. */
export function connectionPin(connection: Connection, environment: string): string {
  const { provider, endpoint, account, config, mapping } = connection.body;
  return digestOfDocument({
    connection: connection.id,
    provider,
    endpoint,
    account,
    config,
    mapping: mapping[environment] ?? [],
  });
}

/** The bounds of the effects table that this grant breaks, in words; empty when it keeps them. */
export function brokenBounds(state: AuthorityState, body: GrantBody): string[] {
  const worst = worstEffect(state, body);
  if (!isDeleteCapable(worst)) return [];
  const production = state.environments.get(body.environment)?.rule.class === 'production';
  const lenient = (worst === 'reveal' || worst === 'execute') && !production;
  const longest = lenient ? REVEAL_EXECUTE_VALIDITY : DELETE_CAPABLE_VALIDITY;
  const broken: string[] = [];
  if (body.valid_for > longest) {
    broken.push(`a grant with effect ${worst} stands at most ${longest / 3600} hours here`);
  }
  if (body.max_uses === null && !lenient) {
    broken.push(`a grant with effect ${worst} says how many uses it has`);
  }
  if (body.pins === null) broken.push("it does not pin the agent's credentials and the connection");
  if (body.sender === null) broken.push('it does not name the key its tokens are bound to');
  return broken;
}

/** Pins that no longer match, in words. */
export function brokenPins(
  body: GrantBody,
  agent: Agent | undefined,
  connection: Connection | undefined,
): string[] {
  if (body.pins === null) return [];
  const broken: string[] = [];
  if (agent === undefined || agent.credentials.join() !== body.pins.agent_credentials.join()) {
    broken.push("the agent's credentials changed since it was signed");
  }
  if (
    connection === undefined ||
    connectionPin(connection, body.environment) !== body.pins.connection
  ) {
    broken.push('the connection changed since it was signed');
  }
  return broken;
}

/** Of a grant that enough have signed. */
type CompletedStatus = 'revoked' | 'suspended' | 'cooling_off' | 'active' | 'expired';

type GrantStatus = 'waiting' | 'rejected' | 'lapsed' | CompletedStatus;

export interface GrantStanding<Status extends GrantStatus = GrantStatus> {
  readonly status: Status;
  /** Why it is not active, in words for humans; empty when it is. */
  readonly reasons: readonly string[];
  readonly deleteCapable: boolean;
}

function isOnRemovedConnection(state: AuthorityState, grant: Grant): boolean {
  return (state.connections.get(grant.body.connection)?.removedAt ?? null) !== null;
}

/** Why a completed grant would not hold now, whatever the clock says; empty when it holds. */
export function suspensions(state: AuthorityState, grant: Grant): string[] {
  const record = state.statements.get(grant.id);
  if (record === undefined) return ['no statement stands behind it'];
  if (isOnRemovedConnection(state, grant)) return ['its connection was removed'];
  if (!isDeleteCapableGrant(state, grant.body)) return unpinned(state, grant);
  const progress = progressOf(
    state,
    requirementOf(state, record.decoded.statement),
    record.signatures,
  );
  return [
    ...brokenBounds(state, grant.body),
    ...described(state, grant.body),
    ...(progress.met ? [] : [`its signatures no longer suffice: ${progress.missing.join('; ')}`]),
    ...unpinned(state, grant),
  ];
}

/** Law 1: what was signed is what runs, and another description says anew what its operations are. */
function described(state: AuthorityState, { connection, permissions }: GrantBody): string[] {
  const provider = state.connections.get(connection)?.body.provider ?? '';
  if (adoptedDescription(state, provider) === undefined) return [];
  const adopted = state.adopted.get(provider)?.digest;
  return permissions.every(({ catalog }) => catalog === adopted)
    ? []
    : [`${provider} was described anew since it was signed`];
}

/** Law 1: once a pin broke, the grant is signed anew, though all be as it was again. */
function unpinned(state: AuthorityState, { body, unpinnedAt }: Grant): string[] {
  const broken = brokenPins(
    body,
    state.agents.get(body.agent),
    state.connections.get(body.connection),
  );
  if (broken.length > 0 || unpinnedAt === null) return broken;
  return [`what it pins was changed at ${unpinnedAt}, and changed back`];
}

/** Where a completed grant stands at `now` (ms). Uses are counted elsewhere. */
export function standingOf(
  state: AuthorityState,
  grant: Grant,
  now: number,
): GrantStanding<CompletedStatus> {
  const deleteCapable = isDeleteCapableGrant(state, grant.body);
  const stand = (
    status: CompletedStatus,
    reasons: readonly string[] = [],
  ): GrantStanding<CompletedStatus> => ({
    status,
    reasons,
    deleteCapable,
  });
  if (grant.revokedAt !== null) {
    return stand('revoked', [
      isVoid(state, grant)
        ? 'the database was restored, and what was used of it is not known any more'
        : 'it was revoked',
    ]);
  }
  if (isOnRemovedConnection(state, grant)) return stand('revoked', ['its connection was removed']);
  if (now >= grant.until) return stand('expired', ['its validity is over']);
  const reasons = suspensions(state, grant);
  if (reasons.length > 0) return stand('suspended', reasons);
  if (now < grant.from) return stand('cooling_off', ['its cool-off is not over']);
  return stand('active');
}

/** Where a grant statement stands, completed or not; null when there is no such statement. */
export function grantStanding(
  state: AuthorityState,
  id: string,
  now: number,
): GrantStanding | null {
  const grant = state.grants.get(id);
  if (grant !== undefined) return standingOf(state, grant, now);
  const record = state.statements.get(id);
  if (record === undefined || record.decoded.statement.kind !== 'grant.create') return null;
  const deleteCapable = isDeleteCapableGrant(state, record.decoded.statement.body);
  if (record.status === 'rejected') {
    return { status: 'rejected', reasons: ['it was rejected'], deleteCapable };
  }
  if (now > fromInstant(record.decoded.statement.sign_by)) {
    return { status: 'lapsed', reasons: ['it was not signed in time'], deleteCapable };
  }
  return { status: 'waiting', reasons: ['it waits for signatures'], deleteCapable };
}
