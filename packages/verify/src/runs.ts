/**
 * Scripts that the broker ran, and tried: the very SQL that was signed, or an agent's own where that may be
 * (Law 1); committed on authority that stood then; each with one outcome (Law 4).
 */
import { createHash } from 'node:crypto';
import type {
  DryRunAllowedBody,
  DryRunFinishedBody,
  RunAllowedBody,
  RunCommittingBody,
  RunFinishedBody,
} from '@countersign/contract';
import {
  agentProblem,
  firstProblem,
  formerKeyProblem,
  humanProblem,
  placeProblem,
} from './callers.ts';
import { endNoticed, givenBackProblem, judgeLease, leaseOf, noticedOf } from './leases.ts';
import type { Entry, LedgerSoFar } from './ledger-so-far.ts';

export function judgeRun(ledger: LedgerSoFar, body: RunAllowedBody, entry: Entry): string | null {
  return (
    agentProblem(ledger, body.agent) ??
    askerProblem(ledger, body, entry) ??
    scriptProblem(ledger, body) ??
    judgeLease(ledger, body, entry, 'run')
  );
}

/** Its agent, by a token that names the grant; or a human who has signed for this very SQL. */
function askerProblem(ledger: LedgerSoFar, body: RunAllowedBody, { at }: Entry): string | null {
  const { agent, human, jkt, grants } = body;
  if (body.token !== undefined) {
    const token = ledger.tokenAt(body.token, at);
    if (token === undefined) return `no token ${body.token} was there to run it with`;
    const isTheirs = token.agent === agent && token.jkt === jkt;
    const names = grants.every((grant) => token.grants.includes(grant));
    if (!isTheirs || !names) return 'its token was for something else';
    return formerKeyProblem(ledger, body);
  }
  if (human === undefined) return 'nobody asked for it';
  const problem = humanProblem(ledger, human, ['admin', 'approver', 'auditor']);
  if (problem !== null) return problem;
  const hasSigned = (grant: string): boolean => {
    const { signatures = [] } = ledger.state.statements.get(grant) ?? {};
    return signatures.some(
      (signature) =>
        signature.human === human && ledger.state.keys.get(signature.kid)?.revokedAt === null,
    );
  };
  return grants.every(hasSigned) ? null : 'it was run by a human who had not signed it';
}

function scriptProblem(ledger: LedgerSoFar, body: RunAllowedBody): string | null {
  const place = ledger.grants.placeOf(body.connection, body.environment);
  if (typeof place === 'string') return place;
  const isElsewhere = body.rights.some(({ resources }) =>
    resources.some((resource) => resource !== body.resource),
  );
  if (isElsewhere) return 'its rights are on another resource than it ran on';
  return firstProblem(body.grants, (id) => {
    const sql = ledger.state.grants.get(id)?.body.sql ?? null;
    if (sql !== null) {
      return digestOfScript(sql) === body.sql ? null : 'it ran another script than was signed';
    }
    if (body.human !== undefined) return 'a human ran what only its agent may';
    return place.environment.rule.class === 'production'
      ? 'it ran SQL in production that nobody had signed'
      : null;
  });
}

export function digestOfScript(sql: string): string {
  return createHash('sha256').update(sql, 'utf8').digest('base64url');
}

/** Law 4: the last thing before a commit is that its authority stands. */
export function judgeCommitting(
  ledger: LedgerSoFar,
  body: RunCommittingBody,
  entry: Entry,
): string | null {
  const lease = leaseOf(ledger, body.run, body);
  if (typeof lease === 'string') return lease;
  if (!lease.isRun || entry.id !== body.run) return `lease ${body.run} is of no run`;
  if (lease.revoked || lease.committing) return `run ${body.run} had ended or begun to commit`;
  const connection = ledger.state.connections.get(lease.connection);
  const environment = ledger.state.environments.get(lease.environment);
  const problem =
    connection === undefined || environment === undefined
      ? 'what it is for is not there'
      : (agentProblem(ledger, lease.agent) ??
        placeProblem(ledger, { connection, environment }) ??
        firstProblem(lease.grants, (grant) => ledger.grants.problemOfBegun(grant)));
  if (problem !== null) return problem;
  ledger.leases.set(body.run, { ...lease, committing: true });
  return null;
}

export function judgeFinished(
  ledger: LedgerSoFar,
  body: RunFinishedBody,
  entry: Entry,
): string | null {
  const returned = body.uses_returned ?? [];
  const noticed = noticedOf(ledger, body.run, body);
  // A use that comes back is more than an end, and never merely noticed.
  if (noticed !== null && returned.length === 0) {
    return endNoticed(ledger, body.run, entry, noticed);
  }
  const lease = leaseOf(ledger, body.run, body);
  if (typeof lease === 'string') return lease;
  if (!lease.isRun) return `lease ${body.run} is of no run`;
  if (body.outcome === 'committed' && !lease.committing) {
    return 'it was committed without saying so before';
  }
  if (returned.length > 0) {
    const problem =
      body.outcome === 'rolled_back'
        ? givenBackProblem(lease, returned)
        : 'it gives back a use of what may have happened';
    if (problem !== null) return problem;
    ledger.giveBack(returned);
  }
  ledger.leases.delete(body.run);
  return null;
}

type DryRun = Pick<DryRunFinishedBody, 'connection' | 'environment' | 'resource' | 'sql'>;

/** What a dry run was for, as one text. */
export function subjectOf({ connection, environment, resource, sql }: DryRun): string {
  return JSON.stringify([connection, environment, resource, sql]);
}

/** It takes nobody's signature: an admin, and nothing frozen. */
export function judgeDryRun(
  ledger: LedgerSoFar,
  body: DryRunAllowedBody,
  { id }: Entry,
): string | null {
  const { human, agent } = body;
  const connection = ledger.state.connections.get(body.connection);
  const environment = ledger.state.environments.get(body.environment);
  if (connection === undefined || connection.removedAt !== null || environment === undefined) {
    return 'what it was tried on was not there';
  }
  const problem =
    humanProblem(ledger, human, ['admin']) ??
    placeProblem(ledger, { connection, environment }) ??
    (agent === undefined ? null : agentProblem(ledger, agent));
  if (problem !== null) return problem;
  if (agent === undefined) ledger.leaveOpen('agent of a dry run');
  ledger.dryRuns.set(id, { human, of: subjectOf(body) });
  return null;
}

export function judgeDryRunFinished(
  ledger: LedgerSoFar,
  body: DryRunFinishedBody,
  { id }: Entry,
): string | null {
  const tried = ledger.dryRuns.get(body.dry_run);
  if (tried?.of !== subjectOf(body) || tried.human !== body.human) {
    return 'no such dry run was under way';
  }
  ledger.dryRuns.delete(body.dry_run);
  if (body.assessment !== undefined) {
    ledger.assessments.set(id, { of: tried.of, found: body.assessment });
  }
  return null;
}
