/**
 * Drafts: the server completes what a proposer wrote (ids for names, pins, expansions, effects) into a
 * statement ready to be read and signed. Nothing is stored and nothing here is authority: the fold
 * judges what comes back signed.
 */
import { nameKey } from '@countersign/authority';
import type { DraftAnswer, DraftOf, DraftRequest } from '@countersign/contract';
import { inputError } from '@countersign/core';
import type { Deps } from './deps.ts';
import { draftAgent, draftAgentCredential } from './draft-agent.ts';
import { draftAdoption } from './draft-catalog.ts';
import { draftConnection } from './draft-connection.ts';
import { draftEscapes } from './draft-escapes.ts';
import { draftFreeze } from './draft-freeze.ts';
import { draftGrant } from './draft-grant.ts';
import { draftEnrolment, draftRecovery } from './draft-human.ts';
import { draftGuardrail } from './guardrails.ts';
import { foundBy } from './mirroring.ts';
import { idOf } from './named.ts';
import { codeHash } from './one-time-code.ts';
import { requireRole, requireUnfrozen } from './roles.ts';
import { DAY, statementAround } from './statement-around.ts';
import type { Drafted, HumanCaller } from './use-cases.ts';

/** @throws CountersignError of the input codes, with what was wrong and what to do */
export async function draft(
  deps: Deps,
  caller: HumanCaller | null,
  request: DraftRequest,
): Promise<Drafted> {
  if (request.kind !== 'agent.register' && request.kind !== 'agent.credential.set') {
    return { ...(await draftStatement(deps, caller, request)), clientSecret: null };
  }
  if (caller === null) throw signInFirst();
  requireUnfrozen(deps.authority.state, caller);
  return request.kind === 'agent.register'
    ? await draftAgent(deps, caller, request)
    : await draftAgentCredential(deps, caller, request);
}

async function draftStatement(
  deps: Deps,
  caller: HumanCaller | null,
  request: Exclude<DraftRequest, { kind: 'agent.register' | 'agent.credential.set' }>,
): Promise<DraftAnswer> {
  const { state } = deps.authority;
  if (caller !== null && request.kind !== 'statement.reject' && request.kind !== 'unfreeze') {
    requireUnfrozen(state, caller);
  }
  if (request.kind === 'genesis') return await draftGenesis(deps, request);
  if (request.kind === 'human.enroll') return await draftEnrolment(deps, caller, request);
  if (request.kind === 'recover') return await draftRecovery(deps, request);
  if (caller === null) throw signInFirst();
  switch (request.kind) {
    case 'human.remove':
      return statementAround(deps, request.kind, request.id, {
        human: idOf(state, 'human', request.body.human),
        reason: request.body.reason,
      });
    case 'key.revoke':
    case 'grant.revoke':
    case 'statement.reject':
    case 'unfreeze':
      return statementAround(deps, request.kind, request.id, request.body);
    case 'restore.accept': {
      const { mirror, database } = foundBy(deps.mirroring);
      const { reason } = request.body;
      return statementAround(deps, request.kind, request.id, {
        mirror,
        restored: database,
        reason,
      });
    }
    case 'freeze':
      return draftFreeze(deps, request);
    case 'connection.remove':
      return statementAround(deps, request.kind, request.id, {
        connection: idOf(state, 'connection', request.body.connection),
        reason: request.body.reason,
      });
    case 'guardrail.add':
      return draftGuardrail(deps, request);
    case 'guardrail.remove':
      return statementAround(deps, request.kind, request.id, {
        guardrail: idOf(state, 'guardrail', request.body.guardrail),
        reason: request.body.reason,
      });
    case 'catalog.adopt':
      return draftAdoption(deps, request);
    case 'environment.set':
      return draftEnvironment(deps, request);
    case 'agent.disable':
      return statementAround(deps, request.kind, request.id, {
        agent: idOf(state, 'agent', request.body.agent),
        reason: request.body.reason,
      });
    // These make the broker ask a provider something, which reading does not include.
    case 'connection.set':
      requireRole(state, caller, ['admin']);
      return await draftConnection(deps, request);
    case 'grant.create':
      requireRole(state, caller, ['admin', 'approver']);
      return await draftGrant(deps, caller, request);
    case 'escape.accept':
      requireRole(state, caller, ['admin', 'approver']);
      return await draftEscapes(deps, request);
  }
}

function signInFirst(): Error {
  return inputError('forbidden', 'Sign in first: a code drafts only genesis or an enrolment.');
}

async function draftGenesis(deps: Deps, request: DraftOf<'genesis'>): Promise<DraftAnswer> {
  if (deps.authority.state.broker !== null) {
    throw inputError('conflict', 'This broker has its genesis already. Ask a human to invite you.');
  }
  if (request.code === undefined || !(await deps.codes.isGenesisCode(codeHash(request.code)))) {
    throw inputError(
      'forbidden',
      'The genesis code is wrong or void. The server prints a new one at each start.',
    );
  }
  return statementAround(
    deps,
    'genesis',
    request.id,
    {
      name: request.body.name,
      key: request.body.key,
      key_type: 'passphrase',
      recovery: request.body.recovery,
      rp: null,
      ledger_key: deps.ledgerKey,
      identity_provider: null,
    },
    { signWithin: DAY },
  );
}

function draftEnvironment(deps: Deps, request: DraftOf<'environment.set'>): DraftAnswer {
  const { state } = deps.authority;
  const { environment } = request.body;
  const id =
    environment === undefined
      ? (state.names.get(nameKey('environment', request.body.name)) ?? null)
      : idOf(state, 'environment', environment);
  const present = id === null ? undefined : state.environments.get(id)?.rule;
  return statementAround(deps, 'environment.set', request.id, {
    environment: id,
    name: request.body.name,
    class: request.body.class,
    quorum: request.body.quorum ?? present?.quorum ?? 2,
    groups: [...(request.body.groups ?? present?.groups ?? [])].sort(),
    user_verified: request.body.user_verified ?? present?.user_verified ?? 0,
    cool_off: request.body.cool_off ?? present?.cool_off ?? 0,
    require_dpop: request.body.require_dpop ?? present?.require_dpop ?? false,
  });
}
