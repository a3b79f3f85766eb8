/**
 * Tokens that decisions allowed: each right of one held by a grant it names, its life and its key within
 * what those grants say (Law 1). What a token is exchanged for is held against the token.
 */
import type { ExchangeAllowedBody, IssueAllowedBody } from '@countersign/contract';
import { type Effect, fromInstant, isDeleteCapable, worse } from '@countersign/core';
import { agentProblem, firstProblem, placeProblem } from './callers.ts';
import { holds } from './containment.ts';
import type { Place } from './grants-then.ts';
import type { DeleteCapable, Entry, IssuedToken, LedgerSoFar } from './ledger-so-far.ts';

/** Seconds that a token lives at most, and one that can delete. */
const LONGEST_TOKEN = 900;
const LONGEST_DELETE_CAPABLE = 120;

export function judgeIssue(
  ledger: LedgerSoFar,
  body: IssueAllowedBody,
  entry: Entry,
): string | null {
  const { agent, grants, token, authorization_details: details } = body;
  const standing =
    agentProblem(ledger, agent) ??
    firstProblem(grants, (grant) => usedProblem(ledger, grant, { agent, ...token, at: entry.at }));
  if (standing !== null) return standing;
  const deleting: DeleteCapable[] = [];
  for (const detail of details) {
    const place = ledger.grants.placeOf(detail.connection, detail.environment);
    if (typeof place === 'string') return place;
    const problem = placeProblem(ledger, place) ?? unboundProblem(ledger, agent, place, token.jkt);
    if (problem !== null) return problem;
    noteGuardrails(ledger);
    const carrying = new Map<string, Set<string>>();
    for (const operation of detail.operations) {
      for (const resource of detail.resources) {
        const held = heldBy(ledger, grants, place, operation, resource);
        if (held === null) return `no grant it names held ${operation} on ${resource}`;
        if (!isDeleteCapable(held.effect)) continue;
        carrying.set(held.grant, (carrying.get(held.grant) ?? new Set()).add(operation));
      }
    }
    if (carrying.size > 0) {
      deleting.push(traced(ledger, entry, { agent, place, stage: 'issue', lease: null }, carrying));
    }
  }
  const late = lifeProblem(ledger, body, entry, deleting.length > 0);
  if (late !== null) return late;
  const { jti, jkt } = token;
  const expiresAt = fromInstant(token.expires_at);
  if (!ledger.addToken(jti, { agent, expiresAt, jkt, grants, details })) {
    return `token ${jti} was issued before`;
  }
  ledger.deleteCapable.push(...deleting);
  return null;
}

/** Why a grant could not be used by this caller then; null where it could. */
export function usedProblem(
  ledger: LedgerSoFar,
  grant: string,
  by: { readonly agent: string; readonly jkt: string | null; readonly at: number },
): string | null {
  const problem = ledger.grants.problemOf(grant, by.agent, by.at);
  if (problem !== null) return problem;
  const sender = ledger.state.grants.get(grant)?.body.sender ?? null;
  // Law 1: bound to the key that the grant names, whatever of the grant it uses.
  return sender === null || sender === by.jkt
    ? null
    : `it was not bound to the key that grant ${grant} names`;
}

/** Where agent or environment demand it, nothing is had without a key. */
export function unboundProblem(
  ledger: LedgerSoFar,
  agent: string,
  { environment }: Place,
  jkt: string | null,
): string | null {
  if (jkt !== null) return null;
  const isDemanded =
    ledger.state.agents.get(agent)?.requireDpop === true || environment.rule.require_dpop;
  return isDemanded ? 'it was bound to no key where one was demanded' : null;
}

/** Cedar is not here: under a guardrail, whether it forbade is left open and said. */
export function noteGuardrails(ledger: LedgerSoFar): void {
  for (const { name, removedAt } of ledger.state.guardrails.values()) {
    if (removedAt === null) ledger.leaveOpen(`guardrail ${name}`);
  }
}

/** The mildest of the grants that hold it. */
function heldBy(
  ledger: LedgerSoFar,
  grants: readonly string[],
  place: Place,
  operation: string,
  resource: string,
): { readonly grant: string; readonly effect: Effect } | null {
  let best: { readonly grant: string; readonly effect: Effect } | null = null;
  for (const grant of grants) {
    const effect = ledger.grants.effectUnder(grant, place, operation, resource);
    if (effect === null) continue;
    if (best === null || worse(best.effect, effect) !== effect) best = { grant, effect };
  }
  return best;
}

function lifeProblem(
  ledger: LedgerSoFar,
  { grants, token }: IssueAllowedBody,
  { at }: Entry,
  deletes: boolean,
): string | null {
  // A token counts in seconds, from the one it was made in, and lives one at least.
  const made = Math.floor(at / 1000) * 1000;
  const ends = fromInstant(token.expires_at);
  const longest = deletes ? LONGEST_DELETE_CAPABLE : LONGEST_TOKEN;
  if (ends > made + longest * 1000) return `its token lived longer than ${longest} seconds`;
  const until = Math.min(
    ...grants.map((id) => ledger.state.grants.get(id)?.until ?? Number.NEGATIVE_INFINITY),
  );
  return ends > Math.max(until, made + 1000) ? 'its token outlived its grants' : null;
}

/** Why the token did not allow what it was exchanged for; null where it did. */
export function exchangedProblem(
  token: IssuedToken | undefined,
  body: Omit<ExchangeAllowedBody, 'lease' | 'uses'>,
): string | null {
  if (token === undefined) return `no token ${body.token} was there to be used`;
  if (token.agent !== body.agent) return 'its token was issued to another agent';
  if (token.jkt !== body.jkt) return 'its token was bound to another key';
  const strange = body.grants.find((grant) => !token.grants.includes(grant));
  if (strange !== undefined) return `its token did not name grant ${strange}`;
  const here = token.details.filter(
    ({ connection, environment }) =>
      connection === body.connection && environment === body.environment,
  );
  for (const { operations, resources } of body.rights) {
    for (const operation of operations) {
      const held = here.filter((detail) => detail.operations.includes(operation));
      for (const resource of resources) {
        const isHeld = held.some((detail) =>
          detail.resources.some((granted) => holds(operation, granted, resource)),
        );
        if (!isHeld) return `its token did not hold ${operation} on ${resource}`;
      }
    }
  }
  return null;
}

/** The decision with the humans behind each grant that let it delete. */
export function traced(
  ledger: LedgerSoFar,
  { index, id, time }: Entry,
  what: {
    readonly agent: string;
    readonly place: Place;
    readonly stage: DeleteCapable['stage'];
    readonly lease: string | null;
  },
  carrying: ReadonlyMap<string, ReadonlySet<string>>,
): DeleteCapable {
  const { agent, place, stage, lease } = what;
  return {
    index,
    id,
    time,
    stage,
    lease,
    agent: ledger.state.agents.get(agent)?.name ?? agent,
    connection: place.connection.name,
    environment: place.environment.name,
    operations: [...new Set([...carrying.values()].flatMap((operations) => [...operations]))],
    grants: [...carrying.keys()].map((grant) => ({
      grant,
      signed_by: ledger.grants.signersOf(grant),
    })),
  };
}
