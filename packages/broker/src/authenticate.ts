/** Who is calling: agents and humans by their tokens, clients by their assertions. Law 4: replayed once, refused. */
import {
  type Agent,
  type AuthorityState,
  isFormerKey,
  nameKey,
  registeredKeys,
  signingHuman,
} from '@countersign/authority';
import { CountersignError, type DenialCode, type Secret } from '@countersign/core';
import {
  type AccessTokenClaims,
  peekClientId,
  verifyAccessToken,
  verifyClientAssertion,
  verifyDpopProof,
  verifySessionToken,
} from '@countersign/tokens';
import type { Deps } from './deps.ts';
import type { OnceId } from './ports.ts';
import type { AgentCaller, ClientClaim, HumanCaller, Presented } from './use-cases.ts';

/** A failed authentication; never says which part of a client's claim was right. */
export class Unauthenticated extends CountersignError {}

function fail(deps: Deps, code: DenialCode, message: string): never {
  deps.denials.unauthenticated(code);
  throw new Unauthenticated(code, message);
}

export interface AuthenticatedClient {
  readonly agent: Agent;
  /** What it showed: the thumbprint of a registered key, or the hash of its secret. */
  readonly credential: string;
  /** What of it may be used once: an assertion's id. A secret has none, it is sent as it is each time. */
  readonly once: readonly OnceId[];
}

/** Client authentication, RFC 6749 section 2.3 and RFC 7523. @throws Unauthenticated, CountersignError */
export async function authenticateClient(
  deps: Deps,
  claim: ClientClaim,
): Promise<AuthenticatedClient> {
  const { clientId, clientAssertion, clientSecret } = claim;
  if (clientAssertion !== null && clientSecret !== null) return refuseClient(deps);
  if (clientSecret !== null) return await authenticateBySecret(deps, clientId, clientSecret);
  if (clientAssertion !== null) {
    return await authenticateByAssertion(deps, clientId, clientAssertion);
  }
  return fail(
    deps,
    'unauthenticated',
    'Client authentication is missing: send client_assertion (private_key_jwt, RFC 7523) or a client secret.',
  );
}

/** One answer for an unknown client, another method and a wrong credential. */
function refuseClient(deps: Deps): never {
  return fail(
    deps,
    'unauthenticated',
    'The client could not be authenticated. Sign a client assertion with the registered key, or send the secret it was registered with.',
  );
}

/**
 * Law 4: no token for a credential that was replaced between the look and the commit. Asked on the authority
 * of each attempt.
 */
export function stillAuthenticates(
  state: AuthorityState,
  { agent, credential }: AuthenticatedClient,
): boolean {
  const present = state.agents.get(agent.id);
  return present?.auth.method === 'client_secret'
    ? present.auth.secret_hash === credential
    : registeredKeys(present).includes(credential);
}

/** @throws Unauthenticated as for a client that never authenticated */
export async function refuseReplaced(deps: Deps): Promise<never> {
  return refuseClient(deps);
}

/** Registered, or given another credential, a moment ago on another replica: look once more before saying no. */
async function lookingTwice(
  deps: Deps,
  look: () => Promise<AuthenticatedClient | null>,
): Promise<AuthenticatedClient> {
  const { version } = deps.authority;
  const first = await look();
  if (first !== null) return first;
  await deps.authority.refresh();
  const second = deps.authority.version === version ? null : await look();
  return second ?? refuseClient(deps);
}

/** `client_secret_basic`, `client_secret_post`: nothing costly and no look at any table before the MAC. */
async function authenticateBySecret(
  deps: Deps,
  clientId: string | null,
  secret: Secret,
): Promise<AuthenticatedClient> {
  const made = deps.clientSecrets.agentOf(secret);
  if (made === null || clientId === null) return refuseClient(deps);
  return await lookingTwice(deps, async () => {
    const agent = deps.authority.state.agents.get(made);
    if (agent === undefined) return null;
    if (clientId !== agent.name && clientId !== agent.id) return refuseClient(deps);
    if (agent.auth.method !== 'client_secret') return null;
    if (agent.disabledAt !== null) {
      // The MAC says whose secret it is; a disabled agent is worth no argon2id.
      return await refuseDisabled(deps, agent, 'it sent its secret after it was disabled');
    }
    const hash = agent.auth.secret_hash;
    const right = await deps.clientSecrets.verify({ id: agent.id, hash }, secret);
    return right ? { agent, credential: hash, once: [] } : null;
  });
}

/** RFC 7523 section 2.2. */
async function authenticateByAssertion(
  deps: Deps,
  clientId: string | null,
  assertion: string,
): Promise<AuthenticatedClient> {
  let claimed = '';
  try {
    claimed = peekClientId(assertion);
  } catch {
    return refuseClient(deps);
  }
  if (clientId !== null && clientId !== claimed) return refuseClient(deps);
  return await lookingTwice(deps, async () => {
    const { state } = deps.authority;
    const agent = state.agents.get(state.names.get(nameKey('agent', claimed)) ?? claimed);
    const keys = agent?.auth.method === 'private_key_jwt' ? agent.auth.jwks.keys : [];
    try {
      // An unknown agent is verified against no key, so that it takes as long as a known one.
      const { jti, expiresAt, thumbprint } = await verifyClientAssertion(assertion, {
        issuer: deps.issuer,
        tokenEndpoint: `${deps.issuer}/oauth/token`,
        jwks: { keys },
        clientId: claimed,
        now: deps.clock.now(),
      });
      if (agent === undefined) return null;
      const once = [{ id: `assertion/${agent.id}/${jti}`, expiresAt }];
      return { agent, credential: thumbprint, once };
    } catch {
      return null;
    }
  });
}

