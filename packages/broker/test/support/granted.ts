/** Authority written down by hand, as the fold would have left it: two humans, one agent, and what it was granted. */
import { type AuthorityState, connectionPin, emptyState, type Grant } from '@countersign/authority';
import type { SigningKey } from '@countersign/client';
import { Secret, toInstant } from '@countersign/core';
import { commitmentTo } from '../../src/connection-credential.ts';
import { OPERATIONS, volumeGateway, volumeProvider } from './volumes.ts';

const DAY = 86_400_000;
export const LONG_AGO = '2026-11-20T12:00:00.000Z';

export const SALT = Buffer.alloc(32, 1).toString('base64url');
export const ROOT = new Secret('root credential', 'r00t-credential-of-volumes');

let ids = 0;
/** UUIDv7-shaped, as the shapes of entries and tokens want ids. */
export const newId = (): string => {
  ids += 1;
  return `01999f5e-7a40-7000-8000-${ids.toString(16).padStart(12, '0')}`;
};

export interface GrantWish {
  readonly operations: readonly string[];
  readonly volumes: readonly string[];
  readonly environment?: 'staging' | 'production';
  readonly maxUses?: number;
}

export const RESIZE: GrantWish = {
  operations: ['read', 'resize'],
  volumes: ['vol_1', 'vol_2', 'about'],
};
export const DELETE: GrantWish = {
  operations: ['delete'],
  volumes: ['vol_1', 'vol_2', 'vol_live'],
};

const HUMANS = ['alice', 'bob'];
export const AGENT = newId();
const CONNECTION = newId();

export function authorityOf(wishes: readonly GrantWish[], key: SigningKey): AuthorityState {
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

/** As one human could at any time. */
export function revokeGrants(state: AuthorityState): void {
  for (const [id, grant] of state.grants) {
    state.grants.set(id, { ...grant, revokedAt: LONG_AGO });
  }
}
