/** One honest request for each operation, and who may send it: what bad input is made from. */
import { encodeStatement, signStatement } from '@countersign/authority';
import { clientAssertion, createClient, dpopProof, signIn } from '@countersign/client';
import type { Secret } from '@countersign/core';
import { type Deployment, details } from './deployment.ts';
import type { Operation } from './openapi.ts';
import { envelopeOf, newId, newKey } from './people.ts';

export type Headers = Readonly<Record<string, string | string[]>>;
type Caller = (method: string, target: string) => Promise<Headers>;

export interface Callers {
  readonly nobody: Caller;
  readonly agent: Caller;
  readonly human: Caller;
  readonly rightful: (operation: Operation) => Caller;
  /** Nobody, where both kinds are right. */
  readonly wrongKind: (operation: Operation) => 'agent' | 'human' | 'nobody';
}

/** Cursor with a bound token and alice with a session; each request gets a proof of its own. */
export async function callersOf({ broker, alice, cursor }: Deployment): Promise<Callers> {
  const session = await signIn(createClient({ server: broker.url }), {
    device: alice.key,
    session: (await newKey('session')).key,
  });
  const token = await cursor.agent.token(null);
  const showing =
    (shown: { readonly token: Secret; readonly key: typeof session.key | null }): Caller =>
    async (method, target) => {
      if (shown.key === null) throw new Error('the token is bound');
      const url = `${broker.url}${target.replace(/\?.*$/s, '')}`;
      const now = Date.now();
      return {
        authorization: `DPoP ${shown.token.reveal()}`,
        dpop: await dpopProof(shown.key, { method, url, now, accessToken: shown.token }),
      };
    };
  const nobody: Caller = async () => ({});
  const agent = showing(token);
  const human = showing(session);
  return {
    nobody,
    agent,
    human,
    rightful: ({ callers }) =>
      callers.includes('session') ? human : callers.includes('token') ? agent : nobody,
    wrongKind: ({ callers }) =>
      !callers.includes('session') ? 'human' : callers.includes('token') ? 'nobody' : 'agent',
  };
}

export interface Sample {
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: () => Promise<object>;
  /**
   * What becomes of a spoiled body: always refused; not sent where the document admits it, since it is
   * an honest request then and would write; or answered, since nothing is decided or stored.
   */
  readonly mutants?: 'refused' | 'unless admitted' | 'answered';
  /** Names of spoilings that spoil nothing. */
  readonly harmless?: readonly string[];
}

/** Operations that are not here are called with their path and nothing else. */
export async function samplesOf(deployment: Deployment): Promise<ReadonlyMap<string, Sample>> {
  const { broker, alice, bob, cursor } = deployment;
  const SELECT = { operations: ['postgres:select'], resources: ['public.bookings'] };
  const asked = await cursor.agent.ask({
    authorization_details: details(['postgres:select'], ['public.bookings']),
    reason: 'to look',
  });
  const grant = await deployment.grant(SELECT);
  const token = await cursor.agent.token(details(['postgres:select'], ['public.bookings']));
  const lease = await cursor.agent.exchange(token, null);
  const waiting = await deletion(deployment);
  const doomed = await deletion(deployment);
  const { key: helper } = await newKey('agent helper');
  const connections = await alice.client.call('connections', { query: {} });
  const entries = await alice.client.call('auditEntries', { query: { limit: 1 } });
  const statement = async (name: string) => {
    const answer = await alice.client.call('draft', {
      body: { kind: 'environment.set', id: newId(), body: { name, class: 'staging' } },
    });
    return answer.statement;
  };
  const proposal = { envelope: await envelopeOf(await statement('qa'), alice.privateJwk) };
  const signature = await bobsSignature(deployment, waiting);
  const veto = await bob.client.call('draft', {
    body: {
      kind: 'statement.reject',
      id: newId(),
      body: { statement: doomed, reason: 'a veto' },
    },
  });
  const rejection = { envelope: await envelopeOf(veto.statement, bob.privateJwk) };
  const sample = (
    params: Sample['params'],
    body?: object,
    mutants?: Sample['mutants'],
  ): Sample => ({
    ...(params === undefined ? {} : { params }),
    ...(body === undefined ? {} : { body: async () => body }),
    ...(mutants === undefined ? {} : { mutants }),
  });
  return new Map<string, Sample>([
    [
      'token',
      {
        // RFC 7521 section 4.2 lets a client id be left out; an agent may ask for all it was granted; JSON has spaces.
        harmless: [
          'client_id missing',
          'authorization_details missing',
          'authorization_details with a space before',
          'authorization_details with a newline behind',
        ],
        body: async () => ({
          grant_type: 'client_credentials',
          client_id: 'cursor',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await clientAssertion(cursor.key, 'cursor', broker.url, Date.now()),
          authorization_details: JSON.stringify(details(['postgres:select'], ['public.bookings'])),
        }),
      },
    ],
    [
      'fileAccessRequest',
      sample(
        undefined,
        {
          authorization_details: details(['postgres:select'], ['public.bookings']),
          reason: 'to look',
        },
        'unless admitted',
      ),
    ],
    ['accessRequest', sample({ id: asked.id })],
    ['rejectAccessRequest', sample({ id: asked.id }, { reason: 'no' }, 'unless admitted')],
    ['giveBackLease', sample({ id: lease.leaseId })],
    [
      'draft',
      sample(
        undefined,
        {
          kind: 'agent.register',
          id: newId(),
          body: {
            name: 'helper',
            auth: { method: 'private_key_jwt', jwks: { keys: [helper.publicJwk] } },
            require_dpop: true,
          },
        },
        'answered',
      ),
    ],
    ['propose', sample(undefined, proposal)],
    ['statement', sample({ id: grant.id })],
    ['sign', sample({ id: waiting }, { signature })],
    ['reject', sample({ id: doomed }, rejection)],
    [
      'invite',
      sample(
        undefined,
        { name: 'carol', roles: ['approver'], groups: ['security'] },
        'unless admitted',
      ),
    ],
    ['checkConnection', sample({ id: connections.items[0]?.id ?? '' })],
    ['grant', sample({ id: grant.id })],
    [
      'explain',
      sample(
        undefined,
        {
          agent: 'cursor',
          connection: 'pg-staging',
          environment: 'staging',
          operation: 'postgres:select',
          resource: 'public.bookings',
        },
        'answered',
      ),
    ],
    ['auditEntry', sample({ id: entries.items[0]?.id ?? '' })],
  ]);
}

/** A delete-capable grant, which waits for a second human. */
async function deletion({ alice }: Deployment): Promise<string> {
  const { id } = await alice.propose({
    kind: 'grant.create',
    body: {
      agent: 'cursor',
      connection: 'pg-production',
      environment: 'production',
      reason: 'a test',
      permissions: [{ operations: ['postgres:delete'], resources: ['public.bookings'] }],
    },
  });
  return id;
}

async function bobsSignature({ bob }: Deployment, id: string) {
  const { payload } = await bob.client.call('statement', { params: { id } });
  const statement = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return await signStatement(encodeStatement(statement), bob.privateJwk);
}
