/** Names as people write them, to the ids that statements hold. */
import { type AuthorityState, nameKey } from '@countersign/authority';
import { inputError, isUuid } from '@countersign/core';

/** A name, or an id, to an id. @throws CountersignError `not_found`, `invalid_request` */
export function idOf(
  state: AuthorityState,
  kind: 'human' | 'environment' | 'agent' | 'connection',
  nameOrId: string | undefined,
): string {
  if (nameOrId === undefined) throw inputError('invalid_request', `Which ${kind}? It is missing.`);
  const id = state.names.get(nameKey(kind, nameOrId)) ?? (isUuid(nameOrId) ? nameOrId : undefined);
  if (id === undefined) throw inputError('not_found', `There is no ${kind} ${nameOrId}.`);
  return id;
}
