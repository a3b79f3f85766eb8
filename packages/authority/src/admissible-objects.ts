/** What environments, agents and connections demand of the state they would change. */
import type { StatementOf } from '@countersign/contract';
import { type CountersignError, inputError } from '@countersign/core';
import { LATER } from './later.ts';
import { unmeetable } from './rules.ts';
import {
  type Agent,
  type AuthorityState,
  type Connection,
  isElsewhere,
  nameKey,
  presentConnection,
} from './state.ts';

type Refusal = CountersignError | null;

export function environmentSet(
  state: AuthorityState,
  body: StatementOf<'environment.set'>['body'],
): Refusal {
  const named = state.names.get(nameKey('environment', body.name));
  if (body.environment === null) {
    return named === undefined
      ? unmeetable(state, body)
      : inputError('conflict', `The environment ${body.name} exists already.`);
  }
  if (!state.environments.has(body.environment)) {
    return inputError('not_found', 'There is no such environment.');
  }
  return named === undefined || named === body.environment
    ? unmeetable(state, body)
    : inputError('conflict', `The name ${body.name} is taken; names are never reused.`);
}

export function agentRegister(
  state: AuthorityState,
  body: StatementOf<'agent.register'>['body'],
  thumbprints: readonly string[],
): Refusal {
  if (state.names.has(nameKey('agent', body.name))) {
    return inputError('conflict', `The name ${body.name} is taken; names are never reused.`);
  }
  return authRefusal(state, null, body.auth, thumbprints);
}

export function agentCredentialSet(
  state: AuthorityState,
  body: StatementOf<'agent.credential.set'>['body'],
  thumbprints: readonly string[],
): Refusal {
  const agent = enabledAgent(state, body.agent);
  return 'refusal' in agent
    ? agent.refusal
    : authRefusal(state, agent.present.id, body.auth, thumbprints);
}

export function agentDisable(
  state: AuthorityState,
  body: StatementOf<'agent.disable'>['body'],
): Refusal {
  const agent = enabledAgent(state, body.agent);
  return 'refusal' in agent ? agent.refusal : null;
}

function enabledAgent(
  state: AuthorityState,
  id: string,
): { readonly present: Agent } | { readonly refusal: CountersignError } {
  const agent = state.agents.get(id);
  if (agent === undefined) return { refusal: inputError('not_found', 'There is no such agent.') };
  return agent.disabledAt === null
    ? { present: agent }
    : { refusal: inputError('conflict', `Agent ${agent.name} is disabled already.`) };
}

/** @param agent whose key it may be already; null for a new one */
function authRefusal(
  state: AuthorityState,
  agent: string | null,
  auth: StatementOf<'agent.register'>['body']['auth'],
  thumbprints: readonly string[],
): Refusal {
  if (auth.method === 'federated') {
    return inputError('invalid_request', `Agent authentication by ${auth.method} ${LATER}.`);
  }
  if (new Set(thumbprints).size !== thumbprints.length) {
    return inputError('invalid_request', 'The two keys are the same key.');
  }
  // An agent can never sign: a human's key is not an agent's, nor is a key shared by two agents.
  const isTaken = (kid: string): boolean => {
    const owner = state.names.get(`agent-key/${kid}`);
    return state.keys.has(kid) || (owner !== undefined && owner !== agent);
  };
  return thumbprints.some(isTaken)
    ? inputError('conflict', 'This key belongs to a human or another agent. Make a new one.')
    : null;
}

export function connectionSet(
  state: AuthorityState,
  body: StatementOf<'connection.set'>['body'],
): Refusal {
  const present = body.connection === null ? null : presentConnection(state, body.connection);
  if (present === undefined) return inputError('not_found', 'There is no such connection.');
  const refusal = present === null ? newConnection(state, body) : changed(present, body);
  return refusal ?? mappingRefusal(state, body);
}

function newConnection(
  state: AuthorityState,
  body: StatementOf<'connection.set'>['body'],
): Refusal {
  if (state.names.has(nameKey('connection', body.name))) {
    return inputError('conflict', `The name ${body.name} is taken; names are never reused.`);
  }
  return state.latestCatalog.has(body.provider)
    ? null
    : inputError('invalid_request', `There is no provider ${body.provider}.`);
}

function changed(present: Connection, body: StatementOf<'connection.set'>['body']): Refusal {
  if (present.name !== body.name || present.body.provider !== body.provider) {
    return inputError('invalid_request', 'A connection keeps its name and its provider.');
  }
  // Law 1: the root credential goes where the humans who entered it said, and nowhere else.
  return isElsewhere(present, body) && present.body.credential === body.credential
    ? inputError(
        'invalid_request',
        'For another endpoint, account or configuration the credential is entered anew.',
      )
    : null;
}

function mappingRefusal(
  state: AuthorityState,
  body: StatementOf<'connection.set'>['body'],
): Refusal {
  const ids = Object.values(body.mapping).flat();
  if (ids.length === 0) {
    return inputError('invalid_request', 'A connection maps at least one id into an environment.');
  }
  if (new Set(ids).size !== ids.length) {
    return inputError('invalid_request', 'An id is mapped into two environments.');
  }
  for (const environment of Object.keys(body.mapping)) {
    if (!state.environments.has(environment)) {
      return inputError('not_found', 'The mapping names an environment that does not exist.');
    }
  }
  const taken = ids.find((id) => {
    const owner = state.mapped.get(id)?.connection;
    return owner !== undefined && owner !== body.connection;
  });
  return taken === undefined
    ? null
    : inputError('conflict', `${taken} is mapped by another connection already.`);
}

export function connectionRemove(
  state: AuthorityState,
  body: StatementOf<'connection.remove'>['body'],
): Refusal {
  const connection = state.connections.get(body.connection);
  if (connection === undefined) return inputError('not_found', 'There is no such connection.');
  return connection.removedAt === null
    ? null
    : inputError('conflict', `Connection ${connection.name} is removed already.`);
}
