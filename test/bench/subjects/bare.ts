/** Countersign's yardsticks that are Node servers: the bare limit and `oidc-provider`. */
import type { Secret } from '@countersign/core';
import { freePort } from '../../support/broker-process.ts';
import { type AssertionKey, assertion } from '../assertions.ts';
import { formRequest } from '../keep-alive.ts';
import { type Ask, expectStatus, type Subject, spawnServer } from './subject.ts';

export interface ClientIdentity {
  readonly key: AssertionKey;
  /** Public JWK as JSON. */
  readonly publicJwk: string;
}

/** RFC 6749 section 4.4 with `private_key_jwt`. */
export function clientCredentials(
  identity: ClientIdentity,
  port: number,
  path: string,
  client: string,
): Ask {
  const issuer = `http://localhost:${port}`;
  const url = new URL(path, issuer);
  return {
    next: () =>
      formRequest(
        url,
        new URLSearchParams({
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion(identity.key, client, issuer),
        }),
      ),
    check: expectStatus(200),
  };
}

async function startNodeServer(
  name: string,
  script: string,
  path: string,
  identity: ClientIdentity,
  env: Readonly<Record<string, string>>,
): Promise<Subject> {
  const port = await freePort();
  const server = await spawnServer(script, {
    PORT: String(port),
    CLIENT_JWK: identity.publicJwk,
    ...env,
  });
  return {
    name,
    ports: [port],
    pids: [server.pid],
    issue: clientCredentials(identity, port, path, 'cursor'),
    stop: () => server.stop(),
  };
}

export function startBareLimit(
  identity: ClientIdentity,
  signingJwk: Secret,
  databaseUrl: Secret,
): Promise<Subject> {
  return startNodeServer('bare limit', 'bare-server.ts', '/token', identity, {
    SIGNING_JWK: signingJwk.reveal(),
    DATABASE_URL: databaseUrl.reveal(),
  });
}

export function startOidcProvider(identity: ClientIdentity, signingJwk: Secret): Promise<Subject> {
  return startNodeServer('oidc-provider', 'oidc-provider-server.ts', '/token', identity, {
    SIGNING_JWK: signingJwk.reveal(),
  });
}
