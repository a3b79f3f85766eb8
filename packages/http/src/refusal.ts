/**
 * Every refusal, rendered: RFC 9457 problems, RFC 6749 errors at the token endpoint, and the challenges
 * of a 401. An error nobody expected is `broker_unavailable` and says nothing of itself (Law 5).
 */
import { type Denial, Halted, oauthErrorOf } from '@countersign/broker';
import type { OAuthProblem, Problem } from '@countersign/contract';
import { type Code, CountersignError, statusOf } from '@countersign/core';
import { DPOP_ALGORITHMS, resourceMetadataUrl } from './metadata.ts';
import { instructionOf, isDenial, retryAfterOf, titleOf } from './problem-text.ts';
import type { Reply } from './reply.ts';

type OAuthErrorCode = Denial['oauthError'];

/** A refusal at the token endpoint whose RFC 6749 `error` does not follow from its code. */
export class TokenError extends CountersignError {
  readonly oauthError: OAuthErrorCode;

  constructor(oauthError: OAuthErrorCode, code: Code, message: string) {
    super(code, message);
    this.oauthError = oauthError;
  }
}

/** A request the router knows the path of, by a method it does not serve. */
export class MethodNotAllowed extends CountersignError {
  readonly allow: string;

  constructor(allow: string) {
    super('method_not_allowed', `This path is served for ${allow} only.`);
    this.allow = allow;
  }
}

interface Refusal {
  readonly code: Code;
  readonly detail: string;
  readonly decision: string | null;
  readonly request: Denial['request'];
  readonly oauthError: OAuthErrorCode;
  readonly mayBeDone?: boolean;
  readonly allow: string | null;
}

/** What a thrown error means to the caller. */
export function refusalOf(error: unknown): Refusal {
  const code = error instanceof CountersignError ? error.code : 'broker_unavailable';
  return {
    code,
    // What stands in the way inside is the operator's to read, in the log; what ends a halt is everybody's.
    detail:
      error instanceof CountersignError &&
      (code !== 'broker_unavailable' || error instanceof Halted)
        ? error.message
        : 'The broker could not answer this request, so it refused it.',
    decision: null,
    request: null,
    oauthError: error instanceof TokenError ? error.oauthError : thrownOAuthError(code),
    allow: error instanceof MethodNotAllowed ? error.allow : null,
  };
}

/** What a decision that said no means to the caller. */
export function refusalOfDenial(denial: Denial): Refusal {
  return { ...denial, allow: null };
}

/** RFC 6749 section 5.2 for what was thrown: input that never reached a decision is `invalid_request`. */
function thrownOAuthError(code: Code): OAuthErrorCode {
  return isDenial(code) ? oauthErrorOf(code) : 'invalid_request';
}

/**
 * An `application/problem+json` refusal (RFC 9457).
 *
 * @param authorization the Authorization header as it came, for the challenge of a 401
 */
export function renderProblem(
  refusal: Refusal,
  issuer: string,
  authorization: string | null,
): Reply {
  const status = statusOf(refusal.code);
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...commonHeaders(refusal),
      ...(status === 401
        ? { 'www-authenticate': challenge(refusal.code, issuer, authorization) }
        : {}),
    },
    body: JSON.stringify(problemOf(refusal, status, issuer)),
    code: refusal.code,
    decision: refusal.decision,
  };
}

/** The token endpoint's form of the same (RFC 6749 section 5.2), with our members beside it. */
export function renderOAuthError(
  refusal: Refusal,
  issuer: string,
  authorization: string | null,
): Reply {
  const status = oauthStatusOf(refusal);
  const body: OAuthProblem = {
    error: refusal.oauthError,
    error_description: describable(refusal.detail),
    ...problemOf(refusal, status, issuer),
  };
  return {
    status,
    headers: {
      'content-type': 'application/json',
      pragma: 'no-cache',
      ...commonHeaders(refusal),
      ...(status === 401 && authorization !== null
        ? { 'www-authenticate': clientChallenge(authorization) }
        : {}),
    },
    body: JSON.stringify(body),
    code: refusal.code,
    decision: refusal.decision,
  };
}

function oauthStatusOf({ code, oauthError }: Refusal): number {
  if (oauthError === 'invalid_client') return 401;
  if (oauthError === 'temporarily_unavailable') return 503;
  // What HTTP itself refuses keeps its own status; the rest is RFC 6749's 400.
  const status = statusOf(code);
  return status === 405 || status === 413 || status === 415 ? status : 400;
}

function problemOf(refusal: Refusal, status: number, issuer: string): Problem {
  const { code, detail, decision, request, mayBeDone = false } = refusal;
  return {
    type: `urn:countersign:problem:${code}`,
    title: titleOf(code),
    status,
    detail,
    code,
    ...(decision === null ? {} : { decision }),
    ...(isDenial(code)
      ? {
          halt: true,
          agent_instruction: instructionOf(code, { canAsk: request !== null, mayBeDone }),
        }
      : {}),
    ...(request === null
      ? {}
      : {
          request_access: {
            method: 'POST',
            href: `${issuer}/v1/access-requests`,
            body: { authorization_details: request.map((detail) => ({ ...detail })) },
          },
        }),
  };
}

function commonHeaders(refusal: Refusal): Record<string, string> {
  const retryAfter = refusal.mayBeDone === true ? null : retryAfterOf(refusal.code);
  return {
    ...(retryAfter === null ? {} : { 'retry-after': String(retryAfter) }),
    ...(refusal.decision === null ? {} : { 'countersign-decision': refusal.decision }),
    ...(refusal.allow === null ? {} : { allow: refusal.allow }),
  };
}

/** RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9449 section 7.1, RFC 9728 section 5.1. */
function challenge(code: Code, issuer: string, authorization: string | null): string {
  const metadata = `resource_metadata="${resourceMetadataUrl(issuer)}"`;
  const dpop = `algs="${DPOP_ALGORITHMS.join(' ')}", ${metadata}`;
  if (authorization === null) return `DPoP ${dpop}, Bearer ${metadata}`;
  if (/^dpop /i.test(authorization)) {
    const error = code === 'sender_mismatch' ? 'invalid_dpop_proof' : 'invalid_token';
    return `DPoP error="${error}", ${dpop}`;
  }
  return `Bearer error="invalid_token", ${metadata}`;
}

/** RFC 6749 section 5.2: the scheme the client used. */
function clientChallenge(authorization: string): string {
  if (/^bearer /i.test(authorization)) return 'Bearer';
  if (/^dpop /i.test(authorization)) return `DPoP algs="${DPOP_ALGORITHMS.join(' ')}"`;
  return 'Basic realm="countersign"';
}

/** `error_description` is printable ASCII without `"` and `\` (RFC 6749 section 5.2). */
function describable(detail: string): string {
  return detail.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');
}
