/** The fold, as answers: projections for reading, made fresh from the state each time. */
import {
  type Agent,
  type AuthorityState,
  type Connection,
  type CountedSignature,
  countingHuman,
  type Environment,
  effectiveFrom,
  type Freeze,
  type Guardrail,
  grantStanding,
  type Human,
  isDeleteCapableGrant,
  progressOf,
  requirementOf,
  type StatementRecord,
  worstEffect,
} from '@countersign/authority';
import type {
  AccessRequestView,
  AgentView,
  ConnectionView,
  EntryView,
  EnvironmentView,
  FreezeView,
  GrantView,
  GuardrailView,
  HumanView,
  LeaseView,
  StatementView,
} from '@countersign/contract';
import { fromInstant, inputError, toInstant } from '@countersign/core';
import { decodeEntry } from '@countersign/ledger';
import { dependenciesOf } from './grant-dependencies.ts';
import type { AccessRequest, JournalEntry, Lease } from './ports.ts';
import type { PageOf, PageQuery } from './use-cases.ts';

export function humanView(state: AuthorityState, human: Human): HumanView {
  return {
    id: human.id,
    name: human.name,
    roles: [...human.roles],
    groups: [...human.groups],
    vouched_by_one: human.vouchedByOne,
    enrolled_at: human.enrolledAt,
    removed_at: human.removedAt,
    keys: [...state.keys.values()]
      .filter((key) => key.human === human.id)
      .map((key) => ({
        kid: key.kid,
        type: key.type,
        added_at: key.addedAt,
        revoked_at: key.revokedAt,
      })),
  };
}

export function environmentView(environment: Environment): EnvironmentView {
  const { rule } = environment;
  return {
    id: environment.id,
    name: environment.name,
    class: rule.class,
    quorum: rule.quorum,
    groups: [...rule.groups],
    user_verified: rule.user_verified,
    cool_off: rule.cool_off,
    require_dpop: rule.require_dpop,
  };
}

export function agentView(agent: Agent): AgentView {
  return {
    id: agent.id,
    name: agent.name,
    auth_method: agent.auth.method,
    credentials: [...agent.credentials],
    require_dpop: agent.requireDpop,
    disabled_at: agent.disabledAt,
  };
}

export function connectionView(
  state: AuthorityState,
  connection: Connection,
  kept: Pick<ConnectionView, 'state' | 'former_credentials'>,
): ConnectionView {
  const { body } = connection;
  return {
    id: connection.id,
    name: connection.name,
    provider: body.provider,
    endpoint: body.endpoint,
    account: body.account,
    config: body.config,
    mapping: Object.fromEntries(
      Object.entries(body.mapping).map(([environment, ids]) => [
        state.environments.get(environment)?.name ?? environment,
        ids,
      ]),
    ),
    ...kept,
  };
}

export function freezeView(state: AuthorityState, freeze: Freeze): FreezeView {
  const humanName = (id: string): string => state.humans.get(id)?.name ?? id;
  return {
    id: freeze.id,
    target: freeze.target,
    name: nameOfTarget(state, freeze.target),
    reason: freeze.reason,
    author: humanName(freeze.author),
    frozen_at: freeze.at,
    seconded_by: freeze.secondedBy === null ? null : humanName(freeze.secondedBy),
    lifted_at: freeze.liftedAt,
  };
}

export function guardrailView(state: AuthorityState, guardrail: Guardrail): GuardrailView {
  return {
    id: guardrail.id,
    name: guardrail.name,
    policy: guardrail.policy,
    reason: guardrail.reason,
    author: state.humans.get(guardrail.author)?.name ?? guardrail.author,
    at: guardrail.at,
    sole_until: guardrail.soleUntil,
    removed_at: guardrail.removedAt,
  };
}

function nameOfTarget(state: AuthorityState, { kind, id }: Freeze['target']): string | null {
  switch (kind) {
    case 'environment':
      return state.environments.get(id)?.name ?? null;
    case 'connection':
      return state.connections.get(id)?.name ?? null;
    case 'agent':
      return state.agents.get(id)?.name ?? null;
    case 'human':
      return state.humans.get(id)?.name ?? null;
    case 'everything':
    case 'key':
      return null;
  }
}

/** Pending or cooling off, found without a look at every statement there ever was. */
export function unsettledRecords(state: AuthorityState): StatementRecord[] {
  return [...state.unsettled.keys()].flatMap((id) => state.statements.get(id) ?? []);
}

/** Whether a statement still collects signatures at `now` (ms). */
export function isPending({ status, decoded }: StatementRecord, now: number): boolean {
  return status === 'pending' && now <= fromInstant(decoded.statement.sign_by);
}

export function statementView(
  state: AuthorityState,
  record: StatementRecord,
  now: number,
): StatementView {
  const { statement, payload } = record.decoded;
  const requirement = requirementOf(state, statement);
  const progress = progressOf(state, requirement, record.signatures);
  const effective = effectiveFrom(state, record);
  // What one admin completes in the end still waits, though nobody else signs it any more.
  const lapsed = record.status === 'pending' && !isPending(record, now) && effective === null;
  return {
    id: statement.id,
    kind: statement.kind,
    status: lapsed ? 'lapsed' : record.status,
    have: progress.have,
    need: progress.need,
    missing: record.status === 'pending' ? [...progress.missing] : [],
    signatures: signaturesView(state, requirement, record.signatures),
    proposed_at: record.proposedAt,
    settled_at: record.settledAt,
    effective_from: effective,
    sign_by: statement.sign_by,
    rejection:
      record.rejection === null
        ? null
        : {
            human: state.humans.get(record.rejection.human)?.name ?? record.rejection.human,
            reason: record.rejection.reason,
          },
    payload,
  };
}

