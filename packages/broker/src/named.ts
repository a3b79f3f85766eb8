/** Names as people write them, to the ids that statements hold. */
import { type AuthorityState, nameKey } from '@countersign/authority';
import { inputError } from '@countersign/core';

type Kind = 'human' | 'environment' | 'agent' | 'connection' | 'guardrail';

/** A name, or an id, to an id. @throws CountersignError `not_found`, `invalid_request` */
export function idOf(state: AuthorityState, kind: Kind, nameOrId: string | undefined): string {
  if (nameOrId === undefined) throw inputError('invalid_request', `Which ${kind}? It is missing.`);
  const id =
    state.names.get(nameKey(kind, nameOrId)) ??
    (known(state, kind, nameOrId) ? nameOrId : undefined);
  if (id === undefined) throw inputError('not_found', `There is no ${kind} ${nameOrId}.`);
  return id;
}

function known(state: AuthorityState, kind: Kind, id: string): boolean {
  switch (kind) {
    case 'human':
      return state.humans.has(id);
    case 'environment':
      return state.environments.has(id);
    case 'agent':
      return state.agents.has(id);
    case 'connection':
      return state.connections.has(id);
    case 'guardrail':
      return state.guardrails.has(id);
  }
}
