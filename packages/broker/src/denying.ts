/** Refusals, recorded once and said the same way everywhere. */
import { CountersignError, type DenialCode } from '@countersign/core';
import type { Denied } from '@countersign/policy';
import { ProviderError } from '@countersign/provider-kit';
import { denialSentence, requestFor, type Target } from './deciding.ts';
import type { Deps } from './deps.ts';
import type { OnceId } from './ports.ts';
import type { Decided, Denial } from './use-cases.ts';

/** Law 4: an allowed action not started within this many milliseconds of its commit never starts. */
const START_WITHIN = 2_000;

export function UNAVAILABLE(): CountersignError {
  return new CountersignError(
    'broker_unavailable',
    'The broker cannot decide at the moment, so it does not. Try again shortly.',
  );
}

/** Milliseconds until which an action may start whose commit is about to be sent. */
export function startBy(): number {
  // By the monotonic clock, so that a wall clock set back in between buys no time.
  return performance.now() + START_WITHIN;
}

/** @throws CountersignError `broker_unavailable` when `deadline` (of `startBy`) is over */
export function requireStartBefore(deadline: number): void {
  if (performance.now() > deadline) throw UNAVAILABLE();
}

/** As `requireStartBefore`, for a provider to call, which passes on no other errors than its own. */
export function startAtProviderBefore(deadline: number): void {
  if (performance.now() <= deadline) return;
  throw new ProviderError('unavailable', 'It did not begin within two seconds of its commit.');
}

/** RFC 6749 section 5.2 and RFC 9396 section 5 names for our codes at the token endpoint. */
export function oauthErrorOf(code: DenialCode): Denial['oauthError'] {
  switch (code) {
    case 'unauthenticated':
    case 'agent_disabled':
    case 'replayed':
      return 'invalid_client';
    case 'invalid_token':
    case 'token_expired':
    case 'token_revoked':
      return 'invalid_request';
    case 'sender_mismatch':
      return 'invalid_dpop_proof';
    case 'unknown_connection':
    case 'ambiguous_request':
      return 'invalid_target';
    case 'provider_unavailable':
    case 'broker_unavailable':
    case 'environment_unproven':
    case 'rate_limited':
      return 'temporarily_unavailable';
    case 'frozen':
    case 'provider_refused':
    case 'guardrail':
      return 'access_denied';
    case 'unknown_operation':
    case 'unparseable_request':
    case 'not_granted':
    case 'resource_not_granted':
    case 'needs_signature':
    case 'cooling_off':
    case 'grant_suspended':
    case 'grant_expired':
    case 'grant_exhausted':
    case 'environment_mismatch':
      return 'invalid_authorization_details';
  }
}

export interface Refusal {
  readonly agent: string;
  readonly stage: string;
  readonly code: DenialCode;
  readonly detail: string;
  /** What the ledger keeps where that is more than the agent hears. */
  readonly reason?: string;
  readonly oauthError: Denial['oauthError'];
  readonly mayBeDone?: boolean;
  /** What sets it apart from other denials of the same code; identical ones are summed up. */
  readonly asked?: unknown;
  readonly once: readonly OnceId[];
}

/** Records a refusal that policy did not make (a replay, an unreadable request, a provider's no). */
export async function denied(deps: Deps, refusal: Refusal): Promise<Decided<never>> {
  const decision = await deps.denials.record({
    agent: refusal.agent,
    code: refusal.code,
    stage: refusal.stage,
    asked: refusal.asked ?? null,
    reason: refusal.reason ?? refusal.detail,
    once: refusal.once,
  });
  if (decision === null) return await replayed(deps, refusal);
  return {
    allowed: false,
    denial: {
      code: refusal.code,
      detail: refusal.detail,
      decision,
      request: null,
      oauthError: refusal.oauthError,
      mayBeDone: refusal.mayBeDone ?? false,
    },
  };
}

/** Records policy's refusal. The ledger keeps the reason; the agent gets the code and its own words. */
export async function deniedBy(
  deps: Deps,
  refusal: {
    readonly agent: string;
    readonly stage: string;
    readonly target: Target;
    readonly verdict: Denied;
    readonly once: readonly OnceId[];
  },
): Promise<Decided<never>> {
  const { target, verdict } = refusal;
  const request = requestFor(target, verdict);
  const decision = await deps.denials.record({
    agent: refusal.agent,
    code: verdict.code,
    stage: refusal.stage,
    asked: {
      connection: target.connection,
      environment: target.environment,
      asks: target.asks,
    },
    reason: verdict.steps.at(-1)?.text ?? '',
    ...(verdict.guardrail === null ? {} : { guardrail: verdict.guardrail }),
    once: refusal.once,
  });
  if (decision === null) return await replayed(deps, refusal);
  return {
    allowed: false,
    denial: {
      code: verdict.code,
      detail: denialSentence(verdict.code, target),
      decision,
      request,
      oauthError: oauthErrorOf(verdict.code),
    },
  };
}

/** A proof or assertion that came a second time, whatever else was wrong with the request. */
export async function replayed(
  deps: Deps,
  request: { readonly agent: string; readonly stage: string },
): Promise<Decided<never>> {
  return await denied(deps, {
    agent: request.agent,
    stage: request.stage,
    code: 'replayed',
    detail: 'This assertion or proof was used before. Make a new one for each request.',
    oauthError: oauthErrorOf('replayed'),
    once: [],
  });
}
