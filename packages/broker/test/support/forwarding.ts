/**
 * A broker that forwards to a provider of two volumes, in memory but for the network: authority written down
 * by hand, real tokens, policy and entries, and a real server at the other end that says what it was sent.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dpopProof, newPrivateJwk, signingKeyOf } from '@countersign/client';
import { Secret } from '@countersign/core';
import { openUpstream } from '@countersign/provider-kit/upstream';
import { generateSigningKey, importSigner, mintAccessToken } from '@countersign/tokens';
import { forward } from '../../src/forward.ts';
import type { Decided, ForwardedAnswer, ForwardInput } from '../../src/use-cases.ts';
import { brokerOf, ISSUER } from './broker-in-memory.ts';
import { AGENT, authorityOf, type GrantWish, newId, revokeGrants } from './granted.ts';
import { type Asked, volumeGateway, type World } from './volumes.ts';

/** What the server at the other end was sent. */
interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (outgoing: ServerResponse, received: Received) => void;

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

export interface AskOptions {
  readonly calls?: readonly (readonly [string, string])[];
  readonly connection?: string;
  readonly body?: string;
  readonly proofBody?: string;
  readonly scheme?: 'Bearer' | 'DPoP';
  readonly headers?: Readonly<Record<string, string>>;
  readonly change?: Partial<ForwardInput>;
}

export async function forwarding(wishes: readonly GrantWish[] = []) {
  const received: Received[] = [];
  let answer: Answer = (outgoing) => outgoing.end('done');
  const server = createServer((incoming, outgoing) => {
    let body = '';
    incoming.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const last = { method, url, headers, body };
      received.push(last);
      answer(outgoing, last);
    });
  });
  const origin = await listen(server);
  const upstream = openUpstream();
  const world: World = new Map([
    ['vol_1', ['env-staging']],
    ['vol_2', ['env-staging']],
    ['vol_live', ['env-production']],
    ['vol_both', ['env-staging', 'env-production']],
    ['vol_lost', ['env-unmapped']],
  ]);
  const asked: Asked[] = [];
  const gateway = volumeGateway(world, asked, () => origin);
  const key = await signingKeyOf(await newPrivateJwk('agent'));
  const state = authorityOf(wishes, key);
  const broker = brokerOf(state, gateway, upstream);

  const minted = await importSigner((await newTokenKey()).privateJwk);
  async function newTokenKey() {
    const made = await generateSigningKey();
    broker.trust(made.publicJwk);
    return made;
  }

  /** As an honest client would ask, but for what `options` say. */
  async function inputOf(token: string, options: AskOptions = {}): Promise<ForwardInput> {
    const body = options.body ?? JSON.stringify(options.calls ?? [['read', 'vol_1']]);
    const bound = token.split('.')[1] ?? '';
    const isBound = 'cnf' in JSON.parse(Buffer.from(bound, 'base64url').toString());
    const url = `${ISSUER}/gateway/disks/volumes`;
    const proof = await dpopProof(key, {
      method: 'POST',
      url,
      now: Date.now(),
      accessToken: new Secret('token', token),
      body: Buffer.from(options.proofBody ?? body),
    });
    return {
      connection: options.connection ?? 'disks',
      method: 'POST',
      path: '/volumes',
      query: null,
      url,
      authorization: { scheme: options.scheme ?? (isBound ? 'DPoP' : 'Bearer'), token },
      proof: isBound ? proof : null,
      headers: new Map(Object.entries(options.headers ?? {})),
      readBody: async () => Buffer.from(body),
      signal: new AbortController().signal,
      ...options.change,
    };
  }

  /** A token for everything granted, or for what is said. */
  async function token(
    options: {
      readonly bound?: boolean;
      readonly environments?: readonly string[];
      readonly grants?: readonly string[];
      readonly operations?: readonly string[];
      /** By environment; in the others none. */
      readonly operationsIn?: Readonly<Record<string, readonly string[]>>;
    } = {},
  ): Promise<string> {
    const { bound = true, environments = ['staging'] } = options;
    const grants = options.grants ?? [...state.grants.keys()];
    const now = Math.floor(Date.now() / 1000);
    const held = [...state.grants.values()].flatMap(({ body }) => body.permissions);
    const names = held.flatMap(({ operations }) => operations.map(({ name }) => name));
    const { operations = [...new Set(names)], operationsIn } = options;
    return await mintAccessToken(minted, {
      iss: ISSUER,
      sub: AGENT,
      aud: ISSUER,
      iat: now,
      nbf: now,
      exp: now + 120,
      jti: newId(),
      client_id: AGENT,
      grants: [...grants],
      authorization_details: environments.map((environment) => ({
        type: 'countersign' as const,
        connection: 'disks',
        environment,
        operations: [
          ...(operationsIn === undefined ? operations : (operationsIn[environment] ?? [])),
        ],
        resources: [...new Set(held.flatMap(({ resources }) => resources))],
      })),
      ...(bound ? { cnf: { jkt: key.thumbprint } } : {}),
    });
  }

  async function ask(shown: string, options: AskOptions = {}): Promise<Decided<ForwardedAnswer>> {
    return await forward(broker.deps, await inputOf(shown, options));
  }

  return {
    ...broker,
    ...{ world, asked, received, state, key },
    answerWith(next: Answer): void {
      answer = next;
    },
    token,
    inputOf,
    ask,
    /** What became of it: `allowed`, or the code. */
    async outcomeOf(options: AskOptions = {}, shown?: string): Promise<string> {
      const decided = await ask(shown ?? (await token()), options);
      if (!decided.allowed) return decided.denial.code;
      await textOf(decided.value);
      return 'allowed';
    },
    /** A human revokes all that was granted. */
    revoked(): void {
      revokeGrants(state);
      broker.moved();
    },
    async stop(): Promise<void> {
      await upstream.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type Forwarding = Awaited<ReturnType<typeof forwarding>>;

export async function textOf({ body }: ForwardedAnswer): Promise<string> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