function signaturesView(
  state: AuthorityState,
  requirement: ReturnType<typeof requirementOf>,
  signatures: readonly CountedSignature[],
) {
  return signatures.map((signature) => {
    const human = state.humans.get(signature.human);
    return {
      human: signature.human,
      name: human?.name ?? 'unknown',
      kid: signature.kid,
      at: signature.at,
      counts: countingHuman(state, requirement, signature.kid)?.id === signature.human,
      vouched_by_one: human?.vouchedByOne ?? false,
    };
  });
}

/** @returns null when the record is no grant. */
export function grantView(
  state: AuthorityState,
  record: StatementRecord,
  used: number,
  now: number,
): GrantView | null {
  const { statement } = record.decoded;
  if (statement.kind !== 'grant.create') return null;
  const { body } = statement;
  const grant = state.grants.get(statement.id);
  const standing = grantStanding(state, statement.id, now);
  if (standing === null) return null;
  const requirement = requirementOf(state, statement);
  const progress = progressOf(state, requirement, record.signatures);
  const exhausted = standing.status === 'active' && body.max_uses !== null && used >= body.max_uses;
  return {
    id: statement.id,
    status: exhausted ? 'exhausted' : standing.status,
    reasons: exhausted ? ['all its uses are spent'] : [...standing.reasons],
    delete_capable: isDeleteCapableGrant(state, body),
    effect: worstEffect(state, body),
    agent: state.agents.get(body.agent)?.name ?? body.agent,
    connection: state.connections.get(body.connection)?.name ?? body.connection,
    environment: state.environments.get(body.environment)?.name ?? body.environment,
    permissions: body.permissions,
    ttl: body.ttl,
    valid_for: body.valid_for,
    max_uses: body.max_uses,
    used,
    from: grant === undefined ? null : toInstant(grant.from),
    until: grant === undefined ? null : toInstant(grant.until),
    have: progress.have,
    need: progress.need,
    signatures: signaturesView(state, requirement, record.signatures),
    pins: body.pins,
    sender: body.sender,
    uses_left: body.max_uses === null ? null : Math.max(0, body.max_uses - used),
    depends_on: dependenciesOf(state, statement, record),
    request: body.request,
    reason: body.reason,
    sql: body.sql,
    assessment: body.assessment,
  };
}

export function accessRequestView(
  state: AuthorityState,
  request: AccessRequest,
  now: number,
): AccessRequestView {
  const record = request.statement === null ? undefined : state.statements.get(request.statement);
  return {
    id: request.id,
    agent: state.agents.get(request.agent)?.name ?? request.agent,
    status: requestStatus(request, record, now),
    authorization_details: request.details.map((detail) => ({
      ...detail,
      operations: [...detail.operations],
      resources: [...detail.resources],
    })),
    reason: request.reason,
    sender: request.sender,
    rejection: request.rejection ?? record?.rejection?.reason ?? null,
    statement: request.statement,
    created_at: toInstant(request.createdAt),
  };
}

function requestStatus(
  request: AccessRequest,
  record: StatementRecord | undefined,
  now: number,
): AccessRequestView['status'] {
  if (request.rejection !== null) return 'rejected';
  if (record === undefined) return 'open';
  if (record.status === 'complete') return 'granted';
  if (record.status === 'rejected') return 'rejected';
  return now > fromInstant(record.decoded.statement.sign_by) ? 'lapsed' : 'waiting';
}

export function leaseView(state: AuthorityState, lease: Lease): LeaseView {
  return {
    id: lease.id,
    agent: state.agents.get(lease.agent)?.name ?? lease.agent,
    connection: state.connections.get(lease.connection)?.name ?? lease.connection,
    environment: state.environments.get(lease.environment)?.name ?? lease.environment,
    grants: [...lease.grants],
    rights: lease.rights.map(({ operation, resource }) => ({ operation, resource })),
    state: lease.state,
    expires_at: toInstant(lease.expiresAt),
    created_at: toInstant(lease.createdAt),
    decision: lease.decision,
    trouble: lease.trouble,
  };
}

/** An entry for reading. Bytes that no longer decode are shown as what they are: unreadable. */
export function entryView(entry: JournalEntry): EntryView {
  const base = { index: entry.index, id: entry.id, type: entry.type, time: entry.time };
  try {
    // The entry came out of canonical JSON, so its body is JSON.
    return { ...base, body: JSON.parse(JSON.stringify(decodeEntry(entry.bytes).body)) };
  } catch {
    return {
      ...base,
      body: { unreadable: 'these bytes are no entry; run countersign audit verify' },
    };
  }
}

/** Keyset paging over things that carry an id, newest first. */
export function pageById<T extends { readonly id: string }>(
  all: Iterable<T>,
  query: PageQuery,
): PageOf<T> {
  const sorted = [...all].sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
  const { after } = query;
  const rest = after === null ? sorted : sorted.filter((item) => item.id < after);
  const items = rest.slice(0, query.limit);
  return { items, next: rest.length > query.limit ? (items.at(-1)?.id ?? null) : null };
}

/** @throws CountersignError `not_found` */
export function found<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) {
    throw inputError('not_found', `There is no such ${what}.`);
  }
  return value;
}
