/** Where a request goes: the connection it names, as authority has it now, or what stands in its way. */
import { type Connection, haltOf, nameKey, presentConnection } from '@countersign/authority';
import type { DenialCode } from '@countersign/core';
import type { Gateway, GatewayCall } from '@countersign/provider-kit';
import type { Deps } from './deps.ts';

export interface Place {
  readonly connection: Connection;
  readonly gateway: Gateway;
}

/** Why a request is not forwarded, other than by policy's verdict. */
export interface Obstacle {
  readonly isObstacle: true;
  readonly code: DenialCode;
  /** For the agent: about its own request alone. */
  readonly detail: string;
  /** For the ledger, where that is more. */
  readonly reason?: string;
  readonly calls: readonly GatewayCall[];
}

export function obstacle(
  code: DenialCode,
  detail: string,
  more: { readonly reason?: string; readonly calls?: readonly GatewayCall[] } = {},
): Obstacle {
  return { isObstacle: true, code, detail, calls: [], ...more };
}

export function isObstacle(value: object): value is Obstacle {
  return 'isObstacle' in value;
}

/** Step 3 of a decision: whoever is stopped, and whatever is, costs no look at what was asked. */
export function placeOf(deps: Deps, agent: string, name: string): Place | Obstacle {
  const { state } = deps.authority;
  const registered = state.agents.get(agent);
  if (registered === undefined) return obstacle('unauthenticated', 'The agent is not registered.');
  if (registered.disabledAt !== null) {
    return obstacle('agent_disabled', 'This agent is disabled, for good.');
  }
  const id = state.names.get(nameKey('connection', name));
  const halt = haltOf(state, { environment: undefined, connection: id, agent });
  if (halt !== null) return obstacle('frozen', 'Humans have stopped this for now.');
  const connection = presentConnection(state, id ?? '');
  if (connection === undefined) {
    return obstacle('unknown_connection', `There is no connection ${name}.`);
  }
  const gateway = deps.providers.get(connection.body.provider)?.gateway;
  if (gateway === undefined) {
    return obstacle(
      'unknown_operation',
      `Nothing is forwarded on ${name}: exchange the token for a credential.`,
    );
  }
  return { connection, gateway };
}
