/**
 * The gateway: a request is understood, proven to stay in one environment, decided and recorded, and only
 * then sent on with the credential. Law 4 in order: decide, append, send; Law 3: what was judged is what goes.
 */
import { uuidv7 } from '@countersign/core';
import { type At, type Attempt, decideAndCommit } from './decide-and-commit.ts';
import { gatherFacts } from './deciding.ts';
import { denied, deniedBy, oauthErrorOf, replayed, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { createEnding, type Ending } from './ending.ts';
import { sendOn } from './forward-answer.ts';
import { type ForwardRequest, readForwardRequest } from './forward-caller.ts';
import { createJudging, forwardDecision, oneCallPerUse } from './forward-judging.ts';
import { isObstacle, type Obstacle, placeOf } from './forward-place.ts';
import { createProving, type Proving } from './forward-proof.ts';
import { tooFast } from './in-turn.ts';
import { entryIntent } from './intents.ts';
import { replacedSince, requireStanding } from './subject-token.ts';
import type { Decided, ForwardedAnswer, ForwardInput } from './use-cases.ts';

/** @throws CountersignError one of the 401 codes, of the input codes, `broker_unavailable` */
export async function forward(deps: Deps, input: ForwardInput): Promise<Decided<ForwardedAnswer>> {
  const request = await readForwardRequest(deps, input);
  const who = { agent: request.caller.claims.sub, stage: 'forward' };
  const endTurn = deps.pace.begin(who.agent);
  if (endTurn === null) return await tooFast(deps, who);
  // What is held for it is held until its answer has ended, or it has none.
  const ending = createEnding();
  ending.add(endTurn);
  try {
    const endShare = await deps.shares.take(who.agent, request.signal);
    if (endShare === null) {
      await ending.end();
      return await tooFast(deps, who);
    }
    ending.add(endShare);
    const decided = await decideOn(deps, request, ending);
    if (!decided.allowed) await ending.end();
    return decided;
  } catch (error) {
    await ending.end();
    throw error;
  }
}

async function decideOn(
  deps: Deps,
  request: ForwardRequest,
  ending: Ending,
): Promise<Decided<ForwardedAnswer>> {
  const proving = createProving(deps, request, ending);
  return await decideAndCommit(deps, async (at) => {
    if (at.version !== request.caller.version) await requireStanding(deps, request.token);
    return await attempt(deps, request, { at, proving, ending });
  });
}

async function attempt(
  deps: Deps,
  request: ForwardRequest,
  { at, proving, ending }: { readonly at: At; readonly proving: Proving; readonly ending: Ending },
): Promise<Attempt<Decided<ForwardedAnswer>>> {
  const { claims, once } = request.caller;
  const agent = claims.sub;
  const refuse = replacedSince(deps, request.caller);
  if (refuse !== null) return { refuse };
  const inTheWay = (obstacle: Obstacle) => ({ refuse: () => stopped(deps, request, obstacle) });
  const place = placeOf(deps, agent, request.connection);
  if (isObstacle(place)) return inTheWay(place);
  const classified = await proving.classify(place);
  if (isObstacle(classified)) return inTheWay(classified);

  const facts = await gatherFacts(deps, agent);
  const judging = createJudging(deps, facts, { claims, place }, at.now);
  const proven = await proving.prove(place, classified, judging.cover);
  if (isObstacle(proven)) return inTheWay(proven);
  if ('verdict' in proven) {
    return { refuse: () => deniedBy(deps, { ...proven, agent, stage: 'forward', once }) };
  }
  const judged = judging.judge(proven);
  if (isObstacle(judged)) return inTheWay(judged);
  if ('code' in judged.verdict) {
    const { target, verdict } = judged;
    return { refuse: () => deniedBy(deps, { target, verdict, agent, stage: 'forward', once }) };
  }
  const allowed = { target: judged.target, verdict: judged.verdict };
  const shared = oneCallPerUse(proven.calls, allowed.verdict);
  if (shared !== null) return inTheWay(shared);
  // A catalog may have become stricter since it was asked: what it takes to prove it has grown too.
  if (allowed.verdict.obligations.deleteCapable && proven.mode !== 'exclusive') throw UNAVAILABLE();

  const decision = uuidv7(deps.clock, deps.random);
  const { obligations } = allowed.verdict;
  return {
    intent: {
      ...entryIntent(decision, 'decision', forwardDecision(claims, allowed, proven), once),
      notAfter: obligations.until,
      uses: obligations.uses,
    },
    async settle({ outcome }, deadline) {
      switch (outcome) {
        case 'committed':
          return await sendOn(deps, {
            request,
            place,
            proven,
            allowed,
            decision,
            deadline,
            at,
            ending,
          });
        case 'exhausted':
          // Another request took the last use between the look and the commit: decide again to say so.
          return null;
        case 'replayed':
          return await replayed(deps, { agent, stage: 'forward' });
        case 'conflict':
          throw UNAVAILABLE();
      }
    },
  };
}

/** For an agent that guessed: from the catalogs alone, whatever was granted to anybody. */
const WHERE_TO_LOOK = 'GET /v1/me?like=WORD lists the operations there are.';

async function stopped(
  deps: Deps,
  { caller, connection }: ForwardRequest,
  { code, detail, reason, calls }: Obstacle,
): Promise<Decided<never>> {
  return await denied(deps, {
    agent: caller.claims.sub,
    stage: 'forward',
    code,
    detail: code === 'unknown_operation' ? `${detail} ${WHERE_TO_LOOK}` : detail,
    ...(reason === undefined ? {} : { reason }),
    oauthError: oauthErrorOf(code),
    asked: { connection, calls: calls.map(({ operation, resource }) => ({ operation, resource })) },
    once: caller.once,
  });
}
