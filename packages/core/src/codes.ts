/**
 * The two closed lists of reasons. They are API: clients and auditors switch on them, so a code is
 * added here or nowhere, and the compiler finds every place that must learn of it.
 */
export const DENIAL_CODES = [
  'unauthenticated',
  'invalid_token',
  'token_expired',
  'token_revoked',
  'sender_mismatch',
  'replayed',
  'agent_disabled',
  'frozen',
  'unknown_connection',
  'unknown_operation',
  'unparseable_request',
  'ambiguous_request',
  'not_granted',
  'resource_not_granted',
  'needs_signature',
  'cooling_off',
  'grant_suspended',
  'grant_expired',
  'grant_exhausted',
  'environment_mismatch',
  'environment_unproven',
  'guardrail',
  'rate_limited',
  'provider_refused',
  'provider_unavailable',
  'broker_unavailable',
] as const;
export type DenialCode = (typeof DENIAL_CODES)[number];

/** Input that never reached a decision. */
export const INPUT_CODES = [
  'invalid_request',
  'not_found',
  'conflict',
  'forbidden',
  'too_large',
  'unsupported_media_type',
  'method_not_allowed',
] as const;
export type InputCode = (typeof INPUT_CODES)[number];

export type Code = DenialCode | InputCode;

/** The HTTP status of a code, everywhere but at the token endpoint (RFC 6749 section 5.2 rules there). */
export function statusOf(
  code: Code,
): 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 502 | 503 {
  switch (code) {
    case 'unauthenticated':
    case 'invalid_token':
    case 'token_expired':
    case 'token_revoked':
    case 'sender_mismatch':
    case 'replayed':
      return 401;
    case 'unparseable_request':
    case 'ambiguous_request':
    case 'unknown_operation':
    case 'invalid_request':
      return 400;
    case 'rate_limited':
      return 429;
    case 'provider_refused':
      return 502;
    case 'provider_unavailable':
    case 'broker_unavailable':
    case 'environment_unproven':
      return 503;
    case 'not_found':
      return 404;
    case 'conflict':
      return 409;
    case 'too_large':
      return 413;
    case 'unsupported_media_type':
      return 415;
    case 'method_not_allowed':
      return 405;
    case 'agent_disabled':
    case 'frozen':
    case 'unknown_connection':
    case 'not_granted':
    case 'resource_not_granted':
    case 'needs_signature':
    case 'cooling_off':
    case 'grant_suspended':
    case 'grant_expired':
    case 'grant_exhausted':
    case 'environment_mismatch':
    case 'guardrail':
    case 'forbidden':
      return 403;
  }
}
