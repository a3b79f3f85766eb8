/** Ways around granted rights that a provider leaves open and two humans accepted, by name and digest. */
import type { StatementOf } from '@countersign/contract';
import { type CountersignError, inputError } from '@countersign/core';
import { type AuthorityState, presentConnection } from './state.ts';

export function escapeRefusal(
  state: AuthorityState,
  body: StatementOf<'escape.accept'>['body'],
): CountersignError | null {
  return presentConnection(state, body.connection) === undefined
    ? inputError('not_found', 'There is no such connection.')
    : null;
}

/** An object that changed has another digest: the newer acceptance takes the older one's place. */
export function applyEscapes(
  state: AuthorityState,
  { connection, escapes }: StatementOf<'escape.accept'>['body'],
): void {
  state.acceptedEscapes.set(
    connection,
    new Map([
      ...(state.acceptedEscapes.get(connection) ?? []),
      ...escapes.map(({ object, digest }) => [object, digest] as const),
    ]),
  );
}

/** Law 3: what an exchange on this connection may leave open; ascending by object, empty for most. */
export function escapesAccepted(
  state: AuthorityState,
  connection: string,
): readonly { readonly object: string; readonly digest: string }[] {
  if (presentConnection(state, connection) === undefined) return [];
  return [...(state.acceptedEscapes.get(connection) ?? [])]
    .map(([object, digest]) => ({ object, digest }))
    .sort((a, b) => (a.object < b.object ? -1 : 1));
}
