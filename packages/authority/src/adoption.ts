/**
 * Which effects count. Every recorded catalog does, at its worst, until humans adopt one: then that one,
 * with this deployment's own word on single operations, and whatever is recorded after it (Law 1).
 */
import type { StatementOf } from '@countersign/contract';
import {
  type Catalog,
  type CountersignError,
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
    if (adoption?.superseded.includes(digest) === true) continue;
    const operation = catalog.operations.find((op) => op.name === question.operation);
    if (operation === undefined) continue;
    const own = digest === adoption?.digest ? adoption.effects.get(question.operation) : undefined;
    const effect = own ?? effectOf(operation.effects, question);
    if (effect === null) return null;
    worst = worst === null ? effect : worse(worst, effect);
  }
  return worst;
}

/** Why humans could not adopt it; null where they could. */
export function adoptionRefusal(state: AuthorityState, body: Body): CountersignError | null {
  const catalog = state.catalogs.get(body.digest);
  if (catalog?.provider !== body.provider) {
    return inputError('not_found', `No server has recorded such a catalog of ${body.provider}.`);
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

/** A catalog that some server recorded. One that humans have superseded is never the latest again. */
export function applyCatalog(state: AuthorityState, digest: string, catalog: Catalog): void {
  state.catalogs.set(digest, catalog);
  const superseded = state.adopted.get(catalog.provider)?.superseded ?? [];
  if (!superseded.includes(digest)) state.latestCatalog.set(catalog.provider, digest);
}
