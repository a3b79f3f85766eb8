/** What an exchange begins with: the subject token, who shows it, and what of it is wanted. */
import { isFormerKey } from '@countersign/authority';
import { ACCESS_TOKEN_TYPE, CREDENTIAL_TOKEN_TYPE } from '@countersign/contract';
import { CountersignError } from '@countersign/core';
import { type AccessTokenClaims, verifyAccessToken } from '@countersign/tokens';
import {
  type AuthenticatedClient,
  authenticateClient,
  FORMER_KEY,
  refuseReplaced,
  stillAuthenticates,
  Unauthenticated,
  verifyShownKey,
} from './authenticate.ts';
import { parseDetails, type Target, targetsOf } from './deciding.ts';
import type { Deps } from './deps.ts';
import type { OnceId } from './ports.ts';
import type { ExchangeInput } from './use-cases.ts';
import { withinToken } from './within-token.ts';

const JWT = 'urn:ietf:params:oauth:token-type:jwt';

export interface Subject {
  readonly claims: AccessTokenClaims;
  readonly once: readonly OnceId[];
  /** Who authenticated beside it; null where nobody did. */
  readonly client: AuthenticatedClient | null;
  /** The authority version it was read at: a key withdrawn in a leak changes it. */
  readonly version: number;
}

/** A genuine token of this broker, in its lifetime. @throws Unauthenticated */
export async function verifyToken(deps: Deps, token: string): Promise<AccessTokenClaims> {
  return await unauthenticating(deps, async () =>
    verifyAccessToken(token, {
      keys: await deps.tokenKeys.verifying(token),
      issuer: deps.issuer,
      now: deps.clock.now(),
    }),
  );
}

/**
 * That whoever shows a bound token holds its key (RFC 9449). @throws Unauthenticated
 * @returns what of the proof may be used once
 */
export async function verifySender(
  deps: Deps,
  { cnf }: AccessTokenClaims,
  proof: string | null,
  request: Omit<Parameters<typeof verifyShownKey>[2], 'jkt'>,
): Promise<OnceId[]> {
  if (cnf === undefined) return [];
  return await unauthenticating(deps, async () => {
    if (proof === null) {
      throw new CountersignError(
        'sender_mismatch',
        'This token is bound to a key; send a DPoP proof by it.',
      );
    }
    const shown = await verifyShownKey(deps, proof, { ...request, jkt: cnf.jkt });
    if (shown.jkt !== cnf.jkt) {
      throw new CountersignError('sender_mismatch', 'The proof is by another key.');
    }
    return [shown.once];
  });
}

async function unauthenticating<T>(deps: Deps, verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    switch (error.code) {
      case 'invalid_token':
      case 'token_expired':
      case 'sender_mismatch':
        deps.denials.unauthenticated(error.code);
        throw new Unauthenticated(error.code, error.message);
      default:
        throw error;
    }
  }
}

/** The token and the key it is bound to (RFC 8693 section 2.1, RFC 9449). @throws CountersignError */
export async function readSubject(deps: Deps, input: ExchangeInput): Promise<Subject> {
  requireTypes(input);
  const { version } = deps.authority;
  const claims = await verifyToken(deps, input.subjectToken);
  const once = await verifySender(deps, claims, input.proof, { method: 'POST', url: input.url });
  let client: AuthenticatedClient | null = null;
  if (input.clientAssertion !== null || input.clientSecret !== null || input.clientId !== null) {
    client = await authenticateClient(deps, input);
    if (client.agent.id !== claims.sub) {
      deps.denials.unauthenticated('unauthenticated');
      throw new Unauthenticated('unauthenticated', 'The client is not the subject of the token.');
    }
    once.push(...client.once);
  }
  return { claims, once, client, version };
}

/**
 * Law 4: no credential for a token whose key was withdrawn between the look and the commit.
 * @throws Unauthenticated
 */
export async function requireStanding(deps: Deps, token: string): Promise<void> {
  await deps.tokenKeys.refresh();
  try {
    await verifyAccessToken(token, {
      keys: await deps.tokenKeys.verifying(token),
      issuer: deps.issuer,
      now: deps.clock.now(),
    });
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    throw new Unauthenticated('token_revoked', 'The key this token was signed with was withdrawn.');
  }
}

/**
 * Law 4: nor for a token bound to a key that its agent has no more, nor beside a credential that was replaced.
 * @returns how to refuse it; null where it stands on present authority
 */
export function replacedSince(
  deps: Deps,
  subject: Pick<Subject, 'claims' | 'client'>,
): (() => Promise<never>) | null {
  const { state } = deps.authority;
  const { claims, client } = subject;
  if (isFormerKey(state, claims.sub, claims.cnf?.jkt ?? '')) {
    return async () => {
      deps.denials.unauthenticated('token_revoked');
      throw new Unauthenticated('token_revoked', FORMER_KEY);
    };
  }
  const isReplaced = client !== null && !stillAuthenticates(state, client);
  return isReplaced ? () => refuseReplaced(deps) : null;
}

function requireTypes(input: ExchangeInput): void {
  if (input.subjectTokenType !== ACCESS_TOKEN_TYPE && input.subjectTokenType !== JWT) {
    throw new CountersignError(
      'invalid_request',
      `subject_token_type must be ${ACCESS_TOKEN_TYPE}.`,
    );
  }
  const requested = input.requestedTokenType;
  if (requested !== null && !requested.startsWith(CREDENTIAL_TOKEN_TYPE)) {
    throw new CountersignError(
      'invalid_request',
      `requested_token_type is left out or begins with ${CREDENTIAL_TOKEN_TYPE}.`,
    );
  }
}

/**
 * What to exchange: the request's own words when they stay within the token, else all of the token.
 * @throws CountersignError `unparseable_request`, `not_granted`, `ambiguous_request`
 */
export function chooseTarget(
  deps: Deps,
  claims: AccessTokenClaims,
  requested: string | null,
): Target {
  const held = heldBy(claims);
  const details = parseDetails(requested);
  const targets = details === null ? held : withinToken(deps, held, targetsOf(details));
  const [target, ...others] = targets;
  if (target === undefined) {
    throw new CountersignError('not_granted', 'The token grants nothing that could be exchanged.');
  }
  if (others.length > 0) {
    throw new CountersignError(
      'ambiguous_request',
      'The token covers several connections or environments; say which with authorization_details.',
    );
  }
  return target;
}

/** What the token itself says that it is for. */
export function heldBy(claims: AccessTokenClaims): readonly Target[] {
  return targetsOf(
    claims.authorization_details.map((detail) => ({
      type: 'countersign',
      connection: detail.connection,
      environment: detail.environment,
      ...(detail.operations === undefined ? {} : { operations: [...detail.operations] }),
      ...(detail.resources === undefined ? {} : { resources: [...detail.resources] }),
    })),
  );
}
