/**
 * The decision, in domain order; the first failure is the reason. Pure: facts, question and time in,
 * verdict with evidence out. It is what the ledger stores and `explain` prints.
 */
import {
  type Agent,
  type Connection,
  type Environment,
  frozenTargetName,
  haltOf,
  nameKey,
  presentConnection,
  recordedEffect,
} from '@countersign/authority';
import { type DenialCode, isDeleteCapable, providerOf } from '@countersign/core';
import { type Candidate, candidatesFor, cover } from './coverage.ts';
import { rightsAsked } from './expand.ts';
import {
  ANY_RESOURCE,
  type CoveredRight,
  type Denied,
  type Facts,
  type Obligations,
  type Question,
  type ResourceRules,
  type Right,
  type Step,
  type Verdict,
} from './facts.ts';
import { guard } from './guardrails.ts';

/** Rights in one decision: what one credential, and one ledger entry, can reasonably hold. */
const MOST_RIGHTS = 2_048;

/** @param now milliseconds since the epoch. */
export function decide(facts: Facts, question: Question, now: number): Verdict {
  const coverage = coverageOf(facts, question, now);
  if ('code' in coverage) return coverage;
  const { steps, agent, connection, environment, rules, candidates, covered } = coverage;
  const deny = (step: Step['step'], code: DenialCode, text: string): Denied => {
    steps.push({ step, ok: false, text });
    return { allowed: false, code, steps, asked: coverage.asked, guardrail: null };
  };
  const pass = (step: Step['step'], text: string): void => {
    steps.push({ step, ok: true, text });
  };

  // Law 2: the environment is proven by the provider's own ids, never by what the agent says.
  const mapped = connection.body.mapping[environment.id] ?? [];
  // A token for what is forwarded reaches nothing by itself: each request proves its own.
  const isProvenLater =
    question.use === 'either' &&
    covered.every(({ operation }) => isOnlyForwarded(rules, operation));
  if (mapped.length === 0 && (isProvenLater || question.use === 'gateway')) {
    return deny(
      'environment',
      'environment_mismatch',
      `${connection.name} maps nothing into ${environment.name}.`,
    );
  }
  const ids = isProvenLater ? mapped : facts.provenIds(connection, covered);
  // What a request shows and changes may be of no environment: a project's name, its members.
  if (ids === null || (ids.length === 0 && question.use !== 'gateway')) {
    return deny('environment', 'environment_unproven', 'The environment could not be proven.');
  }
  const foreign = ids.find((id) => !mapped.includes(id));
  if (foreign !== undefined) {
    return deny(
      'environment',
      'environment_mismatch',
      `${foreign} is not mapped into ${environment.name} by ${connection.name}.`,
    );
  }
  pass('environment', provenText(ids, environment.name, isProvenLater));

  const proven = { agent, connection, environment, providerIds: ids, rules };
  const guarded = guard(facts, proven, covered, question, now);
  if (!guarded.ok) {
    return { ...deny('guardrail', 'guardrail', guarded.text), guardrail: guarded.by };
  }
  pass('guardrail', guarded.text);
  pass('verdict', 'Allowed.');
  return {
    allowed: true,
    steps,
    connection,
    environment: environment.id,
    rights: covered,
    obligations: obligationsOf(candidates, covered),
  };
}

/**
 * Everything before the environment: the rights with the grants that cover them, or why there are none. What
 * is refused here has cost no question to a provider; what is not is not allowed yet.
 */
export function coveredRights(
  facts: Facts,
  question: Question,
  now: number,
): Denied | readonly CoveredRight[] {
  const coverage = coverageOf(facts, question, now);
  return 'code' in coverage ? coverage : coverage.covered;
}

/** What holds once grants cover every right, with the steps that led there. */
interface Covered {
  readonly steps: Step[];
  readonly asked: readonly Right[];
  readonly agent: Agent;
  readonly connection: Connection;
  readonly environment: Environment;
  readonly rules: ResourceRules;
  readonly candidates: readonly Candidate[];
  readonly covered: readonly CoveredRight[];
}

