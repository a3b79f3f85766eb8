/**
 * Which effects count. Every recorded catalog does, at its worst, until humans adopt one: then that one,
 * with this deployment's own word on single operations, and whatever is recorded after it (Law 1).
 */
import type { StatementOf } from '@countersign/contract';
import {
  type Catalog,
  type CountersignError,
  defaultEffect,
  type Effect,
  effectOf,
  inputError,
  providerOf,
  worse,
} from '@countersign/core';
import type { Adoption, AuthorityState } from './state.ts';

type Body = StatementOf<'catalog.adopt'>['body'];

/** Where effects are asked for. `environmentClass` null asks for the worst of all classes. */
export interface EffectQuestion {
  readonly operation: string;
  readonly resource: string;
  readonly environmentClass: string | null;
}

/**
 * The worst effect that counts for the operation there; null when no catalog that counts knows it, or
 * when one that knows it has no rule for the case: unknown is denied.
 */
export function recordedEffect(state: AuthorityState, question: EffectQuestion): Effect | null {
  return effectUnder(state, state.adopted.get(providerOf(question.operation)), question);
}

function effectUnder(
  state: AuthorityState,
  adoption: Adoption | undefined,
  question: EffectQuestion,
): Effect | null {
  let worst: Effect | null = null;
  for (const [digest, catalog] of state.catalogs) {
    if (!counts(catalog, digest, adoption)) continue;
    const operation = catalog.operations.find((op) => op.name === question.operation);
    if (operation === undefined) continue;
    const own = digest === adoption?.digest ? adoption.effects.get(question.operation) : undefined;
    const effect = own ?? effectOf(operation.effects, question);
    if (effect === null) return null;
    worst = worst === null ? effect : worse(worst, effect);
  }
  return worst;
}

/**
 * Whether a recorded catalog of that provider counts: a built-in one until humans put another in its place, one
 * that somebody described only while it is what they adopted.
 */
function counts(catalog: Catalog, digest: string, adoption: Adoption | undefined): boolean {
  if (catalog.description !== undefined) return adoption?.digest === digest;
  return adoption?.superseded.includes(digest) !== true;
}

/** The digests of a provider's recorded catalogs, and whether each counts. */
export function recordedCatalogs(
  state: AuthorityState,
  provider: string,
): readonly { readonly digest: string; readonly catalog: Catalog; readonly counts: boolean }[] {
  const adoption = state.adopted.get(provider);
  return [...state.catalogs]
    .filter(([, catalog]) => catalog.provider === provider)
    .map(([digest, catalog]) => ({ digest, catalog, counts: counts(catalog, digest, adoption) }));
}

/** The catalog that humans adopted of an API that they described; undefined where there is none. */
export function adoptedDescription(state: AuthorityState, provider: string): Catalog | undefined {
  const catalog = state.catalogs.get(state.adopted.get(provider)?.digest ?? '');
  return catalog?.description === undefined ? undefined : catalog;
}

/** Whether a server has this provider built in: nobody describes it another time. */
export function isBuiltIn(state: AuthorityState, provider: string): boolean {
  return recordedCatalogs(state, provider).some(({ catalog }) => catalog.description === undefined);
}

/**
 * Law 1: what one admin may adopt alone. Of a description that is the first of its provider, with nothing below
 * what it would count as if nobody said anything; of another one nothing, since it says anew what every grant of
 * the former means.
 */
export function loosens(state: AuthorityState, body: Body): boolean {
  const changes = effectChanges(state, body);
  const catalog = state.catalogs.get(body.digest);
  const adopted = state.adopted.get(body.provider)?.digest;
  if (catalog?.description === undefined || adopted === body.digest) {
    return changes.some(({ lowered }) => lowered);
  }
  return (
    adopted !== undefined ||
    catalog.operations.some(({ name, request = '', effects }) => {
      const own = body.effects.find(({ operation }) => operation === name)?.effect;
      const least = defaultEffect(request);
      return CASES.some((place) => {
        const effect = own ?? effectOf(effects, place);
        return effect === null || worse(effect, least) !== effect;
      });
    })
  );
}

/** Why humans could not adopt it; null where they could. */
export function adoptionRefusal(state: AuthorityState, body: Body): CountersignError | null {
  const catalog = state.catalogs.get(body.digest);
  if (catalog?.provider !== body.provider) {
    return inputError('not_found', `No server has recorded such a catalog of ${body.provider}.`);
  }
  if (catalog.description !== undefined && isBuiltIn(state, body.provider)) {
    return inputError('conflict', `${body.provider} is built in; a description has another name.`);
  }
  const unknown = body.effects.find(
    ({ operation }) => !catalog.operations.some(({ name }) => name === operation),
  );
  return unknown === undefined
    ? null
    : inputError('invalid_request', `${unknown.operation} is not in this catalog.`);
}

/** What adopting it would change, operation by operation, in the case that differs most. */
export interface EffectChange {
  readonly operation: string;
  readonly before: Effect | null;
  readonly after: Effect | null;
}

/** Every operation whose effect would be another, in some case; ascending by name. */
export function effectChanges(
  state: AuthorityState,
  body: Body,
): readonly (EffectChange & { readonly lowered: boolean })[] {
  const before = state.adopted.get(body.provider);
  const after = adoptionOf(state, body);
  const names = new Set(
    [...state.catalogs.values()]
      .filter(({ provider }) => provider === body.provider)
      .flatMap(({ operations }) => operations.map(({ name }) => name)),
  );
  return [...names].sort().flatMap((operation) => {
    const changes = CASES.map((place) => ({ operation, ...place })).flatMap((question) => {
      const [was, is] = [effectUnder(state, before, question), effectUnder(state, after, question)];
      return was === is ? [] : [{ operation, before: was, after: is, lowered: isLower(was, is) }];
    });
    return changes.sort((a, b) => Number(b.lowered) - Number(a.lowered)).slice(0, 1);
  });
}

/** Unknown is denied, so becoming known is as much a lowering as becoming milder. */
function isLower(was: Effect | null, is: Effect | null): boolean {
  if (is === null) return false;
  return was === null || worse(was, is) !== is;
}

/** Whole and narrowed resources, in production and elsewhere: all that an effect can depend on. */
const CASES = ['whole', 'narrowed(a)'].flatMap((resource) =>
  ['production', 'other'].map((environmentClass) => ({ resource, environmentClass })),
);

function adoptionOf(state: AuthorityState, body: Body): Adoption {
  const others = [...state.catalogs].filter(
    ([digest, { provider }]) => provider === body.provider && digest !== body.digest,
  );
  return {
    digest: body.digest,
    effects: new Map(body.effects.map(({ operation, effect }) => [operation, effect])),
    superseded: others.map(([digest]) => digest),
  };
}

export function applyAdoption(state: AuthorityState, body: Body): void {
  state.adopted.set(body.provider, adoptionOf(state, body));
  state.latestCatalog.set(body.provider, body.digest);
}

/**
 * A catalog that some server recorded. One that humans have superseded is never the latest again, and one that
 * somebody described is none before it is adopted.
 */
export function applyCatalog(state: AuthorityState, digest: string, catalog: Catalog): void {
  state.catalogs.set(digest, catalog);
  if (catalog.description !== undefined) return;
  const superseded = state.adopted.get(catalog.provider)?.superseded ?? [];
  if (!superseded.includes(digest)) state.latestCatalog.set(catalog.provider, digest);
}
