/**
 * A grant's SQL, run by the broker (Law 1): what humans signed, once, or the agent's own where the
 * grant lets it. Law 4 in order as at an exchange: decide, append with the pending lease, only then ask.
 */
import { createHash } from 'node:crypto';
import { type Connection, type Grant, signingHuman } from '@countersign/authority';
import type { RunView } from '@countersign/contract';
import { inputError, toInstant } from '@countersign/core';
import { type At, type Attempt, decideAndCommit } from './decide-and-commit.ts';
import { gatherFacts, judgeTargets, type Target, type TargetVerdict } from './deciding.ts';
import { denied, deniedBy, oauthErrorOf, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { inTurn } from './in-turn.ts';
import { entryIntent } from './intents.ts';
import { grouped, planLease } from './mint-lease.ts';
import type { NewLease } from './ports.ts';
import { requireUnfrozen } from './roles.ts';
import { runScript } from './run-script.ts';
import type { AgentCaller, Decided, HumanCaller } from './use-cases.ts';

interface RunInput {
  /** The agent's own; null where the grant holds it. */
  readonly sql: string | null;
  /** Null: the one that the grant names. */
  readonly resource: string | null;
}

/** @throws CountersignError of the input codes */
export async function runGrant(
  deps: Deps,
  caller: AgentCaller | HumanCaller,
  id: string,
  input: RunInput,
): Promise<Decided<RunView>> {
  const decide = () =>
    decideAndCommit(deps, async (at) => {
      // Law 4: nor under a token whose key was withdrawn or replaced since it was shown.
      if (caller.kind === 'agent' && at.version !== caller.version) await caller.stands();
      return await attempt(deps, caller, id, input, at);
    });
  if (caller.kind === 'human') return await decide();
  return await inTurn(deps, { agent: caller.agent, stage: 'run' }, decide);
}

/** What is to be run, read from the grant and the request. */
interface Plan {
  readonly grant: Grant;
  readonly connection: Connection;
  readonly target: Target;
  readonly script: string;
  readonly resource: string;
}

async function attempt(
  deps: Deps,
  caller: AgentCaller | HumanCaller,
  id: string,
  input: RunInput,
  { now }: At,
): Promise<Attempt<Decided<RunView>>> {
  const grant = deps.authority.state.grants.get(id);
  if (grant === undefined || !mayRun(deps, caller, grant)) {
    return { refuse: () => notTheirs(deps, caller, id) };
  }
  if (caller.kind === 'human') requireUnfrozen(deps.authority.state, caller);
  const plan = planOf(deps, grant, input);
  const facts = await gatherFacts(deps, grant.body.agent);
  const who = {
    agent: grant.body.agent,
    // A human shows the key of their session; the one in the grant binds the agent's tokens.
    sender: caller.kind === 'agent' ? caller.jkt : grant.body.sender,
    grants: caller.kind === 'agent' ? caller.grants : [id],
    use: 'script' as const,
  };
  const judged = judgeTargets(facts, [plan.target], who, now);
  if (!judged.allowed) {
    const refusal = { ...judged, agent: grant.body.agent, stage: 'run', once: [] };
    return { refuse: () => deniedBy(deps, refusal) };
  }
  const [verdict] = judged.verdicts;
  if (verdict === undefined) throw UNAVAILABLE();
  const { obligations } = verdict.verdict;
  const lease = leaseOf(deps, plan, verdict, now);
  return {
    intent: {
      ...entryIntent(lease.decision, 'decision', runDecision(caller, plan, verdict, lease)),
      notAfter: obligations.until,
      uses: obligations.uses,
      lease,
    },
    async settle({ outcome }, deadline) {
      switch (outcome) {
        case 'committed': {
          const { script, resource } = plan;
          const signed = grant.body.sql !== null;
          const uses = obligations.uses.map((use) => use.grant);
          return await runScript(deps, { lease, script, resource, signed, uses, deadline });
        }
        case 'exhausted':
          // Law 4: somebody else ran it between the look and the commit: decide again to say so.
          return null;
        case 'replayed':
        case 'conflict':
          throw UNAVAILABLE();
      }
    },
  };
}

/**
 * The grant's own agent, by a token that names it; or a human who signed for this very SQL, so that a
 * session starts nothing its human did not sign.
 */
function mayRun(deps: Deps, caller: AgentCaller | HumanCaller, grant: Grant): boolean {
  if (caller.kind === 'agent') {
    return grant.body.agent === caller.agent && caller.grants.includes(grant.id);
  }
  const signatures = deps.authority.state.statements.get(grant.id)?.signatures ?? [];
  return (
    grant.body.sql !== null &&
    signatures.some(
      ({ human, kid }) =>
        human === caller.human && signingHuman(deps.authority.state, kid)?.id === human,
    )
  );
}

/** Law 5: a grant of somebody else is no other than one that is not there. */
async function notTheirs(
  deps: Deps,
  caller: AgentCaller | HumanCaller,
  grant: string,
): Promise<Decided<never>> {
  if (caller.kind === 'human') {
    if (deps.authority.state.statements.get(grant)?.status === 'pending') {
      throw inputError('conflict', 'It waits for signatures still: countersign pending --all.');
    }
    throw inputError(
      'forbidden',
      'You can run a grant that holds SQL and that you have signed yourself; its agent can too.',
    );
  }
  return await denied(deps, {
    agent: caller.agent,
    stage: 'run',
    code: 'not_granted',
    detail: 'This token names no such grant. Ask for a token that does.',
    oauthError: oauthErrorOf('not_granted'),
    asked: { grant },
    once: [],
  });
}

/** @throws CountersignError `invalid_request`, `conflict` */
function planOf(deps: Deps, grant: Grant, input: RunInput): Plan {
  const { state } = deps.authority;
  const { body } = grant;
  const connection = state.connections.get(body.connection);
  const environment = state.environments.get(body.environment);
  const rules = deps.rules.get(connection?.body.provider ?? '');
  if (connection === undefined || environment === undefined || rules === undefined) {
    throw inputError('conflict', 'What this grant is for is not here any more.');
  }
  const rights = body.permissions.flatMap(({ operations, resources }) =>
    operations.flatMap(({ name }) =>
      rules.runnable(name) ? resources.map((resource) => ({ operation: name, resource })) : [],
    ),
  );
  const named = [...new Set(rights.map((right) => right.resource))];
  const resource = input.resource ?? (named.length === 1 ? named[0] : undefined);
  if (named.length === 0) throw inputError('invalid_request', 'No SQL is run under this grant.');
  if (resource === undefined || !named.includes(resource)) {
    throw inputError('invalid_request', `Say which resource it is run on: ${named.join(', ')}.`);
  }
  // Law 1: what was signed is what runs; SQL beside it would be another.
  if (body.sql !== null && input.sql !== null) {
    throw inputError('invalid_request', 'This grant holds its SQL. Leave sql out.');
  }
  const script = body.sql ?? input.sql;
  if (script === null) {
    throw inputError('invalid_request', 'This grant holds no SQL. Send the SQL to run as sql.');
  }
  const operations = rights
    .filter((right) => right.resource === resource)
    .map((right) => right.operation);
  return {
    grant,
    connection,
    script,
    resource,
    target: {
      connection: connection.name,
      environment: environment.name,
      asks: [{ operations: [...new Set(operations)], resources: [resource] }],
      grant: grant.id,
    },
  };
}

/** A run is a lease whose login nobody is given: it ends as every lease does. */
function leaseOf(
  deps: Deps,
  { connection, grant }: Plan,
  verdict: TargetVerdict,
  now: number,
): NewLease {
  const planned = planLease(deps, grant.body.agent, verdict, now);
  const longest = deps.providers.get(connection.body.provider)?.runner?.longestRun ?? 0;
  return { ...planned, expiresAt: Math.min(planned.expiresAt, now + longest * 1000) };
}

function runDecision(
  caller: AgentCaller | HumanCaller,
  { grant, target, script, resource }: Plan,
  { verdict }: TargetVerdict,
  lease: NewLease,
) {
  return {
    verdict: 'allowed',
    stage: 'run',
    agent: lease.agent,
    ...(caller.kind === 'agent'
      ? { token: caller.jti, jkt: caller.jkt }
      : { human: caller.human, jkt: grant.body.sender }),
    connection: target.connection,
    environment: target.environment,
    resource,
    rights: grouped(verdict.rights),
    grants: [grant.id],
    uses: verdict.obligations.uses.map((use) => use.grant),
    sql: scriptDigest(script),
    lease: { id: lease.id, connection: lease.connection, expires_at: toInstant(lease.expiresAt) },
  };
}

/** base64url SHA-256 of the SQL: what ran can be held against what was signed, or against a file. */
export function scriptDigest(script: string): string {
  return createHash('sha256').update(script, 'utf8').digest('base64url');
}
