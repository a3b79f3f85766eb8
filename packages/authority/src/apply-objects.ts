/** What statements change of environments, agents, connections and grants. */
import type { StatementOf } from '@countersign/contract';
import { fromInstant } from '@countersign/core';
import { digestOfDocument } from './canonical.ts';
import { brokenPins } from './standing.ts';
import {
  type Agent,
  type At,
  type AuthorityState,
  type Connection,
  type FormerConnection,
  isElsewhere,
  nameKey,
} from './state.ts';

export function setEnvironment(
  state: AuthorityState,
  id: string,
  body: StatementOf<'environment.set'>['body'],
): void {
  const environment = body.environment ?? id;
  state.names.set(nameKey('environment', body.name), environment);
  state.environments.set(environment, { id: environment, name: body.name, rule: body });
}

export function setAgent(
  state: AuthorityState,
  at: At,
  agent: Pick<Agent, 'id' | 'name' | 'disabledAt'>,
  { auth, require_dpop }: Pick<StatementOf<'agent.register'>['body'], 'auth' | 'require_dpop'>,
  thumbprints: readonly string[],
): void {
  for (const kid of thumbprints) state.names.set(`agent-key/${kid}`, agent.id);
  state.agents.set(agent.id, {
    id: agent.id,
    name: agent.name,
    auth,
    credentials: thumbprints.length > 0 ? [...thumbprints].sort() : [digestOfDocument(auth)],
    requireDpop: require_dpop,
    disabledAt: agent.disabledAt,
  });
  unpin(state, at, state.grantsOfAgent.get(agent.id) ?? []);
}

// Law 1: what was signed is what runs. Who changes what a grant pins, and changes it back, revives nothing.
function unpin(state: AuthorityState, at: At, grants: Iterable<string>): void {
  for (const id of grants) {
    const grant = state.grants.get(id);
    if (grant === undefined || grant.body.pins === null || grant.unpinnedAt !== null) continue;
    const { agent, connection } = grant.body;
    const broken = brokenPins(
      grant.body,
      state.agents.get(agent),
      state.connections.get(connection),
    );
    if (broken.length > 0) state.grants.set(id, { ...grant, unpinnedAt: at.time });
  }
}

export function setConnection(
  state: AuthorityState,
  at: At,
  id: string,
  body: StatementOf<'connection.set'>['body'],
): void {
  const connection = body.connection ?? id;
  const present = state.connections.get(connection);
  unmap(state, connection);
  state.names.set(nameKey('connection', body.name), connection);
  state.connections.set(connection, {
    id: connection,
    name: body.name,
    body,
    setBy: present?.body.credential === body.credential ? present.setBy : id,
    since: at.time,
    former: present === undefined ? [] : [...present.former, formerOf(present, at.time)],
    removedAt: null,
  });
  for (const [environment, ids] of Object.entries(body.mapping)) {
    for (const mapped of ids) {
      state.mapped.set(mapped, { connection, environment });
      const ever = state.everMapped.get(mapped) ?? [];
      if (!ever.includes(environment)) state.everMapped.set(mapped, [...ever, environment]);
    }
  }
  // What was accepted of one database says nothing of another.
  if (isElsewhere(present, body)) state.acceptedEscapes.delete(connection);
  const grants = [...state.grants.values()].filter((grant) => grant.body.connection === connection);
  unpin(
    state,
    at,
    grants.map(({ id: grant }) => grant),
  );
}

function formerOf({ body, setBy, since }: Connection, until: string): FormerConnection {
  return { body, setBy, since, until };
}

function unmap(state: AuthorityState, connection: string): void {
  for (const [mapped, { connection: owner }] of state.mapped) {
    if (owner === connection) state.mapped.delete(mapped);
  }
}

/** Its name stays taken for ever; the provider's ids are free for another connection at once. */
export function removeConnection(state: AuthorityState, at: At, id: string): void {
  const connection = state.connections.get(id);
  if (connection === undefined) return;
  state.connections.set(id, { ...connection, removedAt: at.time });
  unmap(state, id);
}

export function addGrant(
  state: AuthorityState,
  at: At,
  id: string,
  body: StatementOf<'grant.create'>['body'],
): void {
  const completedAt = fromInstant(at.time);
  const coolOff = state.environments.get(body.environment)?.rule.cool_off ?? 0;
  const from = completedAt + coolOff * 1000;
  state.grants.set(id, {
    id,
    body,
    completedAt,
    from,
    until: from + body.valid_for * 1000,
    revokedAt: null,
    unpinnedAt: null,
  });
  state.grantsOfAgent.set(body.agent, [...(state.grantsOfAgent.get(body.agent) ?? []), id]);
}
