/**
 * An agent, or another credential of one, completed for signing. A client secret is made here: its hash
 * goes into the statement, the secret beside the draft, once, and nowhere else.
 */
import type { AgentAuth, AgentAuthDraft, DraftOf } from '@countersign/contract';
import type { Secret } from '@countersign/core';
import type { Deps } from './deps.ts';
import { idOf } from './named.ts';
import { requireRole } from './roles.ts';
import { statementAround } from './statement-around.ts';
import type { Drafted, HumanCaller } from './use-cases.ts';

/** @throws CountersignError `forbidden`, `broker_unavailable` */
export async function draftAgent(
  deps: Deps,
  caller: HumanCaller,
  request: DraftOf<'agent.register'>,
): Promise<Drafted> {
  const { name, require_dpop = false } = request.body;
  const { auth, clientSecret } = await completeAuth(deps, caller, request.id, request.body.auth);
  const body = { name, auth, require_dpop };
  return { ...statementAround(deps, request.kind, request.id, body), clientSecret };
}

/** @throws CountersignError `not_found`, `forbidden`, `broker_unavailable` */
export async function draftAgentCredential(
  deps: Deps,
  caller: HumanCaller,
  request: DraftOf<'agent.credential.set'>,
): Promise<Drafted> {
  const { state } = deps.authority;
  const agent = idOf(state, 'agent', request.body.agent);
  const { auth, clientSecret } = await completeAuth(deps, caller, agent, request.body.auth);
  const { require_dpop = state.agents.get(agent)?.requireDpop ?? false, reason } = request.body;
  const body = { agent, auth, require_dpop, reason };
  return { ...statementAround(deps, request.kind, request.id, body), clientSecret };
}

async function completeAuth(
  deps: Deps,
  caller: HumanCaller,
  agent: string,
  auth: AgentAuthDraft,
): Promise<{ readonly auth: AgentAuth; readonly clientSecret: Secret | null }> {
  if (auth.method !== 'client_secret') return { auth, clientSecret: null };
  // Making a secret costs an argon2id, and a secret of the broker's own making is nobody's to collect.
  requireRole(deps.authority.state, caller, ['admin']);
  const { secret, hash } = await deps.clientSecrets.make(agent);
  return { auth: { method: auth.method, secret_hash: hash }, clientSecret: secret };
}
