/**
 * What a guardrail would have denied, before anyone signs it: the decisions of a period, judged again one
 * page at a time. Bounded in time and in memory, and it decides nothing.
 */
import type { GuardrailTestView } from '@countersign/contract';
import { fromInstant, toInstant } from '@countersign/core';
import { forbiddenAmong } from '@countersign/policy';
import { provenIds } from './deciding.ts';
import type { Deps } from './deps.ts';
import { requireForbids } from './guardrails.ts';
import type { JournalEntry } from './ports.ts';
import { type RecordedDecision, readDecision } from './recorded-decision.ts';

/** Entries read at once: between two pages others have their turn. */
const PAGE = 200;
/** What is older than these let it look at stays unlooked at, and the answer says so. */
const LIMITS = { decisions: 200_000, milliseconds: 10_000 };

interface Asked {
  readonly policy: string;
  /** Seconds. */
  readonly within: number;
  /** Ledger index. */
  readonly after: number | null;
  readonly limit: number;
}

/** @throws CountersignError `invalid_request` for a text that is no guardrail */
export async function testGuardrail(
  deps: Deps,
  asked: Asked,
  limits = LIMITS,
): Promise<GuardrailTestView> {
  requireForbids(deps, asked.policy);
  const until = Math.max(deps.clock.now(), fromInstant(deps.authority.state.time));
  const since = until - asked.within * 1000;
  const tested = [{ id: '', name: 'tested', policy: asked.policy }];
  const policies = new Map(deps.guardrails.policiesIn(asked.policy).map(({ name }) => [name, 0]));
  const uses = new Map<string, number>();
  const items: GuardrailTestView['items'] = [];
  let [decisions, denied, unjudged] = [0, 0, 0];
  let [from, complete] = [since, false];
  let [last, more] = [0, false];
  const started = performance.now();
  for await (const page of pagesBackTo(deps, since)) {
    if (page === 'end') complete = true;
    else {
      await learnUses(deps, uses, page);
      for (const decision of page) {
        from = decision.at;
        decisions += 1;
        const judged = judge(deps, decision, tested, uses);
        if (judged === 'unjudged') unjudged += 1;
        if (typeof judged === 'string') continue;
        denied += 1;
        const { policy } = judged;
        if (policy !== null) policies.set(policy, (policies.get(policy) ?? 0) + 1);
        if (asked.after !== null && decision.index >= asked.after) continue;
        if (items.length < asked.limit) {
          items.push(judged);
          last = decision.index;
        } else more = true;
      }
    }
    if (decisions >= limits.decisions || performance.now() - started > limits.milliseconds) break;
  }
  return {
    from: toInstant(complete ? since : from),
    until: toInstant(until),
    complete,
    decisions,
    denied,
    unjudged,
    policies: [...policies].map(([policy, count]) => ({ policy, denied: count })),
    items,
    next: more ? `${last}` : null,
  };
}

/** Where a right is judged; others (a session, an invitation) are not what a guardrail is about. */
const STAGES: readonly string[] = ['issue', 'exchange', 'run', 'forward'];

/** Allowed decisions, newest first, page by page, and `end` when the whole period was read. */
async function* pagesBackTo(
  deps: Deps,
  since: number,
): AsyncGenerator<readonly RecordedDecision[] | 'end'> {
  let after: number | null = null;
  for (;;) {
    const page: readonly JournalEntry[] = await deps.journal.page({
      after,
      limit: PAGE,
      descending: true,
      types: ['decision'],
      agent: null,
    });
    const within = page.filter(({ time }) => fromInstant(time) >= since);
    yield within.flatMap((entry) => {
      const decision = readDecision(deps, entry);
      return decision !== null && STAGES.includes(decision.stage) ? [decision] : [];
    });
    if (page.length < PAGE || within.length < page.length) {
      yield 'end';
      return;
    }
    after = page.at(-1)?.index ?? 0;
  }
}

/** Present counts of the limited grants that come up for the first time; from there it is counted back. */
async function learnUses(
  deps: Deps,
  uses: Map<string, number>,
  page: readonly RecordedDecision[],
): Promise<void> {
  const grants = page.flatMap(({ targets }) =>
    (targets ?? []).flatMap(({ rights }) => rights.map(({ grant }) => grant)),
  );
  const unknown = [...new Set(grants)].filter(
    (id) => !uses.has(id) && (deps.authority.state.grants.get(id)?.body.max_uses ?? null) !== null,
  );
  if (unknown.length === 0) return;
  const present = await deps.uses.used(unknown);
  for (const id of unknown) uses.set(id, present.get(id) ?? 0);
}

function judge(
  deps: Deps,
  decision: RecordedDecision,
  guardrails: Parameters<typeof forbiddenAmong>[3]['guardrails'],
  uses: Map<string, number>,
): GuardrailTestView['items'][number] | 'allowed' | 'unjudged' {
  // It was decided before its own use was counted.
  for (const id of decision.uses) uses.set(id, Math.max(0, (uses.get(id) ?? 0) - 1));
  if (decision.targets === null) return 'unjudged';
  for (const target of decision.targets) {
    const { agent, connection, environment, rules, rights } = target;
    const providerIds = target.providerIds ?? provenIds(deps, connection, rights);
    if (providerIds === null) return 'unjudged';
    const found = forbiddenAmong(
      { authority: deps.authority.state, uses, guardrails: deps.guardrails },
      { agent, connection, environment, rules, providerIds },
      rights,
      { guardrails, senderBound: decision.senderBound, now: decision.at },
    );
    if (found === null) continue;
    return {
      decision: decision.id,
      time: decision.time,
      stage: decision.stage,
      agent: agent.name,
      connection: connection.name,
      environment: environment.name,
      operation: found.right.operation,
      resource: found.right.resource,
      policy: found.by.policy,
      error: found.error,
    };
  }
  return 'allowed';
}
