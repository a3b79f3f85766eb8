/** From parsed `authorization_details` to verdicts: gathers the facts, asks policy, never writes. */
import { type Connection, presentConnection } from '@countersign/authority';
import { type GrantedDetail, type RequestedDetail, RequestedDetails } from '@countersign/contract';
import { CountersignError, type DenialCode, parseJsonText } from '@countersign/core';
import {
  type Allowed,
  type Ask,
  type CoveredRight,
  type Denied,
  decide,
  type Facts,
  type Question,
  type ResourceRules,
} from '@countersign/policy';
import type { Provider } from '@countersign/provider-kit';
import type { Deps } from './deps.ts';

/** Operations × resources in one request, over all its objects. */
const MOST_RIGHTS = 2_048;

/** @throws CountersignError `unparseable_request` */
export function parseDetails(text: string | null): readonly RequestedDetail[] | null {
  if (text === null) return null;
  const parsed = RequestedDetails.safeParse(jsonOf(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = (issue?.path ?? []).map(String).join('.');
    throw new CountersignError(
      'unparseable_request',
      `authorization_details ${where === '' ? '' : `at ${where} `}is not as RFC 9396 type "countersign" has it: ${issue?.message ?? 'unreadable'}.`,
    );
  }
  // A request is a full product per object: what it can mean is bounded before anyone looks at it.
  const rights = parsed.data.reduce(
    (sum, { operations, resources }) =>
      sum + new Set(operations ?? ['']).size * new Set(resources ?? ['']).size,
    0,
  );
  if (rights > MOST_RIGHTS) {
    throw new CountersignError(
      'unparseable_request',
      `authorization_details name ${rights} rights at once; ${MOST_RIGHTS} is the most.`,
    );
  }
  return parsed.data;
}

/** Law 3: two parsers could take a member that is there twice for two requests. */
function jsonOf(text: string): unknown {
  try {
    return parseJsonText(text, 'authorization_details');
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    throw new CountersignError('unparseable_request', error.message);
  }
}

/** One connection and environment, with all that is asked of it. */
export interface Target {
  readonly connection: string;
  readonly environment: string;
  readonly asks: readonly Ask[];
  /** Only by this grant, where one is named. */
  readonly grant: string | null;
}

/** Groups details by connection and environment, in the order they first appear. */
export function targetsOf(details: readonly RequestedDetail[]): Target[] {
  const targets = new Map<string, Target & { readonly asks: Ask[] }>();
  for (const detail of details) {
    const grant = detail.grant ?? null;
    const key = `${detail.connection} ${detail.environment} ${grant ?? ''}`;
    const target = targets.get(key) ?? {
      connection: detail.connection,
      environment: detail.environment,
      asks: [] as Ask[],
      grant,
    };
    target.asks.push({
      operations: detail.operations === undefined ? null : [...new Set(detail.operations)],
      resources: detail.resources === undefined ? null : [...new Set(detail.resources)],
    });
    targets.set(key, target);
  }
  return [...targets.values()];
}

/** Every connection and environment where the agent holds a grant, asked for whatever is granted. */
export function everyTarget(deps: Deps, agent: string): Target[] {
  const { state } = deps.authority;
  const seen = new Map<string, Target>();
  for (const id of state.grantsOfAgent.get(agent) ?? []) {
    const grant = state.grants.get(id);
    const connection = presentConnection(state, grant?.body.connection ?? '');
    const environment = state.environments.get(grant?.body.environment ?? '');
    if (connection === undefined || environment === undefined) continue;
    seen.set(`${connection.id} ${environment.id}`, {
      connection: connection.name,
      environment: environment.name,
      asks: [{ operations: null, resources: null }],
      grant: null,
    });
  }
  return [...seen.values()];
}

/** The facts of a decision. Counters are read only for agents that hold a limited grant. */
export async function gatherFacts(deps: Deps, agent: string): Promise<Facts> {
  const { state } = deps.authority;
  const limited = (state.grantsOfAgent.get(agent) ?? []).filter((id) => {
    const grant = state.grants.get(id);
    return grant !== undefined && grant.body.max_uses !== null && grant.revokedAt === null;
  });
  return {
    authority: state,
    uses: limited.length === 0 ? new Map() : await deps.uses.used(limited),
    rules: deps.rules,
    guardrails: deps.guardrails,
    provenIds: (connection, rights) => provenIds(deps, connection, rights),
  };
}

/** The provider's own ids of what these rights touch; null when that could not be had. */
export function provenIds(
  deps: Pick<Deps, 'providers'>,
  connection: Connection,
  rights: readonly { readonly operation: string; readonly resource: string }[],
): readonly string[] | null {
  const provider = deps.providers.get(connection.body.provider);
  try {
    return provider?.environmentIds(connection.body.config, rights) ?? null;
  } catch {
    // Law 2: an answer the broker cannot get proves nothing.
    return null;
  }
}

/** Made once, at wiring: policy keeps what it derives from them. */
export function rulesOf(
  providers: ReadonlyMap<string, Provider>,
): ReadonlyMap<string, ResourceRules> {
  return new Map(
    [...providers].map(([name, provider]) => [
      name,
      {
        canonical: (operation, resource) => provider.canonicalResource(operation, resource),
        covers: (operation, granted, requested) => provider.covers(operation, granted, requested),
        whole: (resource) => provider.wholeOf(resource),
        exchangeable: (operation) =>
          provider.catalog.operations.find((known) => known.name === operation)?.exchangeable ===
          true,
        runnable: (operation) => provider.runner?.operations.includes(operation) === true,
        forwardable: (operation) =>
          provider.gateway !== undefined &&
          provider.catalog.operations.some((known) => known.name === operation),
      },
    ]),
  );
}

/** Whether an operation can be granted at all: minted, run or forwarded. */
export function isUsable(rules: ResourceRules, operation: string): boolean {
  return rules.exchangeable(operation) || rules.runnable(operation) || rules.forwardable(operation);
}

export interface TargetVerdict {
  readonly target: Target;
  readonly verdict: Allowed;
}

export type Judged =
  | { readonly allowed: true; readonly verdicts: readonly TargetVerdict[] }
  | { readonly allowed: false; readonly target: Target; readonly verdict: Denied };

/** Judges every target; the first that is denied is the answer for all: nothing is narrowed silently. */
export function judgeTargets(
  facts: Facts,
  targets: readonly Target[],
  who: {
    readonly agent: string;
    readonly sender: string | null;
    readonly grants: readonly string[] | null;
    readonly use: Question['use'];
  },
  now: number,
): Judged {
  const verdicts: TargetVerdict[] = [];
  for (const target of targets) {
    const { connection, environment, asks, grant } = target;
    const grants =
      grant === null ? who.grants : (who.grants ?? [grant]).filter((id) => id === grant);
    const verdict = decide(facts, { ...who, connection, environment, asks, grants }, now);
    if (!verdict.allowed) return { allowed: false, target, verdict };
    verdicts.push({ target, verdict });
  }
  return { allowed: true, verdicts };
}

/** Rights as `authorization_details`: one object per set of operations that share their resources. */
export function detailsOf(
  connection: string,
  environment: string,
  rights: readonly CoveredRight[] | readonly { operation: string; resource: string }[],
): GrantedDetail[] {
  const resourcesOf = new Map<string, Set<string>>();
  for (const { operation, resource } of rights) {
    const resources = resourcesOf.get(operation) ?? new Set();
    resourcesOf.set(operation, resources.add(resource));
  }
  const groups = new Map<string, { operations: string[]; resources: string[] }>();
  for (const [operation, distinct] of resourcesOf) {
    const resources = [...distinct].sort();
    const key = JSON.stringify(resources);
    const group = groups.get(key) ?? { operations: [], resources };
    group.operations.push(operation);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ operations, resources }) => ({
    type: 'countersign',
    connection,
    environment,
    operations: operations.sort(),
    resources,
  }));
}

