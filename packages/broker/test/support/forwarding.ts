/**
 * A broker that forwards to a provider of two volumes, in memory but for the network: authority written down
 * by hand, real tokens, policy and entries, and a real server at the other end that says what it was sent.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AuthorityState, connectionPin, emptyState, type Grant } from '@countersign/authority';
import { dpopProof, newPrivateJwk, type SigningKey, signingKeyOf } from '@countersign/client';
import { type Effect, Secret, toInstant } from '@countersign/core';
import {
  type Gateway,
  type GatewayCall,
  type Provider,
  ProviderError,
  RequestRefusal,
} from '@countersign/provider-kit';
import { openUpstream } from '@countersign/provider-kit/upstream';
import { generateSigningKey, importSigner, mintAccessToken } from '@countersign/tokens';
import { createChanges } from '../../src/changes.ts';
import { commitmentTo } from '../../src/connection-credential.ts';
import { rulesOf } from '../../src/deciding.ts';
import { createDenialLog } from '../../src/denial-log.ts';
import type { Deps } from '../../src/deps.ts';
import { forward } from '../../src/forward.ts';
import { createOpenedConnections } from '../../src/opened-connections.ts';
import { createPace } from '../../src/pace.ts';
import type { Intent, OnceId, Outcome } from '../../src/ports.ts';
import { createShares } from '../../src/shares.ts';
import type { Decided, ForwardedAnswer, ForwardInput } from '../../src/use-cases.ts';

const ISSUER = 'http://localhost:8420';
const SALT = Buffer.alloc(32, 1).toString('base64url');
export const ROOT = new Secret('root credential', 'r00t-credential-of-volumes');
const DAY = 86_400_000;
let ids = 0;
/** UUIDv7-shaped, as the shapes of entries and tokens want ids. */
const newId = (): string => {
  ids += 1;
  return `01999f5e-7a40-7000-8000-${ids.toString(16).padStart(12, '0')}`;
};

/** Where each volume is, by the provider's own account. Tests move them. */
type World = Map<string, readonly string[]>;

interface Asked {
  readonly fresh: boolean;
  readonly volume: string;
}

const OPERATIONS: Readonly<Record<string, Effect>> = {
  read: 'read',
  resize: 'write',
  delete: 'delete',
};

/** `POST /volumes` with `[["resize", "vol_1"], …]`; `about` is of no environment. */
function volumeGateway(world: World, asked: Asked[], origin: () => string): Gateway {
  return {
    hosts: [],
    tokenHeaders: ['x-volume-token'],
    longestBody: 512,
    async classify(_connection, { method, path, body }) {
      if (method !== 'POST' || path !== '/volumes') {
        throw new RequestRefusal('unparseable_request', 'Volumes are spoken to at POST /volumes.');
      }
      const wanted: [string, string][] = JSON.parse(Buffer.from(body).toString('utf8'));
      const calls = wanted.map(
        ([name, volume]): GatewayCall => ({
          operation: `volumes:${name}`,
          resource: `volume/${volume}`,
        }),
      );
      const unknown = calls.find(({ operation }) => !(operation.slice(8) in OPERATIONS));
      if (unknown !== undefined) {
        throw new RequestRefusal('unknown_operation', 'It is none of ours.', calls);
      }
      return {
        calls,
        async resolve({ fresh, spend }) {
          const environments = new Set<string>();
          for (const [, volume] of wanted) {
            if (volume === 'about') continue;
            spend();
            asked.push({ fresh, volume });
            if (volume === 'silent') throw new ProviderError('unavailable', 'It says nothing.');
            const found = world.get(volume);
            if (found === undefined) {
              throw new RequestRefusal('environment_mismatch', 'There is no such volume.');
            }
            for (const id of found) environments.add(id);
          }
          return {
            calls,
            environments: [...environments],
            holds: [...new Set(wanted.map(([, volume]) => volume))].sort(),
            outbound: {
              method,
              url: new URL(`${origin()}/api`),
              headers: { 'content-type': 'application/json' },
              body: Buffer.from(JSON.stringify(wanted)),
            },
          };
        },
      };
    },
    inject: ({ credential }) => ({
      name: 'authorization',
      value: new Secret('header', `Bearer ${credential.reveal()}`),
    }),
    refused: (status) => status === 409,
  };
}

function volumeProvider(gateway: Gateway): Provider {
  // Only what forwarding asks of a provider; the rest belongs to drafts and leases.
  return {
    name: 'volumes',
    catalog: {
      provider: 'volumes',
      operations: Object.entries(OPERATIONS).map(([name, effect]) => ({
        name: `volumes:${name}`,
        summary: name,
        effects: [{ effect }],
        exchangeable: false,
      })),
    },
    canonicalResource: (_operation: string, resource: string) =>
      /^volume\/[a-z_0-9]+$/.test(resource) ? resource : null,
    wholeOf: (resource: string) => resource,
    covers: (_operation: string, granted: string, requested: string) => granted === requested,
    gateway,
  } as unknown as Provider;
}