function coverageOf(facts: Facts, question: Question, now: number): Covered | Denied {
  const { authority } = facts;
  const steps: Step[] = [];
  let asked: readonly Right[] = literalRights(question);
  const pass = (step: Step['step'], text: string): void => {
    steps.push({ step, ok: true, text });
  };
  const deny = (step: Step['step'], code: DenialCode, text: string): Denied => {
    steps.push({ step, ok: false, text });
    return { allowed: false, code, steps, asked, guardrail: null };
  };

  const agent = authority.agents.get(question.agent);
  if (agent === undefined) return deny('agent', 'unauthenticated', 'The agent is not registered.');
  if (agent.disabledAt !== null) {
    return deny('agent', 'agent_disabled', `Agent ${agent.name} is disabled.`);
  }
  pass('agent', `Agent ${agent.name} is registered and enabled.`);

  const connectionId = authority.names.get(nameKey('connection', question.connection));
  const environmentId = authority.names.get(nameKey('environment', question.environment));
  const halt = haltOf(authority, {
    environment: environmentId,
    connection: connectionId,
    agent: agent.id,
  });
  if (halt !== null) {
    const what = frozenTargetName(authority, halt.target);
    return deny('freeze', 'frozen', `Frozen: ${what}, since ${halt.at} (freeze ${halt.id}).`);
  }
  pass('freeze', 'Nothing of it is frozen.');

  const connection = presentConnection(authority, connectionId ?? '');
  if (connection === undefined) {
    return deny(
      'connection',
      'unknown_connection',
      `There is no connection ${question.connection}.`,
    );
  }
  const rules = facts.rules.get(connection.body.provider);
  if (rules === undefined) {
    return deny('connection', 'unknown_connection', 'Its provider is not built in here.');
  }
  const environment = authority.environments.get(environmentId ?? '');
  if (environment === undefined) {
    return deny(
      'connection',
      'environment_mismatch',
      `There is no environment ${question.environment}.`,
    );
  }
  pass('connection', `Connection ${connection.name}, environment ${environment.name}.`);

  const unknown = unknownOperation(facts, rules, connection.body.provider, question);
  if (unknown !== null) return deny('operation', 'unknown_operation', unknown);
  const scope = {
    agent: agent.id,
    connection: connection.id,
    environment: environment.id,
    grants: question.grants,
  };
  const candidates = candidatesFor(facts, scope, now);
  const rights = rightsAsked(facts, rules, candidates, question);
  if ('code' in rights) return deny('operation', rights.code, rights.text);
  asked = rights;
  pass('operation', 'Every operation is in the recorded catalog.');

  const covered: CoveredRight[] = [];
  const wanted = [...rights, ...namedWithoutGrant(question, rights)];
  if (wanted.length === 0) return deny('grant', 'not_granted', 'Nothing is granted there.');
  if (wanted.length > MOST_RIGHTS) {
    return deny(
      'operation',
      'ambiguous_request',
      `That is ${wanted.length} rights at once, and ${MOST_RIGHTS} is the most; name fewer.`,
    );
  }
  for (const right of wanted) {
    const coverage = cover(
      facts,
      rules,
      candidates,
      right,
      environment.rule.class,
      question.sender,
    );
    if (!coverage.covered) return deny('grant', coverage.code, coverage.text);
    covered.push(coverage.right);
  }
  const grants = [...new Set(covered.map((right) => right.grant))];
  pass('grant', `Covered by ${grants.length === 1 ? 'grant' : 'grants'} ${grants.join(', ')}.`);

  const sender = senderProblem(facts, covered, question, {
    demanded: agent.requireDpop || environment.rule.require_dpop,
  });
  if (sender !== null) return deny('sender', 'sender_mismatch', sender);
  pass(
    'sender',
    question.sender === null ? 'No key binding is demanded.' : 'The caller has shown its key.',
  );

  return { steps, asked, agent, connection, environment, rules, candidates, covered };
}

