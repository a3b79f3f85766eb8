/** What each completed statement changes. Called by the fold alone, after judgement. */
import type { FreezeTarget, StatementOf } from '@countersign/contract';
import { type Catalog, fromInstant } from '@countersign/core';
import { applyAdoption, applyCatalog } from './adoption.ts';
import { basisOf, noteChange } from './basis.ts';
import { digestOfDocument } from './canonical.ts';
import type { DecodedStatement } from './envelope.ts';
import { applyEscapes } from './escapes.ts';
import { applyFreeze, applySeconding, applyUnfreeze, freezesOn } from './freezes.ts';
import { applyGuardrail, removeGuardrail } from './guardrails.ts';
import {
  type Agent,
  type AuthorityState,
  type Connection,
  type CountedSignature,
  type FormerConnection,
  isElsewhere,
  nameKey,
  type StatementStatus,
  secondHumanEver,
} from './state.ts';

interface At {
  readonly index: number;
  readonly time: string;
}

/** What became of a statement with an entry. */
interface Change {
  readonly decoded: DecodedStatement;
  readonly signatures: readonly CountedSignature[];
  readonly status: StatementStatus;
  /** Whether one person's word was enough for it. */
  readonly onOneWord: boolean;
  /** Of the keys it introduces. */
  readonly thumbprints: readonly string[];
}

/** Records a proposal or signature and, when complete, its effect. */
export function applyStatement(state: AuthorityState, at: At, change: Change): void {
  record(state, at, change, null);
  if (change.status === 'complete') {
    takeEffect(state, at, change);
    noteChange(state, change.decoded.statement);
  }
  advance(state, at);
}

/** Signed by enough; nothing of it holds before `from`, an instant, and an entry that says so. */
export function applyDelayed(state: AuthorityState, at: At, change: Change, from: string): void {
  record(state, at, change, from);
  advance(state, at);
}

function record(
  state: AuthorityState,
  at: At,
  { decoded, signatures, status }: Change,
  effectiveFrom: string | null,
): void {
  const before = state.statements.get(decoded.statement.id);
  state.statements.set(decoded.statement.id, {
    decoded,
    status,
    signatures,
    proposedAt: before?.proposedAt ?? at.time,
    basis: before === undefined ? basisOf(state, decoded.statement) : before.basis,
    settledAt: status === 'pending' ? null : at.time,
    effectiveFrom: effectiveFrom ?? before?.effectiveFrom ?? null,
    rejection: null,
  });
  if (status === 'complete') state.unsettled.delete(decoded.statement.id);
  else state.unsettled.set(decoded.statement.id, true);
}

/** A signature on a freeze that took effect: from now on its author does not lift it alone. */
export function applySecond(
  state: AuthorityState,
  at: At,
  id: string,
  counted: readonly CountedSignature[],
): void {
  const record = state.statements.get(id);
  const [second] = counted;
  if (record !== undefined && second !== undefined) {
    state.statements.set(id, { ...record, signatures: [...record.signatures, ...counted] });
    applySeconding(state, id, second.human);
  }
  advance(state, at);
}

export function applyRecorded(
  state: AuthorityState,
  at: At,
  digest: string,
  catalog: Catalog,
): void {
  applyCatalog(state, digest, catalog);
  advance(state, at);
}

function advance(state: AuthorityState, at: At): void {
  state.size = at.index + 1;
  state.time = at.time;
}

