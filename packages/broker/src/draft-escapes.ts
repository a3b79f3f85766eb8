/**
 * Ways around its rights that a connection leaves open, completed for signing. The provider says what is
 * open now; a signer accepts objects by name, each with the digest of what it is at this moment.
 */
import { presentConnection } from '@countersign/authority';
import type { DraftAnswer, DraftOf } from '@countersign/contract';
import { inputError } from '@countersign/core';
import { type Escape, ProviderError } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import { idOf } from './named.ts';
import { statementAround } from './statement-around.ts';
import { found } from './views.ts';

/** Objects listed in a refusal; more are counted. */
const LISTED = 20;

/** @throws CountersignError `not_found`, `invalid_request` with what is open */
export async function draftEscapes(
  deps: Deps,
  request: DraftOf<'escape.accept'>,
): Promise<DraftAnswer> {
  const { state } = deps.authority;
  const { body } = request;
  const id = idOf(state, 'connection', body.connection);
  const connection = found(presentConnection(state, id), 'connection');
  const { provider, opened } = await openConnection(deps, connection);
  const check = await provider.check(opened).catch((error: unknown) => {
    if (error instanceof ProviderError) throw inputError('invalid_request', error.message);
    throw error;
  });
  const trouble = check.findings.find(({ ok }) => !ok);
  if (!check.ok) {
    const why = trouble === undefined ? '' : ` ${trouble.text}`;
    throw inputError('invalid_request', `What is open there could not be told.${why}`);
  }
  const accepted = [...new Set(body.objects)].sort().map((object) => named(check.escapes, object));
  return statementAround(
    deps,
    'escape.accept',
    request.id,
    {
      connection: id,
      escapes: accepted.map(({ object, digest }) => ({ object, digest })),
      reason: body.reason,
    },
    {
      notes: accepted.map(
        ({ object, explanation, remedy }) => `${object}: ${explanation} To close it: ${remedy}`,
      ),
    },
  );
}

/** The one escape of that name. Two that share it would leave open which of them was accepted. */
function named(open: readonly Escape[], object: string): Escape {
  const [only, ...others] = open.filter((each) => each.object === object);
  if (others.length > 0) {
    throw inputError(
      'invalid_request',
      `Several are open there by the name ${object}. Close all but one.`,
    );
  }
  if (only !== undefined) return only;
  throw inputError('invalid_request', `${object} is not open there now. ${listed(open)}`);
}

function listed(open: readonly Escape[]): string {
  if (open.length === 0) return 'Nothing is.';
  const more = open.length - LISTED;
  const names = open.slice(0, LISTED).map(({ object }) => object);
  return `Open: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
}
