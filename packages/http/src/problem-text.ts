/**
 * The fixed words of refusals, by code: a title for a human and, on denials, what the agent shall do
 * now (Law 5: halt and ask). Nothing of the request or of policy is in them.
 */
import { type Code, DENIAL_CODES, type DenialCode } from '@countersign/core';

const TITLES: Readonly<Record<Code, string>> = {
  unauthenticated: 'Not authenticated',
  invalid_token: 'The token is not valid',
  token_expired: 'The token has expired',
  token_revoked: 'The token was revoked',
  sender_mismatch: 'The token is bound to another sender',
  replayed: 'Already used once',
  agent_disabled: 'The agent is disabled',
  frozen: 'Frozen by a human',
  unknown_connection: 'Unknown connection',
  unknown_operation: 'Unknown operation',
  unparseable_request: 'The request cannot be understood',
  ambiguous_request: 'The request can be understood in two ways',
  not_granted: 'Not granted',
  resource_not_granted: 'Not granted for this resource',
  needs_signature: 'Needs the signatures of humans',
  cooling_off: 'The grant is not in force yet',
  grant_suspended: 'The grant is suspended',
  grant_expired: 'The grant has expired',
  grant_exhausted: 'The grant is used up',
  environment_mismatch: 'Belongs to another environment',
  environment_unproven: 'The environment could not be proven',
  guardrail: 'Forbidden by a guardrail',
  rate_limited: 'Too many requests',
  provider_refused: 'The provider refused',
  provider_unavailable: 'The provider is unavailable',
  broker_unavailable: 'The broker is unavailable',
  invalid_request: 'The request is not valid',
  not_found: 'Not found',
  conflict: 'Conflicts with the present state',
  forbidden: 'Not allowed',
  too_large: 'The request is too large',
  unsupported_media_type: 'Unsupported media type',
  method_not_allowed: 'Method not allowed',
};

const STOP =
  'Stop. Do not retry this another way and do not look for another credential, here or anywhere else.';

const FAMILIES = {
  credential:
    'If your token has ended, get one new token from the token endpoint with your own registered key or secret. If that is refused too, tell the human you work for.',
  ask: 'Only humans can allow this. Tell the human you work for what you need and why.',
  humans:
    'Humans decided this, and only humans can change it. Tell the human you work for, and wait.',
  request:
    'Nothing was done. GET /v1/me says what you may do and what you may ask for; if that does not cover your task, tell the human you work for.',
  later:
    'This says nothing about what you may do. Come back once, after the seconds that Retry-After names; if it fails again, tell the human you work for.',
  provider: 'The provider itself said no. Tell the human you work for.',
  perhaps:
    'It may have been done all the same, so do not send it again. Read what is there, and tell the human you work for.',
} as const;

const FAMILY_OF: Readonly<Record<DenialCode, keyof typeof FAMILIES>> = {
  unauthenticated: 'credential',
  invalid_token: 'credential',
  token_expired: 'credential',
  token_revoked: 'credential',
  sender_mismatch: 'credential',
  replayed: 'credential',
  agent_disabled: 'humans',
  frozen: 'humans',
  unknown_connection: 'request',
  unknown_operation: 'request',
  unparseable_request: 'request',
  ambiguous_request: 'request',
  not_granted: 'ask',
  resource_not_granted: 'ask',
  needs_signature: 'ask',
  cooling_off: 'humans',
  grant_suspended: 'humans',
  grant_expired: 'ask',
  grant_exhausted: 'ask',
  environment_mismatch: 'ask',
  environment_unproven: 'later',
  guardrail: 'humans',
  rate_limited: 'later',
  provider_refused: 'provider',
  provider_unavailable: 'later',
  broker_unavailable: 'later',
};

/** Seconds. */
const RETRY_AFTER: Readonly<Partial<Record<Code, number>>> = {
  rate_limited: 10,
  broker_unavailable: 5,
  provider_unavailable: 10,
  environment_unproven: 10,
};

export function titleOf(code: Code): string {
  return TITLES[code];
}

export function isDenial(code: Code): code is DenialCode {
  return DENIAL_CODES.some((denial) => denial === code);
}

/**
 * @param more canAsk: the problem carries a `request_access`; mayBeDone: what was asked for may have been done
 */
export function instructionOf(
  code: DenialCode,
  { canAsk, mayBeDone }: { readonly canAsk: boolean; readonly mayBeDone: boolean },
): string {
  const ask = canAsk
    ? ' To ask humans for it, send `request_access` as it stands, then poll the request it returns.'
    : '';
  return `${STOP} ${FAMILIES[mayBeDone ? 'perhaps' : FAMILY_OF[code]]}${ask}`;
}

/** Seconds until coming back may help; null when only humans can help. */
export function retryAfterOf(code: Code): number | null {
  return RETRY_AFTER[code] ?? null;
}
