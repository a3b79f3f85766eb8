/**
 * Requests that the broker forwarded: within token and grants, each limited grant for one call alone (Law 3),
 * in the environment that the entry says was proven (Law 2). A use comes back once, by the entry that says so.
 */
import type { ForwardAllowedBody, ForwardRefusedBody } from '@countersign/contract';
import { agentProblem, firstProblem, formerKeyProblem, placeProblem } from './callers.ts';
import type { Place } from './grants-then.ts';
import { drawnProblem, givenBackProblem, noteDeleteCapable, rightsProblem } from './leases.ts';
import type { Entry, LedgerSoFar } from './ledger-so-far.ts';
import { exchangedProblem, noteGuardrails, unboundProblem, usedProblem } from './tokens.ts';

export function judgeForward(
  ledger: LedgerSoFar,
  body: ForwardAllowedBody,
  entry: Entry,
): string | null {
  const { agent, jkt, grants } = body;
  const place = ledger.grants.placeOf(body.connection, body.environment);
  if (typeof place === 'string') return place;
  const problem =
    agentProblem(ledger, agent) ??
    exchangedProblem(ledger.tokenAt(body.token, entry.at), body) ??
    formerKeyProblem(ledger, body) ??
    placeProblem(ledger, place) ??
    elsewhereProblem(body, place) ??
    unboundProblem(ledger, agent, place, jkt) ??
    firstProblem(grants, (grant) => usedProblem(ledger, grant, { agent, jkt, at: entry.at })) ??
    drawnProblem(ledger, body) ??
    onceProblem(body) ??
    rightsProblem(ledger, body, place, 'forward');
  if (problem !== null) return problem;
  noteGuardrails(ledger);
  const exhausted = ledger.use(body.uses);
  if (exhausted !== null) return exhausted;
  if (body.uses.length > 0) {
    ledger.addForwarded(entry.id, { agent, uses: body.uses, at: entry.at });
  }
  noteDeleteCapable(ledger, entry, body.rights, { agent, place, stage: 'forward', lease: null });
  return null;
}

/** What was proven is the provider's word, as the entry keeps it; that it was mapped there is not. */
function elsewhereProblem(
  { provider_ids: ids }: ForwardAllowedBody,
  { connection, environment }: Place,
): string | null {
  const mapped = connection.body.mapping[environment.id] ?? [];
  const foreign = ids.find((id) => !mapped.includes(id));
  return foreign === undefined ? null : `${foreign} was not mapped into ${environment.name}`;
}

/** Law 3: one use is one classified call. */
function onceProblem({ rights, uses }: ForwardAllowedBody): string | null {
  return firstProblem(uses, (grant) => {
    const calls = rights
      .filter((right) => right.grant === grant)
      .reduce((sum, { operations, resources }) => sum + operations.length * resources.length, 0);
    return calls === 1 ? null : `one use of grant ${grant} was taken for ${calls} calls`;
  });
}

export function judgeForwardRefused(ledger: LedgerSoFar, body: ForwardRefusedBody): string | null {
  const forwarded = ledger.takeForwarded(body.decision);
  if (forwarded === undefined || forwarded.agent !== body.agent) {
    return 'no such request had taken a use that could come back';
  }
  const problem = givenBackProblem(forwarded, body.uses_returned);
  if (problem === null) ledger.giveBack(body.uses_returned);
  return problem;
}
