/** A catalog as a server recorded it: a built-in one counts from then on, at its worst; a described one once adopted. */
import { CatalogDocument, CatalogPartBody, CatalogRecordedBody } from '@countersign/contract';
import { type Catalog, inputError, providerOf } from '@countersign/core';
import { isBuiltIn } from './adoption.ts';
import { applyPart, applyRecorded } from './apply.ts';
import { parseCanonical } from './canonical.ts';
import { catalogDigest } from './catalog.ts';
import { shapeProblem } from './envelope.ts';
import type { AuthorityEntry, Judgement } from './judgement.ts';
import type { AuthorityState } from './state.ts';

/** @throws CountersignError `invalid_request`, `conflict` */
export function judgeCatalog(state: AuthorityState, entry: AuthorityEntry): Judgement {
  const parsed = CatalogRecordedBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  const { digest, catalog } = parsed.data;
  requireRecordable(state, digest, catalog);
  return accepted(() => applyRecorded(state, entry, digest, catalog));
}

/** One that is larger than an entry. @throws CountersignError `invalid_request`, `conflict` */
export function judgeCatalogPart(state: AuthorityState, entry: AuthorityEntry): Judgement {
  const parsed = CatalogPartBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  if (state.broker === null) throw inputError('conflict', 'Nothing is recorded before genesis.');
  const { digest, part, parts, bytes } = parsed.data;
  const before = part === 1 ? { parts, bytes: [] } : state.catalogParts.get(digest);
  if (before?.parts !== parts || before.bytes.length !== part - 1) {
    throw inputError('invalid_request', 'The parts of a catalog come one after the other.');
  }
  const present = { parts, bytes: [...before.bytes, bytes] };
  if (part < parts) return accepted(() => applyPart(state, entry, digest, present));
  const catalog = joined(present.bytes);
  requireRecordable(state, digest, catalog);
  return accepted(() => applyRecorded(state, entry, digest, catalog));
}

function joined(bytes: readonly string[]): Catalog {
  const whole = Buffer.concat(bytes.map((part) => Buffer.from(part, 'base64url')));
  const parsed = CatalogDocument.safeParse(parseCanonical(whole));
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  return parsed.data;
}

function requireRecordable(state: AuthorityState, digest: string, catalog: Catalog): void {
  if (state.broker === null) throw inputError('conflict', 'Nothing is recorded before genesis.');
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
}

function accepted(apply: () => void): Judgement {
  return { ok: true, statement: null, status: 'complete', progress: null, apply };
}
