/** What a proposal brings besides its entry: codes spent, a credential sealed, a request answered. */
import { type DecodedStatement, registeredKeys } from '@countersign/authority';
import type { ProposeRequest, StatementOf } from '@countersign/contract';
import { inputError } from '@countersign/core';
import { requireOwnAssessment } from './assess-deletions.ts';
import { sealedEffects } from './connection-proposal.ts';
import { isUsable } from './deciding.ts';
import type { Deps } from './deps.ts';
import { requireOwnDryRun } from './dry-run.ts';
import { requireGuardrail } from './guardrails.ts';
import { requireFound } from './mirroring.ts';
import { codeHash } from './one-time-code.ts';
import type { RowEffect } from './ports.ts';
import type { HumanCaller } from './use-cases.ts';

/** Rows that live and die with the proposal: codes spent, a credential sealed, a request answered. */
export async function effectsOf(
  deps: Deps,
  caller: HumanCaller | null,
  request: ProposeRequest,
  { statement }: DecodedStatement,
): Promise<RowEffect[]> {
  if (request.credential !== undefined && statement.kind !== 'connection.set') {
    throw inputError('invalid_request', 'Only connection.set has a credential beside it.');
  }
  if (statement.kind === 'genesis') {
    if (request.code === undefined) {
      throw inputError('forbidden', 'Genesis needs its one-time code.');
    }
    if (statement.body.ledger_key.x !== deps.ledgerKey.x) {
      throw inputError('invalid_request', "The ledger key is not this broker's.");
    }
    return [{ kind: 'spend-genesis-code', codeHash: codeHash(request.code) }];
  }
  if (statement.kind === 'human.enroll' && statement.body.human === null) {
    return [await invitationEffect(deps, request.code, statement)];
  }
  // Who recovers cannot sign in; the key of their code has signed, which the fold has verified.
  if (statement.kind === 'recover') return [];
  if (caller === null) {
    throw inputError('forbidden', 'Sign in first; a code proposes only an enrolment.');
  }
  switch (statement.kind) {
    case 'connection.set':
      return await sealedEffects(deps, statement, request.credential);
    case 'grant.create':
      requireUsable(deps, statement);
      await (statement.body.sql === null ? requireOwnAssessment : requireOwnDryRun)(
        deps,
        statement.body,
      );
      return await requestEffect(deps, statement);
    case 'guardrail.add':
      requireGuardrail(deps, statement.body);
      return [];
    case 'restore.accept':
      await requireFound(deps.mirroring, statement.body);
      return [];
    case 'statement.reject': {
      // A rejected connection loses its secret.
      const target = deps.authority.state.statements.get(statement.body.statement);
      return target?.decoded.statement.kind === 'connection.set'
        ? [{ kind: 'discard-credential', statement: statement.body.statement }]
        : [];
    }
    default:
      return [];
  }
}

/** What humans sign can be used as it stands: canonical resources, operations that are minted or run. */
function requireUsable(deps: Deps, { body }: StatementOf<'grant.create'>): void {
  const { state } = deps.authority;
  const connection = state.connections.get(body.connection);
  const rules = deps.rules.get(connection?.body.provider ?? '');
  const production = state.environments.get(body.environment)?.rule.class === 'production';
  for (const { operations, resources } of body.permissions) {
    for (const { name } of operations) {
      const runnable = rules?.runnable(name) === true;
      if (body.sql !== null && (!runnable || resources.length > 1)) {
        throw inputError(
          'invalid_request',
          'A grant that holds SQL is for one schema, and no more.',
        );
      }
      if (rules === undefined || !isUsable(rules, name)) {
        throw inputError('invalid_request', `No credential is ever minted for ${name}.`);
      }
      if (runnable && production && body.sql === null) {
        throw inputError(
          'invalid_request',
          `In a production-class environment ${name} takes the exact SQL: countersign migrate propose.`,
        );
      }
      const odd = resources.find((resource) => rules.canonical(name, resource) !== resource);
      if (odd !== undefined) {
        throw inputError(
          'invalid_request',
          `${odd} is not how a resource of ${name} is written; let the server draft it.`,
        );
      }
    }
  }
}

/** Law 1: a grant answers its own agent's request, and its sender is a key that agent named. */
async function requestEffect(
  deps: Deps,
  statement: StatementOf<'grant.create'>,
): Promise<RowEffect[]> {
  const { agent, connection, environment, request, sender } = statement.body;
  if (request === null) return [];
  const { state } = deps.authority;
  const asked = await deps.accessRequests.find(request);
  const known = registeredKeys(state.agents.get(agent));
  if (asked === null || asked.agent !== agent) {
    throw inputError('invalid_request', 'The access request is not one of this agent.');
  }
  const here = asked.details.some(
    (detail) =>
      detail.connection === state.connections.get(connection)?.name &&
      detail.environment === state.environments.get(environment)?.name,
  );
  if (!here) {
    throw inputError('invalid_request', 'The access request asks for another environment.');
  }
  if (sender !== null && sender !== asked.sender && !known.includes(sender)) {
    throw inputError(
      'invalid_request',
      "The sender is neither the agent's registered key nor the one its request names.",
    );
  }
  return [{ kind: 'settle-access-request', id: request, rejection: null, statement: statement.id }];
}

/** An invitation is not authority, but a joiner without one does not get to knock. */
async function invitationEffect(
  deps: Deps,
  code: string | undefined,
  statement: StatementOf<'human.enroll'>,
): Promise<RowEffect> {
  const now = deps.clock.now();
  const hash = codeHash(code ?? '');
  const invitation = await deps.codes.findInvitation(hash, now);
  if (invitation === null) {
    throw inputError('forbidden', 'The invitation is unknown, spent or older than 24 hours.');
  }
  const { body } = statement;
  const asInvited =
    body.name === invitation.name &&
    body.sponsor === invitation.sponsor &&
    [...body.roles].sort().join() === [...invitation.roles].sort().join() &&
    [...body.groups].sort().join() === [...invitation.groups].sort().join();
  if (!asInvited) throw inputError('forbidden', 'The enrolment is not what the invitation says.');
  return { kind: 'spend-invitation', codeHash: hash, now };
}