export interface GrantWish {
  readonly operations: readonly string[];
  readonly volumes: readonly string[];
  readonly environment?: 'staging' | 'production';
  readonly maxUses?: number;
}

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

  return {
    ...broker,
    ...{ world, asked, received, state, key },
    answerWith(next: Answer): void {
      answer = next;
    },
    /** A token for everything granted, or for what is said. */
    async token(
      options: {
        readonly bound?: boolean;
        readonly environments?: readonly string[];
        readonly grants?: readonly string[];
        readonly operations?: readonly string[];
      } = {},
    ): Promise<string> {
      const { bound = true, environments = ['staging'] } = options;
      const grants = options.grants ?? [...state.grants.keys()];
      const now = Math.floor(Date.now() / 1000);
      const held = [...state.grants.values()].flatMap(({ body }) => body.permissions);
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
            ...(options.operations ??
              new Set(held.flatMap(({ operations }) => operations.map(({ name }) => name)))),
          ],
          resources: [...new Set(held.flatMap(({ resources }) => resources))],
        })),
        ...(bound ? { cnf: { jkt: key.thumbprint } } : {}),
      });
    },
    inputOf,
    async ask(token: string, options: AskOptions = {}): Promise<Decided<ForwardedAnswer>> {
      return await forward(broker.deps, await inputOf(token, options));
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
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

const HUMANS = ['alice', 'bob'];
const AGENT = newId();
const CONNECTION = newId();

function authorityOf(wishes: readonly GrantWish[], key: SigningKey): AuthorityState {
  const state: AuthorityState = {
    ...emptyState(),
    broker: Buffer.alloc(32, 9).toString('base64url'),
  };
  const { catalog } = volumeProvider(volumeGateway(new Map(), [], () => ''));
  state.catalogs.set('digest', catalog);
  state.latestCatalog.set('volumes', 'digest');
  for (const name of ['staging', 'production']) {
    const rule = {
      ...{ environment: null, name, class: name, quorum: 2, groups: [] },
      ...{ user_verified: 0, cool_off: 0, require_dpop: false },
    };
    state.environments.set(name, { id: name, name, rule });
    state.names.set(`environment/${name}`, name);
  }
  for (const name of HUMANS) {
    const addedAt = toInstant(Date.now() - DAY);
    state.humans.set(name, {
      ...{ id: name, name, roles: ['admin', 'approver'] as const, groups: [] },
      since: { 'role/admin': 0, 'role/approver': 0 },
      ...{ recovery: null, vouchedByOne: false, enrolledAt: addedAt, removedAt: null },
    });
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: name } as const;
    state.keys.set(name, {
      ...{ kid: name, human: name, type: 'passphrase' as const, jwk, addedAt, revokedAt: null },
    });
  }
  state.agents.set(AGENT, {
    id: AGENT,
    name: 'cursor',
    auth: { method: 'private_key_jwt', jwks: { keys: [] } },
    credentials: [key.thumbprint],
    requireDpop: false,
    disabledAt: null,
  });
  state.names.set('agent/cursor', AGENT);
  const body = {
    connection: null,
    name: 'disks',
    provider: 'volumes',
    endpoint: 'volumes.example',
    account: 'me',
    config: {},
    mapping: { staging: ['env-staging'], production: ['env-production'] },
    credential: commitmentTo(SALT, ROOT),
  };
  state.connections.set(CONNECTION, {
    id: CONNECTION,
    name: 'disks',
    body,
    setBy: CONNECTION,
    since: toInstant(Date.now() - DAY),
    former: [],
    removedAt: null,
  });
  state.names.set('connection/disks', CONNECTION);
  for (const wish of wishes) addGrant(state, wish);
  return state;
}

