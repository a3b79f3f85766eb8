/** What each completed statement changes. Called by the fold alone, after judgement. */
import type { StatementOf } from '@countersign/contract';
import { type Catalog, fromInstant } from '@countersign/core';
import { digestOfDocument } from './canonical.ts';
import type { DecodedStatement } from './envelope.ts';
import { applyEscapes } from './escapes.ts';
import { applyFreeze, applySeconding, applyUnfreeze } from './freezes.ts';
import {
  type AuthorityState,
  type CountedSignature,
  nameKey,
  type StatementStatus,
} from './state.ts';

interface At {
  readonly index: number;
  readonly time: string;
}

/** Records a proposal or signature and, when complete, its effect. */
export function applyStatement(
  state: AuthorityState,
  at: At,
  decoded: DecodedStatement,
  signatures: readonly CountedSignature[],
  status: StatementStatus,
  thumbprints: readonly string[],
): void {
  const { statement } = decoded;
  const before = state.statements.get(statement.id);
  state.statements.set(statement.id, {
    decoded,
    status,
    signatures,
    proposedAt: before?.proposedAt ?? at.time,
    settledAt: status === 'pending' ? null : at.time,
    rejection: null,
  });
  if (status === 'complete') takeEffect(state, at, decoded, signatures, thumbprints);
  advance(state, at);
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

export function applyCatalog(
  state: AuthorityState,
  at: At,
  digest: string,
  catalog: Catalog,
): void {
  state.catalogs.set(digest, catalog);
  state.latestCatalog.set(catalog.provider, digest);
  advance(state, at);
}

function advance(state: AuthorityState, at: At): void {
  state.size = at.index + 1;
  state.time = at.time;
}

function takeEffect(
  state: AuthorityState,
  at: At,
  decoded: DecodedStatement,
  signatures: readonly CountedSignature[],
  thumbprints: readonly string[],
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
        recovery: statement.body.recovery,
        vouchedByOne: false,
        enrolledAt: at.time,
        removedAt: null,
      });
      addKey(state, at, id, statement.body, thumbprints[0] ?? '');
      return;
    case 'human.enroll': {
      const { body } = statement;
      const human = body.human ?? id;
      if (body.human === null) {
        state.names.set(nameKey('human', body.name), id);
        state.humans.set(id, {
          id,
          name: body.name,
          roles: body.roles,
          groups: body.groups,
          recovery: body.recovery,
          vouchedByOne: new Set(signatures.map((signature) => signature.human)).size < 2,
          enrolledAt: at.time,
          removedAt: null,
        });
      }
      addKey(state, at, human, body, body.fingerprint);
      return;
    }
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
      for (const kid of thumbprints) state.names.set(`agent-key/${kid}`, id);
      state.agents.set(id, {
        id,
        name: statement.body.name,
        auth: statement.body.auth,
        credentials:
          thumbprints.length > 0
            ? [...thumbprints].sort()
            : [digestOfDocument(statement.body.auth)],
        requireDpop: statement.body.require_dpop,
        disabledAt: null,
      });
      return;
    case 'agent.disable': {
      const agent = state.agents.get(statement.body.agent);
      if (agent !== undefined) state.agents.set(agent.id, { ...agent, disabledAt: at.time });
      return;
    }
    case 'connection.set':
      addConnection(state, id, statement.body);
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
          rejection: { human: by, reason: statement.body.reason },
        });
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

function addConnection(
  state: AuthorityState,
  id: string,
  body: StatementOf<'connection.set'>['body'],
): void {
  const connection = body.connection ?? id;
  state.names.set(nameKey('connection', body.name), connection);
  state.connections.set(connection, {
    id: connection,
    name: body.name,
    body,
    setBy: id,
    removedAt: null,
  });
  for (const [environment, ids] of Object.entries(body.mapping)) {
    for (const mapped of ids) state.mapped.set(mapped, { connection, environment });
  }
}

/** Its name stays taken for ever; the provider's ids are free for another connection at once. */
function removeConnection(state: AuthorityState, at: At, id: string): void {
  const connection = state.connections.get(id);
  if (connection === undefined) return;
  state.connections.set(id, { ...connection, removedAt: at.time });
  for (const [mapped, { connection: owner }] of state.mapped) {
    if (owner === id) state.mapped.delete(mapped);
  }
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
