/** Countersign as people run it: the real server processes, PostgreSQL that waits for its disk. */
import { createAgent, createClient } from '@countersign/client';
import { type Deployment, deploy, details } from '../../support/deployment.ts';
import { type AssertionKey, assertion, assertionKey } from '../assertions.ts';
import { formRequest } from '../keep-alive.ts';
import { clientCredentials } from './bare.ts';
import { type Ask, expectStatus, type Subject } from './subject.ts';

export interface CountersignSubject extends Subject {
  readonly deployment: Deployment;
  /** A token exchanged for a PostgreSQL login. */
  readonly exchange: Ask;
  /** A token asked for that nothing grants. */
  readonly denied: Ask;
}

const TABLE = 'public.bookings';

export async function startCountersign(replicas: number): Promise<CountersignSubject> {
  const deployment = await deploy({
    replicas,
    durability: 'full',
    env: {
      COUNTERSIGN_LOG_LEVEL: 'warn',
      COUNTERSIGN_AGENT_RATE: '100000',
      COUNTERSIGN_AGENT_RESOLVER_RATE: '100000',
    },
  });
  const { cursor, broker } = deployment;
  await deployment.grant({ operations: ['postgres:select'], resources: [TABLE], ttl: 60 });
  const key = assertionKey(cursor.privateJwk, cursor.key.thumbprint);
  const bearer = createAgent(createClient({ server: broker.url }), { ...cursor, bind: false });
  const { token } = await bearer.token(details(['postgres:select'], [TABLE]));
  const identity = { key, publicJwk: '' };
  return {
    name: replicas === 1 ? 'Countersign' : `Countersign × ${replicas}`,
    deployment,
    ports: deployment.replicas.map(({ port }) => port),
    pids: deployment.replicas.map(({ process }) => process.pid ?? 0),
    issue: clientCredentials(identity, broker.port, '/oauth/token', cursor.name),
    exchange: exchangeOf(broker.url, token.reveal()),
    denied: deniedAt(broker.url, key, cursor.name),
    stop: () => deployment.stop(),
  };
}

/** RFC 8693. */
function exchangeOf(issuer: string, token: string): Ask {
  const request = formRequest(
    new URL('/oauth/token', issuer),
    new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }),
  );
  return { next: () => request, check: expectStatus(200) };
}

function deniedAt(issuer: string, key: AssertionKey, client: string): Ask {
  const asked = JSON.stringify(details(['postgres:delete'], [TABLE]));
  return {
    next: () =>
      formRequest(
        new URL('/oauth/token', issuer),
        new URLSearchParams({
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion(key, client, issuer),
          authorization_details: asked,
        }),
      ),
    check: expectStatus(400),
  };
}
