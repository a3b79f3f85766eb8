/** A catalog as a server recorded it when it started: its effects count from then on, at their worst. */
import { CatalogRecordedBody } from '@countersign/contract';
import { inputError, providerOf } from '@countersign/core';
import { isBuiltIn } from './adoption.ts';
import { applyRecorded } from './apply.ts';
import { catalogDigest } from './catalog.ts';
import { shapeProblem } from './envelope.ts';
import type { AuthorityEntry, Judgement } from './judgement.ts';
import type { AuthorityState } from './state.ts';

/** @throws CountersignError `invalid_request`, `conflict` */
export function judgeCatalog(state: AuthorityState, entry: AuthorityEntry): Judgement {
  const parsed = CatalogRecordedBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  if (state.broker === null) throw inputError('conflict', 'Nothing is recorded before genesis.');
  const { digest, catalog } = parsed.data;
  const names = catalog.operations.map((operation) => operation.name);
  if (
    new Set(names).size !== names.length ||
    names.some((name) => providerOf(name) !== catalog.provider)
  ) {
    throw inputError(
      'invalid_request',
      'A catalog lists the operations of its own provider, each once.',
    );
  }
  if (catalog.description !== undefined && isBuiltIn(state, catalog.provider)) {
    throw inputError(
      'conflict',
      `${catalog.provider} is built in; a description has another name.`,
    );
  }
  if (catalogDigest(catalog) !== digest) {
    throw inputError('invalid_request', 'The digest is not the digest of the catalog.');
  }
  return {
    ok: true,
    statement: null,
    status: 'complete',
    progress: null,
    apply: () => applyRecorded(state, entry, digest, catalog),
  };
}
