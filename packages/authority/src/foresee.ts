/**
 * What would become of grants if something were so. The state is copied, and changed as the fold would change
 * it; nothing is judged, since nobody has signed it. For humans who ask first, never for a decision.
 */
import type { Statement } from '@countersign/contract';
import type { Catalog } from '@countersign/core';
import { admissible } from './admissible.ts';
import { applyCatalog } from './adoption.ts';
import { takeEffect } from './apply.ts';
import { catalogDigest } from './catalog.ts';
import { encodeStatement, thumbprintsIn } from './envelope.ts';
import { copyOf } from './snapshot.ts';
import { type GrantStanding, grantStanding } from './standing.ts';
import type { AuthorityState } from './state.ts';

/** As if a server had recorded this catalog. */
export function stateWithCatalog(state: AuthorityState, catalog: Catalog): AuthorityState {
  const copy = copyOf(state);
  applyCatalog(copy, catalogDigest(catalog), catalog);
  return copy;
}

/** As if enough had signed this statement, and any delay of it were over. */
export async function stateWithStatement(
  state: AuthorityState,
  statement: Statement,
): Promise<AuthorityState> {
  const copy = copyOf(state);
  const at = { index: state.size, time: state.time };
  takeEffect(copy, at, {
    decoded: encodeStatement(statement),
    signatures: [],
    status: 'complete',
    onOneWord: false,
    thumbprints: await thumbprintsIn(statement),
  });
  return copy;
}

export interface TouchedGrant {
  readonly grant: string;
  readonly before: GrantStanding['status'];
  readonly after: GrantStanding['status'];
  /** Why it would not hold, in words. */
  readonly reasons: readonly string[];
}

/** Grants that hold, or wait to, and would hold no more at `now` (ms); oldest first. */
export function touchedGrants(
  before: AuthorityState,
  after: AuthorityState,
  now: number,
): readonly TouchedGrant[] {
  return [...before.statements.keys()].sort().flatMap((grant): TouchedGrant[] => {
    const [was, will] = [grantStanding(before, grant, now), grantStanding(after, grant, now)];
    if (was === null || will === null) return [];
    if (was.status === 'waiting') {
      const refusal = refusalOf(after, grant);
      const isNew = refusal !== null && refusalOf(before, grant) === null;
      return isNew ? [{ grant, before: was.status, after: was.status, reasons: [refusal] }] : [];
    }
    if (was.status !== 'active' && was.status !== 'cooling_off') return [];
    const holds = will.status === 'active' || will.status === 'cooling_off';
    return holds ? [] : [{ grant, before: was.status, after: will.status, reasons: will.reasons }];
  });
}

/** Why a waiting grant could take no effect; null where it could. */
function refusalOf(state: AuthorityState, grant: string): string | null {
  const statement = state.statements.get(grant)?.decoded.statement;
  return statement === undefined ? null : (admissible(state, statement, [])?.message ?? null);
}