/** What a statement changes when it is complete. */
export function takeEffect(
  state: AuthorityState,
  at: At,
  { decoded, signatures, thumbprints, onOneWord }: Change,
): void {
  const { statement } = decoded;
  const { id } = statement;
  switch (statement.kind) {
    case 'genesis':
      state.broker = decoded.digest;
      state.ledgerKey = statement.body.ledger_key;
      state.names.set(nameKey('human', statement.body.name), id);
      state.humans.set(id, {
        id,
        name: statement.body.name,
        roles: ['admin', 'approver'],
        groups: [],
        since: { 'role/admin': at.index, 'role/approver': at.index },
        recovery: statement.body.recovery,
        vouchedByOne: false,
        enrolledAt: at.time,
        removedAt: null,
      });
      addKey(state, at, id, statement.body, thumbprints[0] ?? '');
      return;
    case 'human.enroll':
      enrol(state, at, statement, onOneWord);
      return;
    case 'recover':
      applyRecovery(state, at, statement.body);
      return;
    case 'human.remove': {
      const human = state.humans.get(statement.body.human);
      if (human !== undefined) state.humans.set(human.id, { ...human, removedAt: at.time });
      for (const key of state.keys.values()) {
        if (key.human === statement.body.human && key.revokedAt === null) {
          state.keys.set(key.kid, { ...key, revokedAt: at.time });
        }
      }
      return;
    }
    case 'key.revoke': {
      const key = state.keys.get(statement.body.key);
      if (key !== undefined) state.keys.set(key.kid, { ...key, revokedAt: at.time });
      return;
    }
    case 'agent.credential.set': {
      const agent = state.agents.get(statement.body.agent);
      if (agent !== undefined) setAgent(state, agent, statement.body, thumbprints);
      return;
    }
    case 'environment.set': {
      const environment = statement.body.environment ?? id;
      state.names.set(nameKey('environment', statement.body.name), environment);
      state.environments.set(environment, {
        id: environment,
        name: statement.body.name,
        rule: statement.body,
      });
      return;
    }
    case 'agent.register':
      state.names.set(nameKey('agent', statement.body.name), id);
      setAgent(
        state,
        { id, name: statement.body.name, disabledAt: null },
        statement.body,
        thumbprints,
      );
      return;
    case 'agent.disable': {
      const agent = state.agents.get(statement.body.agent);
      if (agent !== undefined) state.agents.set(agent.id, { ...agent, disabledAt: at.time });
      return;
    }
    case 'connection.set':
      setConnection(state, at, id, statement.body);
      return;
    case 'connection.remove':
      removeConnection(state, at, statement.body.connection);
      return;
    case 'freeze':
      applyFreeze(state, at.time, statement, signatures);
      return;
    case 'unfreeze':
      applyUnfreeze(state, at.time, statement.body.freeze);
      return;
    case 'escape.accept':
      applyEscapes(state, statement.body);
      return;
    case 'catalog.adopt':
      applyAdoption(state, statement.body);
      return;
    case 'guardrail.add':
      applyGuardrail(state, at.time, statement, signatures);
      return;
    case 'guardrail.remove':
      removeGuardrail(state, at.time, statement.body.guardrail);
      return;
    case 'restore.accept':
    case 'prune':
      // Refused where they are judged, in this version.
      return;
    case 'grant.create':
      addGrant(state, at, id, statement.body);
      return;
    case 'grant.revoke': {
      const grant = state.grants.get(statement.body.grant);
      if (grant !== undefined) state.grants.set(grant.id, { ...grant, revokedAt: at.time });
      return;
    }
    case 'statement.reject': {
      const record = state.statements.get(statement.body.statement);
      const by = signatures[0]?.human;
      if (record !== undefined && by !== undefined) {
        state.statements.set(statement.body.statement, {
          ...record,
          status: 'rejected',
          settledAt: at.time,
          effectiveFrom: null,
          rejection: { human: by, reason: statement.body.reason },
        });
        state.unsettled.delete(statement.body.statement);
      }
      return;
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

/** A new human, another key, or other roles and groups: whatever the statement says of them is so now. */
function enrol(
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
function applyRecovery(state: AuthorityState, at: At, body: StatementOf<'recover'>['body']): void {
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

function setAgent(
  state: AuthorityState,
  agent: Pick<Agent, 'id' | 'name' | 'disabledAt'>,
  { auth, require_dpop }: Pick<StatementOf<'agent.register'>['body'], 'auth' | 'require_dpop'>,
  thumbprints: readonly string[],
): void {
  for (const kid of thumbprints) state.names.set(`agent-key/${kid}`, agent.id);
  state.agents.set(agent.id, {
    id: agent.id,
    name: agent.name,
    auth,
    credentials: thumbprints.length > 0 ? [...thumbprints].sort() : [digestOfDocument(auth)],
    requireDpop: require_dpop,
    disabledAt: agent.disabledAt,
  });
}

function setConnection(
  state: AuthorityState,
  at: At,
  id: string,
  body: StatementOf<'connection.set'>['body'],
): void {
  const connection = body.connection ?? id;
  const present = state.connections.get(connection);
  unmap(state, connection);
  state.names.set(nameKey('connection', body.name), connection);
  state.connections.set(connection, {
    id: connection,
    name: body.name,
    body,
    setBy: present?.body.credential === body.credential ? present.setBy : id,
    since: at.time,
    former: present === undefined ? [] : [...present.former, formerOf(present, at.time)],
    removedAt: null,
  });
  for (const [environment, ids] of Object.entries(body.mapping)) {
    for (const mapped of ids) {
      state.mapped.set(mapped, { connection, environment });
      const ever = state.everMapped.get(mapped) ?? [];
      if (!ever.includes(environment)) state.everMapped.set(mapped, [...ever, environment]);
    }
  }
  // What was accepted of one database says nothing of another.
  if (isElsewhere(present, body)) state.acceptedEscapes.delete(connection);
}

function formerOf({ body, setBy, since }: Connection, until: string): FormerConnection {
  return { body, setBy, since, until };
}

function unmap(state: AuthorityState, connection: string): void {
  for (const [mapped, { connection: owner }] of state.mapped) {
    if (owner === connection) state.mapped.delete(mapped);
  }
}

/** Its name stays taken for ever; the provider's ids are free for another connection at once. */
function removeConnection(state: AuthorityState, at: At, id: string): void {
  const connection = state.connections.get(id);
  if (connection === undefined) return;
  state.connections.set(id, { ...connection, removedAt: at.time });
  unmap(state, id);
}

function addGrant(
  state: AuthorityState,
  at: At,
  id: string,
  body: StatementOf<'grant.create'>['body'],
): void {
  const completedAt = fromInstant(at.time);
  const coolOff = state.environments.get(body.environment)?.rule.cool_off ?? 0;
  const from = completedAt + coolOff * 1000;
  state.grants.set(id, {
    id,
    body,
    completedAt,
    from,
    until: from + body.valid_for * 1000,
    revokedAt: null,
  });
  const ofAgent = state.grantsOfAgent.get(body.agent);
  if (ofAgent === undefined) state.grantsOfAgent.set(body.agent, [id]);
  else ofAgent.push(id);
}
