/** An agent's question to humans, from a denial to an answer that reaches it. */
import { haltOf, nameKey, presentConnection } from '@countersign/authority';
import type { AccessRequestView, GrantedDetail, RequestedDetail } from '@countersign/contract';
import { CountersignError, inputError, uuidv7 } from '@countersign/core';
import { decideAndCommit } from './decide-and-commit.ts';
import { isUsable } from './deciding.ts';
import { denied, oauthErrorOf, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { inTurn } from './in-turn.ts';
import { entryIntent } from './intents.ts';
import type { AccessRequest } from './ports.ts';
import { requireRole } from './roles.ts';
import type { AgentCaller, Decided, HumanCaller, PageOf, PageQuery } from './use-cases.ts';
import { accessRequestView, found } from './views.ts';

/** Open requests one agent may have: humans are the scarce resource. */
const MOST_OPEN = 50;

interface AccessQuestion {
  readonly authorizationDetails: readonly RequestedDetail[];
  readonly reason: string | null;
  readonly dpopJkt: string | null;
}

/** @throws CountersignError `invalid_request`, `not_found`, `rate_limited` */
export async function fileAccessRequest(
  deps: Deps,
  caller: AgentCaller,
  input: AccessQuestion,
): Promise<Decided<AccessRequestView>> {
  const who = { agent: caller.agent, stage: 'ask' };
  return await inTurn(deps, who, () => file(deps, caller, input));
}

async function file(
  deps: Deps,
  caller: AgentCaller,
  input: AccessQuestion,
): Promise<Decided<AccessRequestView>> {
  return await decideAndCommit<Decided<AccessRequestView>>(deps, async ({ now }) => {
    const agent = deps.authority.state.agents.get(caller.agent);
    if (agent === undefined || agent.disabledAt !== null) {
      throw new CountersignError('agent_disabled', 'This agent is disabled, for good.');
    }
    const stopped = { agent: agent.id, environment: undefined, connection: undefined };
    if (haltOf(deps.authority.state, stopped) !== null) {
      return { refuse: () => frozen(deps, agent.id) };
    }
    const details = input.authorizationDetails.map((detail) => completeDetail(deps, detail));
    if ((await deps.accessRequests.countOpen(caller.agent)) >= MOST_OPEN) {
      throw new CountersignError(
        'rate_limited',
        `${MOST_OPEN} of your requests wait for humans already. Wait for an answer.`,
      );
    }
    const request: AccessRequest = {
      id: uuidv7(deps.clock, deps.random),
      agent: caller.agent,
      details,
      reason: input.reason,
      sender: input.dpopJkt,
      createdAt: now,
      rejection: null,
      statement: null,
    };
    const decision = uuidv7(deps.clock, deps.random);
    const body = {
      request: request.id,
      agent: caller.agent,
      authorization_details: details,
      reason: input.reason,
      sender: input.dpopJkt,
    };
    return {
      intent: {
        ...entryIntent(decision, 'access_request.filed', body),
        effects: [{ kind: 'access-request', request, mostOpen: MOST_OPEN }],
      },
      async settle({ outcome }) {
        // Others of the same agent were faster: decide again to say so.
        if (outcome === 'conflict') return null;
        if (outcome !== 'committed') throw UNAVAILABLE();
        deps.changes.notify();
        const value = accessRequestView(deps.authority.state, request, now);
        return { allowed: true, decision, value };
      },
    };
  });
}

async function frozen(deps: Deps, agent: string): Promise<Decided<never>> {
  return await denied(deps, {
    agent,
    stage: 'ask',
    code: 'frozen',
    detail: 'Humans have stopped this agent for now.',
    oauthError: oauthErrorOf('frozen'),
    once: [],
  });
}

/** Humans answer precise questions: operations and resources are named and known. */
function completeDetail(deps: Deps, detail: RequestedDetail): GrantedDetail {
  const { state } = deps.authority;
  if (detail.operations === undefined || detail.resources === undefined) {
    throw inputError('invalid_request', 'A request names its operations and its resources.');
  }
  const connection = presentConnection(
    state,
    state.names.get(nameKey('connection', detail.connection)) ?? '',
  );
  const provider = deps.providers.get(connection?.body.provider ?? '');
  if (connection === undefined || provider === undefined) {
    throw inputError('not_found', `There is no connection ${detail.connection}.`);
  }
  const environment = state.names.get(nameKey('environment', detail.environment));
  if (environment === undefined || connection.body.mapping[environment] === undefined) {
    throw inputError(
      'not_found',
      `${detail.environment} is not an environment of ${detail.connection}.`,
    );
  }
  const rules = deps.rules.get(provider.name);
  const production = state.environments.get(environment)?.rule.class === 'production';
  const resources = new Set<string>();
  for (const operation of detail.operations) {
    if (rules === undefined || !isUsable(rules, operation)) {
      throw inputError('invalid_request', `${operation} is not an operation that can be granted.`);
    }
    if (production && rules?.runnable(operation) === true) {
      throw inputError(
        'invalid_request',
        `${operation} in production takes the exact SQL: ask a human to propose a migration.`,
      );
    }
    for (const resource of detail.resources) {
      const canonical = provider.canonicalResource(operation, resource);
      if (canonical === null) {
        throw inputError('invalid_request', `${resource} is not a resource of ${operation}.`);
      }
      resources.add(canonical);
    }
  }
  return {
    type: 'countersign',
    connection: connection.name,
    environment: detail.environment,
    operations: [...new Set(detail.operations)].sort(),
    resources: [...resources].sort(),
  };
}

/** Answers at once, or when something changed, or when the wait is over. */
export async function accessRequest(
  deps: Deps,
  caller: AgentCaller | HumanCaller,
  id: string,
  waitSeconds: number,
  signal: AbortSignal,
): Promise<AccessRequestView> {
  const read = async (): Promise<AccessRequestView> => {
    const request = found(await deps.accessRequests.find(id), 'access request');
    // Another agent's request does not exist for this one.
    if (caller.kind === 'agent' && request.agent !== caller.agent) {
      throw inputError('not_found', 'There is no such access request.');
    }
    return accessRequestView(deps.authority.state, request, deps.clock.now());
  };
  const deadline = deps.clock.now() + waitSeconds * 1000;
  const first = await read();
  let view = first;
  while (view.status === first.status && (view.status === 'open' || view.status === 'waiting')) {
    const left = deadline - deps.clock.now();
    if (left <= 0 || signal.aborted) break;
    await deps.changes.next(left, signal);
    view = await read();
  }
  return view;
}

export async function listAccessRequests(
  deps: Deps,
  query: PageQuery & { readonly open: boolean },
): Promise<PageOf<AccessRequestView>> {
  const page = await deps.accessRequests.page({ ...query, limit: query.limit + 1 });
  const now = deps.clock.now();
  const items = page
    .slice(0, query.limit)
    .map((request) => accessRequestView(deps.authority.state, request, now));
  return { items, next: page.length > query.limit ? (items.at(-1)?.id ?? null) : null };
}

/** A human says no; the words reach the agent. */
export async function rejectAccessRequest(
  deps: Deps,
  caller: HumanCaller,
  id: string,
  reason: string,
): Promise<AccessRequestView> {
  return await decideAndCommit(deps, async ({ now }) => {
    requireRole(deps.authority.state, caller, ['admin', 'approver']);
    const request = found(await deps.accessRequests.find(id), 'access request');
    if (request.statement !== null || request.rejection !== null) {
      throw inputError(
        'conflict',
        request.statement === null
          ? 'This access request was rejected already.'
          : `A grant was drafted from it: reject that instead (countersign reject ${request.statement}).`,
      );
    }
    const body = { request: id, agent: request.agent, human: caller.human, reason };
    return {
      intent: {
        ...entryIntent(uuidv7(deps.clock, deps.random), 'access_request.rejected', body),
        effects: [{ kind: 'settle-access-request', id, rejection: reason, statement: null }],
      },
      async settle({ outcome }) {
        if (outcome === 'conflict') {
          throw inputError('conflict', 'This access request was answered already.');
        }
        if (outcome !== 'committed') throw UNAVAILABLE();
        deps.changes.notify();
        return accessRequestView(deps.authority.state, { ...request, rejection: reason }, now);
      },
    };
  });
}
