/**
 * Token exchange (RFC 8693): a token becomes a provider credential that the provider itself narrows.
 * Law 4 in order: decide, append with the pending lease, only then ask the provider, then mark active.
 */
import { CountersignError } from '@countersign/core';
import { type At, type Attempt, decideAndCommit } from './decide-and-commit.ts';
import { gatherFacts, judgeTargets, type Target } from './deciding.ts';
import { denied, deniedBy, oauthErrorOf, replayed, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { inTurn } from './in-turn.ts';
import { entryIntent } from './intents.ts';
import { leaseDecision, mintLease, planLease } from './mint-lease.ts';
import {
  chooseTarget,
  readSubject,
  replacedSince,
  requireStanding,
  type Subject,
} from './subject-token.ts';
import type { Decided, ExchangedCredential, ExchangeInput } from './use-cases.ts';

export async function exchange(
  deps: Deps,
  input: ExchangeInput,
): Promise<Decided<ExchangedCredential>> {
  const subject = await readSubject(deps, input);
  const who = { agent: subject.claims.sub, stage: 'exchange' };
  return await inTurn(deps, who, () => decideOn(deps, subject, input));
}

async function decideOn(
  deps: Deps,
  subject: Subject,
  input: ExchangeInput,
): Promise<Decided<ExchangedCredential>> {
  let target: Target;
  try {
    target = chooseTarget(deps, subject.claims, input.authorizationDetails);
  } catch (error) {
    if (error instanceof CountersignError) return await notInToken(deps, subject, error);
    throw error;
  }
  return await decideAndCommit(deps, async (at) => {
    if (at.version !== subject.version) await requireStanding(deps, input.subjectToken);
    return await attempt(deps, subject, target, at);
  });
}

async function attempt(
  deps: Deps,
  subject: Subject,
  target: Target,
  { now }: At,
): Promise<Attempt<Decided<ExchangedCredential>>> {
  const { claims, once } = subject;
  const refuse = replacedSince(deps, subject);
  if (refuse !== null) return { refuse };
  const agent = claims.sub;
  const facts = await gatherFacts(deps, agent);
  // Only the grants the token names may cover it: a pointer to authority, never authority itself.
  const sender = claims.cnf?.jkt ?? null;
  const who = { agent, sender, grants: claims.grants, use: 'credential' as const };
  const judged = judgeTargets(facts, [target], who, now);
  if (!judged.allowed) {
    return { refuse: () => deniedBy(deps, { ...judged, agent, stage: 'exchange', once }) };
  }
  const [verdict] = judged.verdicts;
  if (verdict === undefined) throw UNAVAILABLE();
  const { obligations } = verdict.verdict;
  const lease = planLease(deps, agent, verdict, now);
  const body = leaseDecision(claims, verdict, lease);
  return {
    intent: {
      ...entryIntent(lease.decision, 'decision', body, once),
      notAfter: obligations.until,
      uses: obligations.uses,
      lease,
    },
    async settle({ outcome }, deadline) {
      switch (outcome) {
        case 'committed':
          return await mintLease(deps, verdict, lease, deadline);
        case 'exhausted':
          // Another request took the last use between the look and the commit: decide again to say so.
          return null;
        case 'replayed':
          return await replayed(deps, { agent, stage: 'exchange' });
        case 'conflict':
          throw UNAVAILABLE();
      }
    },
  };
}

/** What was asked for is not one target inside the token. */
async function notInToken(
  deps: Deps,
  { claims, once }: Subject,
  error: CountersignError,
): Promise<Decided<never>> {
  const code =
    error.code === 'ambiguous_request' || error.code === 'unparseable_request'
      ? error.code
      : 'not_granted';
  return await denied(deps, {
    agent: claims.sub,
    stage: 'exchange',
    code,
    detail: error.message,
    oauthError: oauthErrorOf(code),
    asked: error.message,
    once,
  });
}
