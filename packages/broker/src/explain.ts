/** The decision for one operation, step by step, and what an agent may do now. Decides nothing. */
import { haltOf, nameKey, registeredKeys } from '@countersign/authority';
import type { ExplainView, GrantView, MeView } from '@countersign/contract';
import { providerOf, toInstant } from '@countersign/core';
import { candidatesFor, decide } from '@countersign/policy';
import { detailsOf, everyTarget, gatherFacts, isUsable } from './deciding.ts';
import type { Deps } from './deps.ts';
import { idOf } from './named.ts';
import type { AgentCaller } from './use-cases.ts';
import { grantView, unsettledRecords } from './views.ts';

export async function explain(
  deps: Deps,
  request: {
    readonly agent: string;
    readonly connection: string;
    readonly environment: string;
    readonly operation: string;
    readonly resource: string | null;
  },
): Promise<ExplainView> {
  const { state } = deps.authority;
  const agent = idOf(state, 'agent', request.agent);
  const connection = idOf(state, 'connection', request.connection);
  const environment = idOf(state, 'environment', request.environment);
  const facts = await gatherFacts(deps, agent);
  const now = deps.clock.now();
  const question = {
    agent,
    // The question is what its grants allow; the key is taken as shown.
    sender: null,
    connection: state.connections.get(connection)?.name ?? request.connection,
    environment: state.environments.get(environment)?.name ?? request.environment,
    asks: [
      {
        operations: [request.operation],
        resources: request.resource === null ? null : [request.resource],
      },
    ],
    grants: null,
    use: 'either' as const,
  };
  const senders = candidatesFor(facts, { agent, connection, environment, grants: null }, now)
    .map(({ grant }) => grant.body.sender)
    .filter((sender) => sender !== null);
  const attempts = [null, ...senders, ...registeredKeys(state.agents.get(agent))].map((sender) =>
    decide(facts, { ...question, sender }, now),
  );
  // Of several refusals the one that came furthest: with the right key it is the one that remains.
  const [first, ...others] = attempts;
  const furthest = others.reduce(
    (best, each) => (each.steps.length > (best?.steps.length ?? 0) ? each : best),
    first,
  );
  const verdict = attempts.find((attempt) => attempt.allowed) ?? furthest;
  const candidates = candidatesFor(facts, { agent, connection, environment, grants: null }, now);
  const allowing = new Set(verdict?.allowed === true ? verdict.rights.map((r) => r.grant) : []);
  const waiting = unsettledRecords(state).flatMap(({ decoded, status }) =>
    status === 'pending' &&
    decoded.statement.kind === 'grant.create' &&
    decoded.statement.body.agent === agent &&
    decoded.statement.body.connection === connection &&
    decoded.statement.body.environment === environment
      ? [decoded.statement.id]
      : [],
  );
  return {
    allowed: verdict?.allowed ?? false,
    code: verdict === undefined || verdict.allowed ? null : verdict.code,
    effect: verdict?.allowed === true ? (verdict.rights[0]?.effect ?? null) : null,
    steps: [...(verdict?.steps ?? [])],
    grants: [...candidates.map(({ grant }) => grant.id), ...waiting].flatMap((id) => {
      const record = state.statements.get(id);
      const view = record && grantView(state, record, facts.uses.get(id) ?? 0, now);
      return view ? [explained(view, allowing.has(id))] : [];
    }),
  };
}

function explained(grant: GrantView, allows: boolean): ExplainView['grants'][number] {
  const { id, status, reasons, delete_capable, from, until, uses_left } = grant;
  const { sender, pins, signatures, depends_on } = grant;
  return {
    ...{ id, status, reasons, delete_capable, from, until, uses_left },
    ...{ sender, pins, signatures, depends_on, allows },
  };
}

/** Whether a script stands for the operation, which the broker itself would run. */
function isRunnable(deps: Deps, operation: string): boolean {
  return deps.rules.get(providerOf(operation))?.runnable(operation) === true;
}

function runsUnder(
  deps: Deps,
  rights: readonly { readonly operation: string; readonly resource: string }[],
  sql: string | null,
): MeView['grants'][number]['runs'] {
  const run = rights.filter(({ operation }) => isRunnable(deps, operation));
  if (run.length === 0) return null;
  return {
    operations: [...new Set(run.map(({ operation }) => operation))],
    resources: [...new Set(run.map(({ resource }) => resource))],
    sql,
  };
}

/** What this agent may do now, by grant, and what it could ask for where it has any connection. */
export async function me(deps: Deps, caller: AgentCaller, like: string | null): Promise<MeView> {
  const { state } = deps.authority;
  const now = deps.clock.now();
  const facts = await gatherFacts(deps, caller.agent);
  const grants: MeView['grants'] = [];
  const details: MeView['authorization_details'] = [];
  const providers = new Set<string>();
  for (const target of everyTarget(deps, caller.agent)) {
    const connection = state.names.get(nameKey('connection', target.connection)) ?? '';
    const environment = state.names.get(nameKey('environment', target.environment)) ?? '';
    providers.add(state.connections.get(connection)?.body.provider ?? '');
    const scope = { agent: caller.agent, connection, environment, grants: null };
    if (haltOf(state, scope) !== null) continue;
    for (const { grant, status } of candidatesFor(facts, scope, now)) {
      if (status !== 'active') continue;
      const rights = grant.body.permissions.flatMap((permission) =>
        permission.operations.flatMap((operation) =>
          permission.resources.map((resource) => ({ operation: operation.name, resource })),
        ),
      );
      details.push(...detailsOf(target.connection, target.environment, rights));
      grants.push({
        id: grant.id,
        connection: target.connection,
        environment: target.environment,
        operations: [...new Set(rights.map((right) => right.operation))],
        resources: [...new Set(rights.map((right) => right.resource))],
        until: toInstant(grant.until),
        uses_left:
          grant.body.max_uses === null
            ? null
            : grant.body.max_uses - (facts.uses.get(grant.id) ?? 0),
        runs: runsUnder(deps, rights, grant.body.sql),
      });
    }
  }
  const requestable = operationsLike(deps, providers, like);
  return {
    agent: state.agents.get(caller.agent)?.name ?? '',
    authorization_details: details,
    grants,
    may_request: requestable.slice(0, MOST_OPERATIONS),
    may_request_omitted: Math.max(0, requestable.length - MOST_OPERATIONS),
  };
}

/** Operations of one answer. An API may have thousands, and an agent reads what it gets. */
const MOST_OPERATIONS = 500;

/** Of these providers, or of all where there are none: from the catalogs alone, whatever was granted to anybody. */
function operationsLike(
  deps: Deps,
  providers: ReadonlySet<string>,
  like: string | null,
): MeView['may_request'] {
  const words = (like ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return [...deps.providers.values()]
    .filter(({ name }) => providers.size === 0 || providers.has(name))
    .flatMap(({ name: provider, catalog }) => {
      const rules = deps.rules.get(provider);
      return catalog.operations.filter(
        ({ name, summary, request = '' }) =>
          rules !== undefined &&
          isUsable(rules, name) &&
          words.every((word) => `${name} ${summary} ${request}`.toLowerCase().includes(word)),
      );
    })
    .map(({ name, summary, request = null }) => ({ operation: name, summary, request }));
}
