/** Who asked, and whether they could have at that place of the ledger. */
import { isFormerKey } from '@countersign/authority';
import type { Role } from '@countersign/contract';
import type { Place } from './grants-then.ts';
import type { LedgerSoFar } from './ledger-so-far.ts';
import { stopOf } from './signers.ts';

/** Why the agent could have been allowed nothing at all; null where it could. */
export function agentProblem(ledger: LedgerSoFar, id: string): string | null {
  const agent = ledger.state.agents.get(id);
  if (agent === undefined) return `nobody had registered agent ${id}`;
  if (agent.disabledAt !== null) return `agent ${agent.name} was disabled before`;
  const { stops } = ledger.grants;
  if (stops.has('everything')) return 'everything was frozen';
  return stops.has(stopOf('agent', id)) ? `agent ${agent.name} was frozen` : null;
}

/** Why the token that was shown counted no longer: its key was replaced or withdrawn. Null where it counted. */
export function formerKeyProblem(
  ledger: LedgerSoFar,
  { agent, jkt }: { readonly agent: string; readonly jkt: string | null },
): string | null {
  return isFormerKey(ledger.state, agent, jkt ?? '')
    ? 'it was bound to a key that its agent had no more'
    : null;
}

/** Law 2 and freezes: why nothing could have been allowed there; null where it could. */
export function placeProblem(
  ledger: LedgerSoFar,
  { connection, environment }: Place,
): string | null {
  const { stops } = ledger.grants;
  if (stops.has('everything')) return 'everything was frozen';
  if (stops.has(stopOf('environment', environment.id))) {
    return `environment ${environment.name} was frozen`;
  }
  if (stops.has(stopOf('connection', connection.id))) {
    return `connection ${connection.name} was frozen`;
  }
  const mapped = connection.body.mapping[environment.id] ?? [];
  const { provider, endpoint } = connection.body;
  // A PostgreSQL connection is one database, which is its endpoint. What others touched, only they can say.
  if (provider !== 'postgres') ledger.leaveOpen(`environment, proven by ${provider}`);
  const isProven = provider === 'postgres' ? mapped.includes(endpoint) : mapped.length > 0;
  return isProven
    ? null
    : `connection ${connection.name} mapped nothing of it into ${environment.name}`;
}

/**
 * Why the human could not have asked for it; null where they could. The entry does not say with which key they
 * had signed in, so a freeze of that key alone is not seen here.
 */
export function humanProblem(
  ledger: LedgerSoFar,
  id: string,
  roles: readonly Role[],
): string | null {
  const human = ledger.state.humans.get(id);
  if (human === undefined) return `nobody had enrolled human ${id}`;
  if (human.removedAt !== null) return `${human.name} was removed before`;
  if (ledger.grants.stops.has(stopOf('human', id))) return `${human.name} was frozen`;
  return human.roles.some((role) => roles.includes(role))
    ? null
    : `${human.name} was not ${roles.join(' or ')}`;
}

/** The first sentence that any of them gives. */
export function firstProblem<T>(
  items: Iterable<T>,
  problemOf: (item: T) => string | null,
): string | null {
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== null) return problem;
  }
  return null;
}