function isOnlyForwarded(rules: ResourceRules, operation: string): boolean {
  return (
    rules.forwardable(operation) && !rules.exchangeable(operation) && !rules.runnable(operation)
  );
}

function provenText(ids: readonly string[], environment: string, isProvenLater: boolean): string {
  if (isProvenLater) return `Each request proves that it stays in ${environment}.`;
  return ids.length === 0 ? 'It touches no environment.' : `${ids.join(', ')} is ${environment}.`;
}

/** The rights as the words say them, for an access request, before anything is known about them. */
function literalRights(question: Question): Right[] {
  return question.asks.flatMap((ask) =>
    (ask.operations ?? []).flatMap((operation) =>
      (ask.resources ?? []).map((resource) => ({ operation, resource })),
    ),
  );
}

function operationsNamed(question: Question): string[] {
  return question.asks.flatMap((ask) => ask.operations ?? []);
}

function unknownOperation(
  facts: Facts,
  rules: ResourceRules,
  provider: string,
  question: Question,
): string | null {
  for (const operation of operationsNamed(question)) {
    const known =
      providerOf(operation) === provider &&
      recordedEffect(facts.authority, { operation, resource: '', environmentClass: null }) !== null;
    if (!known) return `${operation} is in no catalog of ${provider}.`;
    if (!isFor(rules, operation, question.use)) return NOT_FOR[question.use](operation);
  }
  return null;
}

/** Whether the operation can be used so at all. */
function isFor(rules: ResourceRules, operation: string, use: Question['use']): boolean {
  const isAny = use === 'either';
  return (
    ((isAny || use === 'credential') && rules.exchangeable(operation)) ||
    ((isAny || use === 'script') && rules.runnable(operation)) ||
    ((isAny || use === 'gateway') && rules.forwardable(operation))
  );
}

const NEVER_MINTED = (operation: string): string =>
  `${operation} is known, and no credential is ever minted for it.`;
const NOT_FOR: Readonly<Record<Question['use'], (operation: string) => string>> = {
  either: NEVER_MINTED,
  credential: NEVER_MINTED,
  script: (operation) => `${operation} is known, and no script stands for it.`,
  gateway: (operation) => `${operation} is known, and no request for it is ever forwarded.`,
};

/** Operations asked for by name that no active grant stands for: judged as a whole. */
function namedWithoutGrant(question: Question, rights: readonly Right[]): Right[] {
  const found = new Set(rights.map((right) => right.operation));
  return operationsNamed(question)
    .filter((operation) => !found.has(operation))
    .map((operation) => ({ operation, resource: ANY_RESOURCE }));
}

/** Why the key the caller has shown is not the one its grants name; null when it is. */
function senderProblem(
  facts: Facts,
  covered: readonly CoveredRight[],
  question: Question,
  rule: { readonly demanded: boolean },
): string | null {
  if (rule.demanded && question.sender === null) return 'A DPoP proof is demanded here.';
  for (const right of covered) {
    const sender = facts.authority.grants.get(right.grant)?.body.sender ?? null;
    // Law 1: tokens of a delete-capable grant are bound to the key it names, whatever of it they use.
    if (sender === null && !isDeleteCapable(right.effect)) continue;
    if (sender === null || question.sender !== sender) {
      return 'A delete-capable grant is used with a DPoP proof by the key it names.';
    }
  }
  return null;
}

function obligationsOf(
  candidates: readonly Candidate[],
  covered: readonly CoveredRight[],
): Obligations {
  const used = new Set(covered.map((right) => right.grant));
  const grants = candidates
    .map((candidate) => candidate.grant)
    .filter((grant) => used.has(grant.id));
  return {
    deleteCapable: covered.some((right) => isDeleteCapable(right.effect)),
    ttl: Math.min(...grants.map((grant) => grant.body.ttl)),
    until: Math.min(...grants.map((grant) => grant.until)),
    uses: grants.flatMap((grant) =>
      grant.body.max_uses === null ? [] : [{ grant: grant.id, max: grant.body.max_uses }],
    ),
  };
}
