/** What each completed statement changes. Called by the fold alone, after judgement. */
import type { Catalog } from '@countersign/core';
import { applyAdoption, applyCatalog } from './adoption.ts';
import { applyRecovery, enrol, enrolFirst, removeHuman } from './apply-humans.ts';
import {
  addGrant,
  removeConnection,
  setAgent,
  setConnection,
  setEnvironment,
} from './apply-objects.ts';
import { basisOf, noteChange } from './basis.ts';
import type { DecodedStatement } from './envelope.ts';
import { applyEscapes } from './escapes.ts';
import { applyFreeze, applySeconding, applyUnfreeze } from './freezes.ts';
import { applyGuardrail, removeGuardrail } from './guardrails.ts';
import {
  type At,
  type AuthorityState,
  type CatalogParts,
  type CountedSignature,
  nameKey,
  type StatementStatus,
} from './state.ts';

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
  state.catalogParts.delete(digest);
  advance(state, at);
}

/** All but the last part of a catalog that is larger than an entry. */
export function applyPart(
  state: AuthorityState,
  at: At,
  digest: string,
  present: CatalogParts,
): void {
  state.catalogParts.set(digest, present);
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
      enrolFirst(state, at, statement, thumbprints[0] ?? '');
      return;
    case 'human.enroll':
      enrol(state, at, statement, onOneWord);
      return;
    case 'recover':
      applyRecovery(state, at, statement.body);
      return;
    case 'human.remove':
      removeHuman(state, at, statement.body.human);
      return;
    case 'key.revoke': {
      const key = state.keys.get(statement.body.key);
      if (key !== undefined) state.keys.set(key.kid, { ...key, revokedAt: at.time });
      return;
    }
    case 'agent.credential.set': {
      const agent = state.agents.get(statement.body.agent);
      if (agent !== undefined) setAgent(state, at, agent, statement.body, thumbprints);
      return;
    }
    case 'environment.set':
      setEnvironment(state, id, statement.body);
      return;
    case 'agent.register':
      state.names.set(nameKey('agent', statement.body.name), id);
      setAgent(
        state,
        at,
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
      // A server that finds it goes on, with a `restored` entry.
      return;
    case 'prune':
      // Refused where it is judged, in this version.
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
