/** The last step of a decision: nothing that the humans' guardrails forbid, whatever was granted. */
import {
  type Agent,
  type Connection,
  type Environment,
  standingGuardrails,
} from '@countersign/authority';
import type { CoveredRight, Facts, ForbiddenBy, Question, ResourceRules } from './facts.ts';
import type { Forbidden, GuardrailTexts } from './guardrail-engine.ts';
import type { GuardedRight } from './guardrail-request.ts';

interface Proven {
  readonly agent: Agent;
  readonly connection: Connection;
  readonly environment: Environment;
  readonly providerIds: readonly string[];
  readonly rules: ResourceRules;
}

export type Guarded =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly text: string; readonly by: ForbiddenBy };

/** @param now milliseconds since the epoch */
export function guard(
  facts: Facts,
  proven: Proven,
  covered: readonly CoveredRight[],
  question: Question,
  now: number,
): Guarded {
  if (facts.authority.guardrails.size === 0) return NONE;
  const standing = standingGuardrails(facts.authority);
  if (standing.length === 0) return NONE;
  const senderBound = question.sender !== null;
  const found = forbiddenAmong(facts, proven, covered, { guardrails: standing, senderBound, now });
  if (found !== null) return { ok: false, text: found.text, by: found.by };
  const { length } = standing;
  return {
    ok: true,
    text:
      length === 1
        ? 'The guardrail forbids none of it.'
        : `None of ${length} guardrails forbids it.`,
  };
}

const NONE: Guarded = { ok: true, text: 'There are no guardrails.' };

interface Found {
  readonly right: CoveredRight;
  readonly by: ForbiddenBy;
  /** Why it could not be evaluated; null: it forbids. */
  readonly error: string | null;
  readonly text: string;
}

/** The first of the rights that these guardrails forbid, in words; null: none is. */
export function forbiddenAmong(
  facts: Pick<Facts, 'authority' | 'uses' | 'guardrails'>,
  proven: Proven,
  covered: readonly CoveredRight[],
  by: {
    readonly guardrails: GuardrailTexts;
    readonly senderBound: boolean;
    /** Milliseconds since the epoch. */
    readonly now: number;
  },
): Found | null {
  const [first] = by.guardrails;
  const [right] = covered;
  if (first === undefined || right === undefined) return null;
  const rights: GuardedRight[] = [];
  for (const each of covered) {
    const grant = facts.authority.grants.get(each.grant);
    // Nothing is judged on half of its facts.
    if (grant === undefined) return forbidden(each, unevaluated(first, 'its grant is unknown'));
    rights.push(guardedRight(facts, proven, { right: each, grant, rights: covered.length }, by));
  }
  if (facts.guardrails === null) return forbidden(right, unevaluated(first, 'there is no engine'));
  const found = facts.guardrails.judge(by.guardrails, rights);
  return found === null ? null : forbidden(covered[found.at] ?? right, found.by);
}

function guardedRight(
  facts: Pick<Facts, 'uses'>,
  { agent, connection, environment, providerIds, rules }: Proven,
  { right, grant, rights }: Pick<GuardedRight, 'right' | 'grant' | 'rights'>,
  { senderBound, now }: { readonly senderBound: boolean; readonly now: number },
): GuardedRight {
  return {
    agent,
    connection: { name: connection.name, provider: connection.body.provider },
    environment: { name: environment.name, class: environment.rule.class },
    right,
    whole: rules.whole(right.resource),
    providerIds,
    grant,
    uses: facts.uses.get(grant.id) ?? 0,
    senderBound,
    rights,
    at: now,
  };
}

function unevaluated(guardrail: Forbidden['guardrail'], error: string): Forbidden {
  return { guardrail, policy: null, error };
}

function forbidden(right: CoveredRight, { guardrail, policy, error }: Forbidden): Found {
  const which =
    policy === null
      ? `Guardrail ${guardrail.name}`
      : `Guardrail ${guardrail.name}, policy ${policy},`;
  const what = `${right.operation} on ${right.resource}`;
  return {
    right,
    error,
    by: { id: guardrail.id, name: guardrail.name, policy },
    text:
      error === null
        ? `${which} forbids ${what}.`
        : `${which} could not be evaluated for ${what}, which denies it: ${error}.`,
  };
}
