/** `POST /oauth/token`: RFC 6749 forms in, one of three use cases, RFC 6749 and RFC 8693 answers out. */
import type { ClientClaim, ExchangedCredential, UseCases } from '@countersign/broker';
import {
  CREDENTIAL_TOKEN_TYPE,
  JWT_BEARER,
  TOKEN_EXCHANGE,
  type TokenAnswer,
  TokenRequest,
} from '@countersign/contract';
import { CountersignError, inputError, Secret } from '@countersign/core';
import type { BasicClient } from './basic-client.ts';
import type { Call } from './call.ts';
import { refusalOfDenial, renderOAuthError, TokenError } from './refusal.ts';
import { decided, json, type Reply } from './reply.ts';
import { validate } from './validation.ts';

const GRANT_TYPES: readonly string[] = ['client_credentials', TOKEN_EXCHANGE, JWT_BEARER];

/**
 * The form as one of the three grants, with RFC 6749's own reasons where it is none. The order is that
 * of section 5.2: what is asked for, then by whom, then the rest.
 *
 * @param basic what the Authorization header said, as if it had been in the form
 * @throws CountersignError, TokenError
 */
export function tokenRequestOf(form: unknown, basic: BasicClient | null): TokenRequest {
  const parameters = withoutOmitted(form);
  const grantType = parameters['grant_type'];
  if (grantType === undefined) throw inputError('invalid_request', 'grant_type is missing.');
  if (!GRANT_TYPES.includes(grantType)) {
    throw new TokenError(
      'unsupported_grant_type',
      'invalid_request',
      'grant_type: this broker does not know this one; its metadata lists those it knows.',
    );
  }
  requireOneMethod(parameters, basic);
  if (basic !== null) {
    parameters['client_id'] = basic.clientId;
    parameters['client_secret'] = basic.clientSecret.reveal();
  }
  if (parameters['scope'] !== undefined) {
    throw new TokenError(
      'invalid_scope',
      'invalid_request',
      'scope is not used here: say what you want with authorization_details.',
    );
  }
  const withType = parameters['client_assertion_type'] !== undefined;
  if (withType !== (parameters['client_assertion'] !== undefined)) {
    throw inputError(
      'invalid_request',
      'client_assertion and client_assertion_type come together or not at all.',
    );
  }
  // TokenRequest has just parsed it; `validate` is not generic, since routes are told apart at run time.
  return validate(TokenRequest, parameters, 'body') as TokenRequest;
}

/**
 * RFC 6749 section 2.3: one method of authentication a request, and an id wherever there is a secret.
 *
 * @throws CountersignError `invalid_request` (section 5.2: "more than one mechanism")
 */
function requireOneMethod(
  parameters: Readonly<Record<string, string | undefined>>,
  basic: BasicClient | null,
): void {
  const { client_id: id, client_secret: secret, client_assertion: assertion } = parameters;
  const methods = [basic !== null, secret !== undefined, assertion !== undefined];
  if (methods.filter((used) => used).length > 1) {
    throw inputError(
      'invalid_request',
      'The client authenticates in more than one way: use Basic, client_secret or client_assertion.',
    );
  }
  if (basic !== null && id !== undefined && id !== basic.clientId) {
    throw inputError('invalid_request', 'client_id is not the one of the Authorization header.');
  }
  if (secret !== undefined && id === undefined) {
    throw inputError('invalid_request', 'client_secret comes with client_id.');
  }
}

/** RFC 6749 section 3.2: a parameter without a value is treated as if it were omitted. */
function withoutOmitted(form: unknown): Record<string, string | undefined> {
  const parameters: Record<string, string> = {};
  for (const [name, value] of Object.entries(form ?? {})) {
    if (typeof value === 'string' && value !== '') parameters[name] = value;
  }
  return parameters;
}

export async function answerTokenRequest(
  useCases: UseCases,
  issuer: string,
  { body, proof, byHeader, url }: Call<'token'>,
): Promise<Reply> {
  switch (body.grant_type) {
    case 'client_credentials': {
      const outcome = await useCases.issue({ ...clientOf(body), proof, url });
      if (!outcome.allowed) return refuse(outcome.denial, issuer, byHeader);
      const { accessToken, tokenType, expiresIn, authorizationDetails } = outcome.value;
      return grant(outcome.decision, {
        access_token: accessToken.reveal(),
        token_type: tokenType,
        expires_in: expiresIn,
        authorization_details: authorizationDetails,
      });
    }
    case TOKEN_EXCHANGE: {
      const outcome = await useCases.exchange({
        ...clientOf(body),
        subjectToken: body.subject_token,
        subjectTokenType: body.subject_token_type,
        requestedTokenType: body.requested_token_type ?? null,
        proof,
        url,
      });
      if (!outcome.allowed) return refuse(outcome.denial, issuer, byHeader);
      const { value } = outcome;
      return grant(outcome.decision, {
        access_token: value.primary.reveal(),
        issued_token_type: `${CREDENTIAL_TOKEN_TYPE}${value.kind}`,
        token_type: 'N_A',
        expires_in: value.expiresIn,
        authorization_details: value.authorizationDetails,
        credential: revealed(value.credential),
        lease_id: value.leaseId,
      });
    }
    case JWT_BEARER: {
      const outcome = await signIn(useCases, { assertion: body.assertion, proof, url });
      if (!outcome.allowed) return refuse(outcome.denial, issuer, byHeader);
      return grant(outcome.decision, {
        access_token: outcome.value.accessToken.reveal(),
        token_type: 'DPoP',
        expires_in: outcome.value.expiresIn,
      });
    }
  }
}

/** RFC 7521 section 4.1.1: an assertion that is no good as a grant is `invalid_grant`. */
async function signIn(useCases: UseCases, input: Parameters<UseCases['signIn']>[0]) {
  try {
    return await useCases.signIn(input);
  } catch (error) {
    if (error instanceof CountersignError && error.code === 'unauthenticated') {
      throw new TokenError('invalid_grant', error.code, error.message);
    }
    throw error;
  }
}

function clientOf(
  body: Exclude<TokenRequest, { grant_type: typeof JWT_BEARER }>,
): ClientClaim & { readonly authorizationDetails: string | null } {
  return {
    clientId: body.client_id ?? null,
    clientAssertion: body.client_assertion ?? null,
    clientSecret:
      body.client_secret === undefined ? null : new Secret('client secret', body.client_secret),
    authorizationDetails: body.authorization_details ?? null,
  };
}

type Granted = Omit<TokenAnswer, 'authorization_details'> & {
  readonly authorization_details?: ExchangedCredential['authorizationDetails'];
};

/** RFC 6749 section 5.1, RFC 8693 section 2.2.1. */
function grant(decision: string, answer: Granted): Reply {
  return decided(json(200, answer, { pragma: 'no-cache' }), decision);
}

function refuse(
  denial: Parameters<typeof refusalOfDenial>[0],
  issuer: string,
  byHeader: boolean,
): Reply {
  return renderOAuthError(refusalOfDenial(denial), issuer, byHeader ? 'Basic' : null);
}

/** The one place where a provider's credential is opened: into the answer to whom it was granted. */
function revealed(
  credential: ExchangedCredential['credential'],
): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(credential).map(([name, value]) => [
      name,
      value instanceof Secret ? value.reveal() : value,
    ]),
  );
}
