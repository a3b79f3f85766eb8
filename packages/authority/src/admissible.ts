/**
 * What each kind of statement demands of the state it would change, whoever signs it. Checked when it
 * is proposed and again when it completes. A sentence is the refusal; null lets it pass.
 */
import type { Statement, StatementOf } from '@countersign/contract';
import {
  type CountersignError,
  type Effect,
  fromInstant,
  inputError,
  providerOf,
  worse,
} from '@countersign/core';
import { genesis, humanEnroll, humanRemove, keyRevoke, recover } from './admissible-humans.ts';
import {
  agentCredentialSet,
  agentDisable,
  agentRegister,
  connectionRemove,
  connectionSet,
  environmentSet,
} from './admissible-objects.ts';
import { adoptionRefusal, recordedEffect } from './adoption.ts';
import { escapeRefusal } from './escapes.ts';
import { freezeRefusal, unfreezeRefusal } from './freezes.ts';
import { effectOfRight, isDeleteCapableGrant } from './grant-effect.ts';
import { guardrailRefusal, guardrailRemovalRefusal } from './guardrails.ts';
import { LATER } from './later.ts';
import { brokenBounds, brokenPins } from './standing.ts';
import { type AuthorityState, presentConnection, registeredKeys } from './state.ts';

type Refusal = CountersignError | null;

/** @param thumbprints of the keys the statement introduces, computed by the caller (RFC 7638). */
export function admissible(
  state: AuthorityState,
  statement: Statement,
  thumbprints: readonly string[],
): Refusal {
  switch (statement.kind) {
    case 'genesis':
      return genesis(statement.body);
    case 'human.enroll':
      return humanEnroll(state, statement.body, thumbprints);
    case 'recover':
      return recover(state, statement.body, thumbprints);
    case 'human.remove':
      return humanRemove(state, statement.body);
    case 'key.revoke':
      return keyRevoke(state, statement.body);
    case 'environment.set':
      return environmentSet(state, statement.body);
    case 'agent.register':
      return agentRegister(state, statement.body, thumbprints);
    case 'agent.credential.set':
      return agentCredentialSet(state, statement.body, thumbprints);
    case 'agent.disable':
      return agentDisable(state, statement.body);
    case 'connection.set':
      return connectionSet(state, statement.body);
    case 'connection.remove':
      return connectionRemove(state, statement.body);
    case 'freeze':
      return freezeRefusal(state, statement.body);
    case 'unfreeze':
      return unfreezeRefusal(state, statement.body);
    case 'escape.accept':
      return escapeRefusal(state, statement.body);
    case 'catalog.adopt':
      return adoptionRefusal(state, statement.body);
    case 'guardrail.add':
      return guardrailRefusal(state, statement.body);
    case 'guardrail.remove':
      return guardrailRemovalRefusal(state, statement.body);
    case 'restore.accept':
      // Whether there is anything to accept only a server knows, which sees database and mirror.
      return null;
    case 'prune':
      return inputError('invalid_request', `Pruning ${LATER}.`);
    case 'grant.create':
      return grantCreate(state, statement);
    case 'grant.revoke': {
      const grant = state.grants.get(statement.body.grant);
      if (grant === undefined) {
        return inputError(
          'not_found',
          'There is no such grant. A waiting one is rejected instead.',
        );
      }
      return grant.revokedAt === null
        ? null
        : inputError('conflict', 'This grant is revoked already.');
    }
    case 'statement.reject': {
      const record = state.statements.get(statement.body.statement);
      if (record === undefined) return inputError('not_found', 'There is no such statement.');
      return record.status === 'pending' || record.status === 'cooling_off'
        ? null
        : inputError('conflict', `This statement is ${record.status} already.`);
    }
  }
}

function grantCreate(state: AuthorityState, statement: StatementOf<'grant.create'>): Refusal {
  const { body } = statement;
  const agent = state.agents.get(body.agent);
  if (agent === undefined) return inputError('not_found', 'There is no such agent.');
  if (agent.disabledAt !== null) {
    return inputError('conflict', `Agent ${agent.name} is disabled, for good.`);
  }
  const connection = presentConnection(state, body.connection);
  if (connection === undefined) return inputError('not_found', 'There is no such connection.');
  if (connection.body.mapping[body.environment] === undefined) {
    return inputError(
      'conflict',
      `Connection ${connection.name} maps nothing into that environment.`,
    );
  }
  if (body.sql !== null && (body.max_uses !== 1 || body.assessment === null)) {
    return inputError(
      'invalid_request',
      'A grant that holds SQL is run once, and says what it will do.',
    );
  }
  const refusal = permissionsRefusal(state, body, connection.body.provider);
  if (refusal !== null) return refusal;

  if (!isDeleteCapableGrant(state, body)) {
    if (body.sql !== null) {
      return inputError('invalid_request', 'No operation of this grant stands for running SQL.');
    }
    return body.pins === null && body.sender === null
      ? null
      : inputError('invalid_request', 'Only a delete-capable grant has pins and a sender.');
  }
  const signingTime = fromInstant(statement.sign_by) - fromInstant(statement.issued_at);
  if (signingTime > 86_400_000) {
    return inputError('invalid_request', 'A delete-capable grant is signed within 24 hours.');
  }
  const broken = [...brokenBounds(state, body), ...brokenPins(body, agent, connection)];
  if (broken.length > 0) return inputError('invalid_request', `Refused: ${broken.join('; ')}.`);
  if (
    body.sender !== null &&
    body.request === null &&
    !registeredKeys(agent).includes(body.sender)
  ) {
    return inputError(
      'invalid_request',
      "The sender is neither the agent's registered key nor named in an access request.",
    );
  }
  return null;
}

function permissionsRefusal(
  state: AuthorityState,
  body: StatementOf<'grant.create'>['body'],
  provider: string,
): Refusal {
  for (const permission of body.permissions) {
    const catalog = state.catalogs.get(permission.catalog);
    if (catalog?.provider !== provider) {
      return inputError('invalid_request', 'A permission names a catalog that was not recorded.');
    }
    const isFormer = permission.catalog !== state.adopted.get(provider)?.digest;
    if (catalog.description !== undefined && isFormer) {
      return inputError('invalid_request', 'A permission names a description that is not adopted.');
    }
    for (const operation of permission.operations) {
      if (providerOf(operation.name) !== provider) {
        return inputError('invalid_request', `${operation.name} is not ${provider}'s.`);
      }
      for (const resource of permission.resources) {
        const effect = effectOfRight(state, body.environment, operation, resource);
        if (effect === null) {
          return inputError('invalid_request', `${operation.name} is unknown for ${resource}.`);
        }
        // What humans read before they sign is what it can do: a milder word is refused.
        if (effect !== operation.effect) {
          return inputError(
            'invalid_request',
            `${operation.name} has effect ${effect} on ${resource}, not ${operation.effect}.`,
          );
        }
      }
    }
  }
  return null;
}

/** The effect a drafted permission must show: the worst over its resources, or null when unknown. */
export function draftedEffect(
  state: AuthorityState,
  environment: string,
  operation: string,
  resources: readonly string[],
): Effect | null {
  const environmentClass = state.environments.get(environment)?.rule.class ?? null;
  let worst: Effect | null = null;
  for (const resource of resources) {
    const effect = recordedEffect(state, { operation, resource, environmentClass });
    if (effect === null) return null;
    worst = worst === null ? effect : worse(worst, effect);
  }
  return worst;
}
