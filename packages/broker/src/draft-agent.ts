/**
 * An agent, completed for signing. A client secret is made here: its hash goes into the statement, the
 * secret beside the draft, once, and nowhere else.
 */
import type { DraftOf } from '@countersign/contract';
import type { Deps } from './deps.ts';
import { requireRole } from './roles.ts';
import { statementAround } from './statement-around.ts';
import type { Drafted, HumanCaller } from './use-cases.ts';

/** @throws CountersignError `forbidden`, `broker_unavailable` */
export async function draftAgent(
  deps: Deps,
  caller: HumanCaller,
  request: DraftOf<'agent.register'>,
): Promise<Drafted> {
  const { name, auth, require_dpop = false } = request.body;
  if (auth.method !== 'client_secret') {
    const body = { name, auth, require_dpop };
    return { ...statementAround(deps, request.kind, request.id, body), clientSecret: null };
  }
  // Making a secret costs an argon2id, and a secret of the broker's own making is nobody's to collect.
  requireRole(deps.authority.state, caller, ['admin']);
  const { secret, hash } = await deps.clientSecrets.make(request.id);
  const body = { name, auth: { method: auth.method, secret_hash: hash }, require_dpop };
  return { ...statementAround(deps, request.kind, request.id, body), clientSecret: secret };
}