/** What can delete is as it should be: signed by both, pinned, bound to the agent's key, for one use. */
export function addGrant(state: AuthorityState, wish: GrantWish): string {
  const id = newId();
  const now = Date.now();
  const environment = wish.environment ?? 'staging';
  const isDangerous = wish.operations.includes('delete');
  const connection = state.connections.get(CONNECTION);
  const credentials = state.agents.get(AGENT)?.credentials ?? [];
  if (connection === undefined) throw new Error('there is a connection');
  const body: Grant['body'] = {
    agent: AGENT,
    connection: CONNECTION,
    environment,
    permissions: [
      {
        catalog: 'digest',
        operations: wish.operations.map((name) => ({
          name: `volumes:${name}`,
          effect: OPERATIONS[name] ?? 'escalate',
        })),
        resources: wish.volumes.map((volume) => `volume/${volume}`),
      },
    ],
    ttl: 300,
    valid_for: 3600,
    max_uses: wish.maxUses ?? (isDangerous ? 1 : null),
    pins: isDangerous
      ? {
          agent_credentials: [...credentials],
          connection: connectionPin(connection, environment),
        }
      : null,
    sender: isDangerous ? (credentials[0] ?? null) : null,
    sql: null,
    assessment: null,
    request: null,
    reason: 'a test',
  };
  state.grants.set(id, {
    ...{ id, body, completedAt: now - 1000, from: now - 1000, until: now + DAY },
    ...{ revokedAt: null, unpinnedAt: null },
  });
  const at = toInstant(now - 1000);
  state.statements.set(id, {
    decoded: {
      statement: { v: 1, kind: 'grant.create', id, broker: 'b', issued_at: at, sign_by: at, body },
      digest: '',
      payload: '',
    },
    status: 'complete',
    signatures: HUMANS.map((name) => ({ kid: name, human: name, at, entry: 1 })),
    proposedAt: at,
    basis: null,
    settledAt: at,
    effectiveFrom: null,
    rejection: null,
  });
  state.grantsOfAgent.set(AGENT, [...(state.grantsOfAgent.get(AGENT) ?? []), id]);
  return id;
}

/** A ledger in memory that keeps Law 4's promises: fenced, each id once, each use while one is left. */
function brokerOf(
  state: AuthorityState,
  gateway: Gateway,
  upstream: ReturnType<typeof openUpstream>,
) {
  const entries: { type: string; body: Readonly<Record<string, unknown>> }[] = [];
  const uses = new Map<string, number>();
  const seen = new Set<string>();
  const held: { names: readonly string[]; mode: string; released: boolean }[] = [];
  const keys: unknown[] = [];
  let version = 1;
  let beforeCommit: () => void = () => undefined;
  const clock = { now: () => Date.now() };
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
  const remember = async (id: OnceId): Promise<boolean> => {
    if (seen.has(id.id)) return false;
    seen.add(id.id);
    return true;
  };
  const commitOne = async (intent: Intent): Promise<Outcome> => {
    beforeCommit();
    if (intent.authorityVersion !== null && intent.authorityVersion !== version) {
      return { outcome: 'stale' };
    }
    for (const id of intent.once) if (!(await remember(id))) return { outcome: 'replayed' };
    for (const { grant, max } of intent.uses) {
      if ((uses.get(grant) ?? 0) >= max) return { outcome: 'exhausted', grant };
    }
    for (const { grant } of intent.uses) uses.set(grant, (uses.get(grant) ?? 0) + 1);
    for (const effect of intent.effects) {
      if (effect.kind !== 'return-use') continue;
      for (const grant of effect.grants) uses.set(grant, (uses.get(grant) ?? 0) - 1);
    }
    entries.push(...intent.entries);
    return { outcome: 'committed', index: entries.length, time: '', authorityVersion: version };
  };
  const journal = {
    commit: (intents: readonly Intent[]) => Promise.all(intents.map(commitOne)),
  };
  const providers = new Map([['volumes', volumeProvider(gateway)]]);
  const pace = (limit: number) =>
    createPace({ perSecond: 0.000_001, saved: limit, atOnce: limit }, () => performance.now());
  const changes = createChanges();
  const deps = {
    issuer: ISSUER,
    ...{ clock, random, journal, changes, providers, upstream },
    log: { warn: () => undefined, info: () => undefined },
    rules: rulesOf(providers),
    guardrails: null,
    uses: { used: async () => uses },
    sealed: { open: async () => ({ salt: SALT, credential: ROOT }) },
    tokenKeys: { verifying: async () => ({ keys }), refresh: async () => undefined },
    authority: {
      state,
      get version() {
        return version;
      },
      refresh: async () => undefined,
    },
    // A journal of two methods and what it is asked here.
    denials: createDenialLog({
      journal: journal as unknown as Deps['journal'],
      clock,
      random,
      remember,
    }),
    pace: pace(1000),
    resolving: pace(1000),
    shares: createShares({ atOnce: 1000, patience: 0 }),
    opened: createOpenedConnections(),
    holds: {
      async hold(names: readonly string[], mode: string) {
        const each = { names, mode, released: false };
        held.push(each);
        return {
          lost: new AbortController().signal,
          release: async () => {
            each.released = true;
          },
        };
      },
    },
    // Only what forwarding uses; the rest of the ports belongs to others.
  } as unknown as Deps;
  return {
    deps,
    ...{ entries, uses, held },
    trust: (publicJwk: unknown) => void keys.push(publicJwk),
    /** Entries of decisions, oldest first. */
    decisions: () => entries.filter(({ type }) => type === 'decision').map(({ body }) => body),
    /** Authority moved on: whatever was changed in `state` is folded now. */
    moved(): void {
      version += 1;
      changes.notify();
    },
    onCommit(step: () => void): void {
      beforeCommit = step;
    },
    withDeps: (change: Partial<Deps>): void => void Object.assign(deps, change),
    paceOf: pace,
  };
}
