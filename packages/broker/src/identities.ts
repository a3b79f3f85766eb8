/**
 * The report of identities: humans first, then agents, newest first, a page at a time. It costs what the page
 * holds, however long the ledger is: counts are kept by day (`usage.ts`), everything else is in the fold.
 */
import type { IdentitiesView, IdentityReport } from '@countersign/contract';
import { fromInstant, inputError, isUuid, toInstant } from '@countersign/core';
import type { Deps } from './deps.ts';
import { agentReport, grantsNotOver, humanReport } from './identity-report.ts';
import { reportProduction } from './production-report.ts';
import { NOTHING_SIGNED, type Signing, signingsOf } from './signings.ts';
import { countUsage } from './usage.ts';

const DAY = 86_400_000;
/** Milliseconds that a report waits for entries that are not counted yet. */
const PATIENCE = 2_000;
/** Identities in one step of a report of all of them. */
const STEP = 100;

export interface IdentitiesQuery {
  /** Milliseconds: counts are of the UTC days from this one on. Null: of 30 days. */
  readonly since: number | null;
  /** Id of the one agent or human it is about; null: all of them. */
  readonly only: string | null;
}

/** @throws CountersignError `invalid_request` for an `after` that is nobody */
export async function reportIdentities(
  deps: Deps,
  query: IdentitiesQuery & { readonly after: string | null; readonly limit: number },
): Promise<IdentitiesView> {
  const { state } = deps.authority;
  const { after, limit, only } = query;
  const period = await periodOf(deps, query.since);
  const ids = restAfter(idsOf(deps, only), after);
  const page = ids.slice(0, limit);
  const agent = only !== null && state.agents.has(only) ? only : null;
  return {
    from: toInstant(period.from),
    until: toInstant(period.now),
    counted: period.counted,
    production: after === null ? await reportProduction(deps, period.from, agent) : null,
    items: await reportsOf(deps, page, period, await signingsFor(deps, page, period.from)),
    next: ids.length > limit ? (page.at(-1) ?? null) : null,
  };
}

/** Every identity, a few at a time: as fast as they are taken, and no faster. */
export async function* everyIdentity(
  deps: Deps,
  { since, only }: IdentitiesQuery,
): AsyncGenerator<IdentityReport> {
  const period = await periodOf(deps, since);
  const ids = idsOf(deps, only);
  const signings = await signingsFor(deps, ids, period.from);
  for (let at = 0; at < ids.length; at += STEP) {
    yield* await reportsOf(deps, ids.slice(at, at + STEP), period, signings);
  }
}

interface Period {
  readonly from: number;
  readonly now: number;
  readonly counted: IdentitiesView['counted'];
}

async function periodOf(deps: Deps, since: number | null): Promise<Period> {
  const now = Math.max(deps.clock.now(), fromInstant(deps.authority.state.time));
  const wanted = Math.min(since ?? now - 30 * DAY, now);
  const counted = await countUsage(deps, PATIENCE);
  return { from: Math.floor(wanted / DAY) * DAY, now, counted };
}

/** Humans, then agents, newest first each. */
function idsOf(deps: Deps, only: string | null): readonly string[] {
  if (only !== null) return [only];
  const { humans, agents } = deps.authority.state;
  return [humans, agents].flatMap((things) => [...things.keys()].sort().reverse());
}

/** Keyset: identities are only ever added, and where one stands does not change. */
function restAfter(ids: readonly string[], after: string | null): readonly string[] {
  if (after === null) return ids;
  const at = isUuid(after) ? ids.indexOf(after) : -1;
  if (at === -1) {
    throw inputError('invalid_request', '`after` is the `next` of an earlier page.');
  }
  return ids.slice(at + 1);
}

/** Asked only where a human is among them: it looks through all statements. */
async function signingsFor(
  deps: Deps,
  ids: readonly string[],
  from: number,
): Promise<ReadonlyMap<string, Signing>> {
  const { state } = deps.authority;
  return ids.some((id) => state.humans.has(id)) ? await signingsOf(state, from) : new Map();
}

async function reportsOf(
  deps: Deps,
  ids: readonly string[],
  { from, now }: Period,
  signings: ReadonlyMap<string, Signing>,
): Promise<IdentityReport[]> {
  const { state } = deps.authority;
  const waiting = grantsWaiting(deps, new Set(ids));
  const grants = ids.flatMap((id) => [
    ...grantsNotOver(state, id, now),
    ...(waiting.get(id) ?? []),
  ]);
  const limited = grants.filter((id) => state.grants.get(id)?.body.max_uses !== null);
  const [counts, used, leases] = await Promise.all([
    deps.usage.of([...ids, ...grants], from),
    deps.uses.used(limited),
    deps.leases.liveOf(ids),
  ]);
  const countsOf = Map.groupBy(counts, ({ subject }) => subject);
  const leasesOf = Map.groupBy(leases, ({ agent }) => agent);
  const ofGrants = counts.filter(({ kind }) => kind === 'grant');
  const usedAt = new Map(ofGrants.map(({ subject, lastAt }) => [subject, lastAt]));
  const reports = ids.map(async (id) => {
    const shared = { counts: countsOf.get(id) ?? [] };
    const human = state.humans.get(id);
    if (human !== undefined) {
      return humanReport(state, human, { ...shared, signing: signings.get(id) ?? NOTHING_SIGNED });
    }
    const agent = state.agents.get(id);
    if (agent === undefined) return null;
    return await agentReport(
      state,
      agent,
      {
        ...shared,
        ...{ used, usedAt },
        leases: leasesOf.get(id) ?? [],
        waiting: waiting.get(id) ?? [],
      },
      now,
    );
  });
  return (await Promise.all(reports)).filter((report) => report !== null);
}

/** Grants of these agents that wait for signatures. */
function grantsWaiting(
  deps: Deps,
  agents: ReadonlySet<string>,
): ReadonlyMap<string, readonly string[]> {
  const { state } = deps.authority;
  const waiting = new Map<string, string[]>();
  for (const id of state.unsettled.keys()) {
    const statement = state.statements.get(id)?.decoded.statement;
    if (statement?.kind !== 'grant.create' || !agents.has(statement.body.agent)) continue;
    const { agent } = statement.body;
    waiting.set(agent, [...(waiting.get(agent) ?? []), id]);
  }
  return waiting;
}