/** Codes for which asking humans is the way on. */
const ASK_HUMANS: ReadonlySet<DenialCode> = new Set([
  'not_granted',
  'resource_not_granted',
  'needs_signature',
  'grant_suspended',
  'grant_expired',
  'grant_exhausted',
]);

/** What an access request for this denial would say: what the agent asked for, and nothing else. */
export function requestFor(target: Target, denied: Denied): readonly RequestedDetail[] | null {
  if (!ASK_HUMANS.has(denied.code)) return null;
  if (denied.asked.length > 0) {
    return detailsOf(target.connection, target.environment, denied.asked);
  }
  return target.asks.map((ask) => ({
    type: 'countersign',
    connection: target.connection,
    environment: target.environment,
    ...(ask.operations === null ? {} : { operations: [...ask.operations] }),
    ...(ask.resources === null ? {} : { resources: [...ask.resources] }),
  }));
}

/** One sentence for the human who reads the agent's log: the code and what was asked, no policy. */
export function denialSentence(code: DenialCode, target: Target): string {
  const what = [
    ...new Set(target.asks.flatMap((ask) => ask.operations ?? ['what was asked for'])),
  ].join(', ');
  const where = `${target.environment} on ${target.connection}`;
  switch (code) {
    case 'needs_signature':
      return `${what} in ${where} can destroy or reveal: it needs a grant that two humans have signed.`;
    case 'not_granted':
      return `${what} is not granted in ${where}.`;
    case 'resource_not_granted':
      return `${what} is not granted on that resource in ${where}.`;
    case 'grant_exhausted':
      return `The grant for ${what} in ${where} has no use left.`;
    case 'grant_expired':
      return `The grant for ${what} in ${where} has expired.`;
    case 'grant_suspended':
      return `The grant for ${what} in ${where} is suspended until humans sign it anew.`;
    case 'cooling_off':
      return `The grant for ${what} in ${where} has not begun: its cool-off is not over.`;
    case 'unknown_connection':
      return `There is no connection ${target.connection}.`;
    case 'unknown_operation':
      return `${what} cannot be used this way: it is unknown on ${target.connection}, or its requests are only forwarded, by /gateway/${target.connection}/.`;
    case 'environment_mismatch':
      return `${target.environment} is not an environment of ${target.connection}.`;
    case 'environment_unproven':
      return `That ${what} stays in ${target.environment} could not be proven.`;
    case 'unparseable_request':
      return `A resource that was asked for in ${where} could not be read.`;
    case 'sender_mismatch':
      return `${what} in ${where} is used with a DPoP proof by the key that its grant names.`;
    case 'guardrail':
      return `${what} in ${where} is forbidden, whatever was granted.`;
    case 'frozen':
      return 'Humans have stopped this for now.';
    case 'agent_disabled':
      return 'This agent is disabled, for good.';
    default:
      return `${what} in ${where} is refused.`;
  }
}
