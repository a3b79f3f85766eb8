/**
 * Law 4: an answer under way ends with its authority. A freeze, a revocation, a disabled agent, or the end of
 * the grant itself: the question that was allowed is asked again, and what is denied now goes on no longer.
 */
import { isFormerKey } from '@countersign/authority';
import { decide } from '@countersign/policy';
import { verifyAccessToken } from '@countersign/tokens';
import { gatherFacts } from './deciding.ts';
import type { Deps } from './deps.ts';
import type { Sending } from './forward-answer.ts';

/** Milliseconds between two looks: authority is folded anew that often at the latest. */
const LOOK = 1_000;

/** @returns how to stop watching */
export function watchAuthority(deps: Deps, sending: Sending, end: () => void): () => void {
  const stopped = new AbortController();
  const { until } = sending.allowed.verdict.obligations;
  async function watch(): Promise<void> {
    let { version } = sending.at;
    while (!stopped.signal.aborted) {
      const left = until - deps.clock.now();
      if (left <= 0) return end();
      if (deps.authority.version !== version) {
        version = deps.authority.version;
        if (!(await stands(deps, sending))) return end();
      }
      await deps.changes.next(Math.min(left, LOOK), stopped.signal);
    }
  }
  // Law 5: what cannot be told is taken for its end.
  watch().catch(end);
  // With a reason: an abort without one makes an error, stack and all, for each request.
  return () => stopped.abort('over');
}

async function stands(deps: Deps, sending: Sending): Promise<boolean> {
  const { request, allowed, proven } = sending;
  const { claims } = request.caller;
  if (isFormerKey(deps.authority.state, claims.sub, claims.cnf?.jkt ?? '')) return false;
  await deps.tokenKeys.refresh();
  // It was in its lifetime then; what may have happened since is that its key was withdrawn.
  await verifyAccessToken(request.token, {
    keys: await deps.tokenKeys.verifying(request.token),
    issuer: deps.issuer,
    now: claims.iat * 1000,
  });
  const facts = await gatherFacts(deps, claims.sub);
  const { connection, environment, asks } = allowed.target;
  const uses = new Map(facts.uses);
  // Its own use is no other's.
  for (const { grant } of allowed.verdict.obligations.uses) {
    uses.set(grant, Math.max(0, (uses.get(grant) ?? 0) - 1));
  }
  const question = {
    agent: claims.sub,
    sender: claims.cnf?.jkt ?? null,
    grants: claims.grants,
    use: 'gateway' as const,
    connection,
    environment,
    asks,
  };
  const now = deps.clock.now();
  return decide({ ...facts, uses, provenIds: () => proven.environments }, question, now).allowed;
}