export interface ShownKey {
  readonly jkt: string;
  readonly once: OnceId;
}

/** A DPoP proof at an endpoint (RFC 9449 section 4.3). @throws CountersignError */
export async function verifyShownKey(
  deps: Deps,
  proof: string,
  context: {
    readonly method: string;
    readonly url: string;
    readonly accessToken?: string;
    readonly jkt?: string;
    /** At the gateway: the proof is for these bytes alone. */
    readonly body?: Uint8Array;
  },
): Promise<ShownKey> {
  const shown = await verifyDpopProof(proof, { ...context, now: deps.clock.now() });
  return { jkt: shown.jkt, once: { id: `dpop/${shown.replayId}`, expiresAt: shown.expiresAt } };
}

export const FORMER_KEY = 'The key this token is bound to is no longer a key of its agent.';

/** @throws Unauthenticated, CountersignError `agent_disabled` */
export async function authenticateAgent(
  deps: Deps,
  presented: Presented,
): Promise<AgentCaller & { readonly claims: AccessTokenClaims }> {
  const { version } = deps.authority;
  const verify = async (): Promise<AccessTokenClaims> => {
    try {
      return await verifyAccessToken(presented.token, {
        keys: await deps.tokenKeys.verifying(presented.token),
        issuer: deps.issuer,
        now: deps.clock.now(),
      });
    } catch (error) {
      return failAs(deps, error);
    }
  };
  const claims = await verify();
  const jkt = claims.cnf?.jkt ?? null;
  await checkBinding(deps, presented, jkt);
  const agent = deps.authority.state.agents.get(claims.sub);
  if (agent === undefined) return fail(deps, 'invalid_token', 'The token names no agent here.');
  if (agent.disabledAt !== null) {
    return await refuseDisabled(deps, agent, 'it presented a token after it was disabled');
  }
  const isFormer = (): boolean => isFormerKey(deps.authority.state, agent.id, jkt ?? '');
  if (isFormer()) {
    // Named again a moment ago on another replica, perhaps.
    await deps.authority.refresh();
    if (isFormer()) return fail(deps, 'token_revoked', FORMER_KEY);
  }
  const { jti, grants } = claims;
  const stands = async (): Promise<void> => {
    await deps.tokenKeys.refresh();
    await verify();
    if (isFormer()) fail(deps, 'token_revoked', FORMER_KEY);
  };
  return { kind: 'agent', agent: agent.id, jti, jkt, grants, version, stands, claims };
}

async function refuseDisabled(deps: Deps, agent: Agent, reason: string): Promise<never> {
  await deps.denials.record({
    agent: agent.id,
    code: 'agent_disabled',
    stage: 'authenticate',
    asked: null,
    reason,
    once: [],
  });
  throw new CountersignError('agent_disabled', 'This agent is disabled, for good.');
}

/** @throws Unauthenticated */
export async function authenticateHuman(deps: Deps, presented: Presented): Promise<HumanCaller> {
  try {
    const claims = await verifySessionToken(presented.token, {
      keys: await deps.tokenKeys.verifying(presented.token),
      issuer: deps.issuer,
      now: deps.clock.now(),
    });
    await checkBinding(deps, presented, claims.cnf.jkt);
    // Law 4: a removed human or a revoked key ends the session at once.
    const human = signingHuman(deps.authority.state, claims.device_kid);
    if (human === null || human.id !== claims.sub) {
      return fail(
        deps,
        'token_revoked',
        'The key this session was opened with may not sign any more.',
      );
    }
    return { kind: 'human', human: human.id, kid: claims.device_kid };
  } catch (error) {
    return failAs(deps, error);
  }
}

/** RFC 9449 section 7.1: a bound token comes with a fresh proof by its key, an unbound one without. */
async function checkBinding(deps: Deps, presented: Presented, jkt: string | null): Promise<void> {
  if (jkt === null) {
    if (presented.scheme === 'DPoP') {
      fail(deps, 'sender_mismatch', 'This token is not bound to a key; present it as Bearer.');
    }
    return;
  }
  if (presented.scheme !== 'DPoP' || presented.proof === null) {
    fail(
      deps,
      'sender_mismatch',
      'This token is bound to a key; present it as DPoP, with a proof.',
    );
  }
  let shown: ShownKey;
  try {
    shown = await verifyShownKey(deps, presented.proof, {
      method: presented.method,
      url: presented.url,
      accessToken: presented.token,
      jkt,
    });
  } catch (error) {
    return failAs(deps, error);
  }
  if (shown.jkt !== jkt) fail(deps, 'sender_mismatch', 'The proof is by another key.');
  if (!(await deps.replay.remember(shown.once))) {
    fail(deps, 'replayed', 'This DPoP proof was used before. Make a new one for each request.');
  }
}

function failAs(deps: Deps, error: unknown): never {
  if (error instanceof Unauthenticated) throw error;
  if (!(error instanceof CountersignError)) throw error;
  switch (error.code) {
    case 'unauthenticated':
    case 'invalid_token':
    case 'token_expired':
    case 'token_revoked':
    case 'sender_mismatch':
    case 'replayed':
      return fail(deps, error.code, error.message);
    default:
      throw error;
  }
}
