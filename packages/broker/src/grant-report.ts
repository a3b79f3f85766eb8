/** A grant as a report shows it: where it stands, what it allows at worst now, on whose signatures, used when. */
import {
  type AuthorityState,
  effectOfRight,
  frozenTargetName,
  haltOf,
  type StatementRecord,
} from '@countersign/authority';
import type { GrantReport, StatementOf } from '@countersign/contract';
import { type Effect, isNarrowed, toInstant, worse } from '@countersign/core';
import { grantView } from './views.ts';

type GrantBody = StatementOf<'grant.create'>['body'];

/** What a report knows of grants besides the fold. */
export interface GrantUsage {
  /** Uses counted, of limited grants. */
  readonly used: ReadonlyMap<string, number>;
  /** Milliseconds of the latest lease or run, of those that ever had one. */
  readonly usedAt: ReadonlyMap<string, number>;
}

/** Null for a record that is no grant, and for a grant that is over. */
export function grantReport(
  state: AuthorityState,
  record: StatementRecord,
  { used, usedAt }: GrantUsage,
  now: number,
): GrantReport | null {
  const { statement } = record.decoded;
  if (statement.kind !== 'grant.create') return null;
  const view = grantView(state, record, used.get(statement.id) ?? 0, now);
  if (view === null) return null;
  const { status } = view;
  if (status === 'rejected' || status === 'lapsed' || status === 'revoked') return null;
  if (status === 'expired') return null;
  const held = status === 'active' ? whyHeld(state, statement.body) : null;
  const latest = usedAt.get(statement.id);
  return {
    id: view.id,
    status: held === null ? status : 'held',
    reasons: held === null ? view.reasons : [held],
    agent: view.agent,
    connection: view.connection,
    environment: view.environment,
    class: state.environments.get(statement.body.environment)?.rule.class ?? 'production',
    delete_capable: view.delete_capable,
    allows: allowsOf(state, statement.body),
    from: view.from,
    until: view.until,
    uses_left: view.uses_left,
    signatures: view.signatures,
    used_at: latest === undefined ? null : toInstant(latest),
  };
}

/** Why nothing can be had under a grant that stands: a freeze, or a disabled agent. */
function whyHeld(state: AuthorityState, body: GrantBody): string | null {
  const freeze = haltOf(state, body);
  if (freeze !== null) return `frozen: ${frozenTargetName(state, freeze.target)}`;
  const isDisabled = (state.agents.get(body.agent)?.disabledAt ?? null) !== null;
  return isDisabled ? 'its agent is disabled' : null;
}

function allowsOf(state: AuthorityState, body: GrantBody): GrantReport['allows'] {
  return body.permissions.flatMap(({ operations, resources }) => {
    const byEffect = new Map<Effect, string[]>();
    for (const operation of operations) {
      const effect = resources
        .filter((each, i) => resources.findIndex((o) => isNarrowed(o) === isNarrowed(each)) === i)
        // What no catalog knows counts as the worst there is.
        .map((each) => effectOfRight(state, body.environment, operation, each) ?? 'escalate')
        .reduce(worse);
      byEffect.set(effect, [...(byEffect.get(effect) ?? []), operation.name]);
    }
    return [...byEffect].map(([effect, names]) => ({
      effect,
      operations: names,
      resources: [...resources],
    }));
  });
}
