/**
 * The agent's side: a token from its grants, a credential from the token, and a question to humans
 * where it may not. The agent's own key or secret authenticates it; a key, unless told otherwise, binds
 * its tokens.
 */
import {
  ACCESS_TOKEN_TYPE,
  type AccessRequestView,
  type BodyOf,
  CLIENT_ASSERTION_JWT,
  type MeView,
  type RequestedDetail,
  type RunView,
  TOKEN_EXCHANGE,
  type TokenAnswer,
} from '@countersign/contract';
import { Secret } from '@countersign/core';
import type { Caller, Client } from './client.ts';
import { notABroker } from './problem.ts';
import { clientAssertion } from './proofs.ts';
import { newPrivateJwk, type SigningKey, signingKeyOf } from './signing-key.ts';

interface NamedAgent {
  /** The agent's name, which is its client id. */
  readonly name: string;
  /** False: plain bearer tokens, where neither agent nor environment demands DPoP. */
  readonly bind?: boolean;
}

/** A registered key, or a client secret with the key that its tokens are bound to. */
export type AgentIdentity = NamedAgent &
  (
    | { readonly key: SigningKey }
    | {
        readonly secret: Secret;
        /** Lasting, so that a grant can name it; null: a new one for this object alone. */
        readonly key: SigningKey | null;
      }
  );

export interface AgentToken extends Caller {
  /** Milliseconds. */
  readonly expiresAt: number;
  readonly authorizationDetails: NonNullable<TokenAnswer['authorization_details']>;
}

export interface Credential {
  readonly leaseId: string;
  /** `postgres`, `aws`, … */
  readonly kind: string;
  /** Milliseconds. */
  readonly expiresAt: number;
  /** Opens it, in the provider's own shape. */
  reveal(): Readonly<Record<string, string | number | boolean>>;
}

export interface Agent {
  /** A token for these details; null: for everything granted but what is delete-capable. */
  token(details: readonly RequestedDetail[] | null): Promise<AgentToken>;
  /** Turns a token into a provider credential; `details` choose where it covers several targets. */
  exchange(token: AgentToken, details: readonly RequestedDetail[] | null): Promise<Credential>;
  me(): Promise<MeView>;
  /** Files an access request; with a secret and a lasting key, one that names the key. */
  ask(request: BodyOf<'fileAccessRequest'>): Promise<AccessRequestView>;
  /** Where a request stands; waits for a change, up to so many seconds (0 to 30). */
  poll(id: string, waitSeconds: number): Promise<AccessRequestView>;
  giveBack(leaseId: string): Promise<void>;
  /** Has the broker run the SQL that a grant holds, or `sql` where it holds none. */
  run(grant: string, body: BodyOf<'runGrant'>, signal?: AbortSignal): Promise<RunView>;
}

const KIND = /^urn:countersign:params:oauth:token-type:([a-z0-9-]+)$/;
/** Milliseconds before its end at which a token is no longer used. */
const MARGIN = 15_000;

/** Every method throws ProblemError for a refusal, `broker_unavailable` when there is no answer. */
export function createAgent(client: Client, identity: AgentIdentity): Agent {
  /** The newest token: whatever it grants, it says who is asking. */
  let own: AgentToken | null = null;
  let passing: Promise<SigningKey> | null = null;

  async function bindingKeyOf(): Promise<SigningKey | null> {
    if (identity.bind === false) return null;
    if (identity.key !== null) return identity.key;
    passing ??= newPrivateJwk('DPoP key').then(signingKeyOf);
    return await passing;
  }

  async function token(details: readonly RequestedDetail[] | null): Promise<AgentToken> {
    const bindingKey = await bindingKeyOf();
    const now = client.clock.now();
    const body = {
      grant_type: 'client_credentials' as const,
      ...(await authentication()),
      ...detailsMember(details),
    };
    const answer = await client.token({ body }, bindingKey);
    if ((answer.token_type === 'DPoP') !== (bindingKey !== null)) {
      throw notABroker('the token is not bound as it was asked for');
    }
    own = {
      token: new Secret('access token', answer.access_token),
      key: bindingKey,
      expiresAt: now + answer.expires_in * 1000,
      authorizationDetails: answer.authorization_details ?? [],
    };
    return own;
  }

  async function authentication() {
    const { name } = identity;
    if ('secret' in identity) {
      return { client_id: name, client_secret: identity.secret.reveal() } as const;
    }
    const { key } = identity;
    return {
      client_id: name,
      client_assertion_type: CLIENT_ASSERTION_JWT,
      client_assertion: await clientAssertion(key, name, await client.issuer(), client.clock.now()),
    } as const;
  }

  /** A secret is no key: what humans grant can only be bound to one that the request names. */
  function lastingKey(): { dpop_jkt?: string } {
    return 'secret' in identity && identity.key !== null
      ? { dpop_jkt: identity.key.thumbprint }
      : {};
  }

  async function asking(): Promise<Client> {
    const usable = own !== null && own.expiresAt - MARGIN > client.clock.now() ? own : null;
    return client.as(usable ?? (await token(null)));
  }

  return {
    token,
    exchange: async (subject, details) => {
      const now = client.clock.now();
      const body = {
        grant_type: TOKEN_EXCHANGE,
        ...(await authentication()),
        subject_token: subject.token.reveal(),
        subject_token_type: ACCESS_TOKEN_TYPE,
        ...detailsMember(details),
      } as const;
      return credentialOf(await client.token({ body }, subject.key), now);
    },
    me: async () => await (await asking()).call('me', {}),
    ask: async (body) =>
      await (await asking()).call('fileAccessRequest', { body: { ...lastingKey(), ...body } }),
    poll: async (id, waitSeconds) =>
      await (await asking()).call('accessRequest', {
        params: { id },
        query: { wait: waitSeconds },
      }),
    run: async (id, body, signal) => {
      const { grants } = await (await asking()).call('me', {});
      const held = grants.find((grant) => grant.id === id);
      // Without such a grant the broker says no in its own words.
      const caller =
        held === undefined || held.runs === null
          ? await asking()
          : client.as(
              await token([
                {
                  type: 'countersign',
                  connection: held.connection,
                  environment: held.environment,
                  operations: held.runs.operations,
                  resources: held.runs.resources,
                  grant: id,
                },
              ]),
            );
      const input = { params: { id }, body };
      return await caller.call('runGrant', signal === undefined ? input : { ...input, signal });
    },
    giveBack: async (id) => {
      await (await asking()).call('giveBackLease', { params: { id } });
    },
  };
}

function detailsMember(details: readonly RequestedDetail[] | null) {
  return details === null ? {} : { authorization_details: JSON.stringify(details) };
}

function credentialOf(answer: TokenAnswer, now: number): Credential {
  const [, kind] = KIND.exec(answer.issued_token_type ?? '') ?? [];
  const { credential, lease_id } = answer;
  if (kind === undefined || credential === undefined || lease_id === undefined) {
    throw notABroker('the exchange gave no credential');
  }
  return {
    leaseId: lease_id,
    kind,
    expiresAt: now + answer.expires_in * 1000,
    reveal: () => credential,
  };
}
