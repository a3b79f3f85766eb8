/**
 * A state of authority written down by hand, as the fold would have left it: decisions are judged here,
 * not statements. One provider with its own idea of resources, three humans, two agents, two environments.
 */
import { type AuthorityState, connectionPin, emptyState, type Grant } from '@countersign/authority';
import type { Catalog, Effect } from '@countersign/core';
import {
  decide,
  type Facts,
  type Question,
  type ResourceRules,
  type Verdict,
} from '../../src/index.ts';

export const NOW = Date.parse('2026-11-20T12:00:00.000Z');
export const HOUR = 3_600_000;
const TIME = '2026-11-20T09:00:00.000Z';

const operation = (name: string, effects: Catalog['operations'][number]['effects']) => ({
  name: `db:${name}`,
  summary: name,
  effects,
  exchangeable: name !== 'vacuum',
});

export const CATALOG: Catalog = {
  provider: 'db',
  operations: [
    operation('drop', [{ effect: 'delete' }]),
    operation('run', [{ effect: 'execute' }]),
    operation('select', [{ effect: 'read' }]),
    operation('update', [
      { effect: 'write' },
      { effect: 'delete', environment_class: 'production', whole_resource: true },
    ]),
    operation('vacuum', [{ effect: 'write' }]),
  ],
};

/** `a`, or `a(x)` for a part of it; letter case does not matter. `*` is what a careless provider lets pass. */
export const RULES: ResourceRules = {
  canonical: (_operation, resource) =>
    /^(?:\*|[a-c](?:\((?:x|y|x,y)\))?)$/i.test(resource) ? resource.toLowerCase() : null,
  covers: (_operation, granted, requested) =>
    granted === requested ||
    (granted.length === 1 && requested.startsWith(`${granted}(`)) ||
    (granted.endsWith('(x,y)') && requested.length === 4 && requested[0] === granted[0]),
  whole: (resource) => resource.replace(/\(.*$/, ''),
  runnable: () => false,
  forwardable: () => false,
  exchangeable: (name) => CATALOG.operations.some((op) => op.name === name && op.exchangeable),
};

export const KEY = { registered: 'registered-key', proof: 'proof-key', stranger: 'stranger-key' };

/** What a test says of a grant; everything left out is as it should be. */
export interface Wish {
  readonly agent?: string;
  readonly connection?: string;
  readonly environment?: string;
  readonly permissions: readonly {
    readonly operations: Readonly<Record<string, Effect>>;
    readonly resources: readonly string[];
  }[];
  readonly signers?: readonly string[];
  readonly maxUses?: number | null;
  /** Seconds. */
  readonly ttl?: number;
  readonly sql?: string;
  readonly reason?: string;
  readonly sender?: string | null;
  readonly pins?: 'none' | 'kept' | 'broken';
  readonly revoked?: boolean;
  /** Milliseconds from NOW. */
  readonly from?: number;
  readonly until?: number;
}

const human = (id: string, roles: readonly ('admin' | 'approver')[], removedAt: string | null) => ({
  id,
  name: id,
  roles,
  groups: [],
  since: Object.fromEntries(roles.map((role) => [`role/${role}`, 0])),
  recovery: null,
  vouchedByOne: false,
  enrolledAt: TIME,
  removedAt,
});

/** Alice is admin and approver, Bob approver, Gone was one. Their keys are called as they are. */
export function authority(wishes: readonly Wish[] = []): AuthorityState {
  const state = emptyState();
  state.catalogs.set('digest', CATALOG);
  state.latestCatalog.set('db', 'digest');
  state.humans.set('alice', human('alice', ['admin', 'approver'], null));
  state.humans.set('bob', human('bob', ['approver'], null));
  state.humans.set('gone', human('gone', ['approver'], TIME));
  for (const id of ['alice', 'bob', 'gone']) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: id } as const;
    const revokedAt = id === 'gone' ? TIME : null;
    state.keys.set(id, { kid: id, human: id, type: 'passphrase', jwk, addedAt: TIME, revokedAt });
  }
  for (const name of ['production', 'staging']) {
    const rule = {
      environment: null,
      name,
      class: name,
      quorum: 2,
      groups: [],
      user_verified: 0,
      cool_off: 0,
      require_dpop: false,
    };
    state.environments.set(`${name}-id`, { id: `${name}-id`, name, rule });
    state.names.set(`environment/${name}`, `${name}-id`);
  }
  for (const name of ['ci', 'etl', 'old']) {
    state.agents.set(name, {
      id: name,
      name,
      auth: { method: 'private_key_jwt', jwks: { keys: [] } },
      credentials: [KEY.registered],
      requireDpop: name === 'etl',
      disabledAt: name === 'old' ? TIME : null,
    });
  }
  const body = {
    connection: null,
    name: 'main',
    provider: 'db',
    endpoint: 'db.example',
    account: 'broker',
    config: {},
    mapping: { 'production-id': ['prod-1'], 'staging-id': ['stage-1', 'stage-2'] },
    credential: 'commitment',
  };
  for (const name of ['main', 'second']) {
    const id = `${name}-id`;
    state.names.set(`connection/${name}`, id);
    state.connections.set(id, {
      id,
      name,
      body: { ...body, name },
      setBy: id,
      since: '2026-11-20T12:00:00.000Z',
      former: [],
      removedAt: null,
    });
  }
  wishes.forEach((wish, index) => {
    addGrant(state, `grant-${index}`, wish);
  });
  return state;
}

/** Authority where another catalog was recorded later. */
export function knowing(wishes: readonly Wish[], catalog: Catalog): AuthorityState {
  const state = authority(wishes);
  state.catalogs.set('newer', catalog);
  return state;
}

function addGrant(state: AuthorityState, id: string, wish: Wish): void {
  const agent = wish.agent ?? 'ci';
  const connection = state.connections.get(wish.connection ?? 'main-id');
  if (connection === undefined) throw new Error(`no connection ${wish.connection}`);
  const environment = wish.environment ?? 'production-id';
  const from = NOW + (wish.from ?? -HOUR);
  const until = NOW + (wish.until ?? HOUR);
  const pins = {
    agent_credentials: [wish.pins === 'broken' ? KEY.stranger : KEY.registered],
    connection: connectionPin(connection, environment),
  };
  const body: Grant['body'] = {
    agent,
    connection: connection.id,
    environment,
    permissions: wish.permissions.map(({ operations, resources }) => ({
      catalog: 'digest',
      operations: Object.entries(operations).map(([name, effect]) => ({ name, effect })),
      resources: [...resources],
    })),
    ttl: wish.ttl ?? 900,
    valid_for: Math.max(1, (until - from) / 1000),
    max_uses: wish.maxUses ?? null,
    pins: (wish.pins ?? 'none') === 'none' ? null : pins,
    sender: wish.sender ?? null,
    sql: wish.sql ?? null,
    assessment: null,
    request: null,
    reason: wish.reason ?? 'because',
  };
  const revokedAt = wish.revoked === true ? TIME : null;
  const dates = { completedAt: from, from, until, revokedAt, unpinnedAt: null };
  state.grants.set(id, { id, body, ...dates });
  const statement = {
    v: 1,
    kind: 'grant.create',
    id,
    broker: 'b',
    issued_at: TIME,
    sign_by: TIME,
    body,
  } as const;
  state.statements.set(id, {
    decoded: { statement, digest: '', payload: '' },
    status: 'complete',
    signatures: (wish.signers ?? ['alice']).map((kid) => ({ kid, human: kid, at: TIME, entry: 1 })),
    proposedAt: TIME,
    basis: null,
    settledAt: TIME,
    effectiveFrom: null,
    rejection: null,
  });
  state.grantsOfAgent.set(agent, [...(state.grantsOfAgent.get(agent) ?? []), id]);
}

/** A delete-capable grant as it should be: one use, both approvers, pinned, bound to the registered key. */
export const DANGEROUS = {
  signers: ['alice', 'bob'],
  maxUses: 1,
  pins: 'kept',
  sender: KEY.registered,
} as const;

export function factsOf(state: AuthorityState, change: Partial<Facts> = {}): Facts {
  return {
    authority: state,
    uses: new Map(),
    rules: new Map([['db', RULES]]),
    provenIds: () => ['prod-1'],
    guardrails: null,
    ...change,
  };
}

export function question(change: Partial<Question> = {}): Question {
  return {
    agent: 'ci',
    sender: null,
    connection: 'main',
    environment: 'production',
    asks: [{ operations: ['db:select'], resources: ['a'] }],
    grants: null,
    use: 'either',
    ...change,
  };
}

export const READ: Wish = {
  permissions: [{ operations: { 'db:select': 'read' }, resources: ['a'] }],
};
export const DROP: Wish = {
  ...DANGEROUS,
  permissions: [{ operations: { 'db:drop': 'delete' }, resources: ['a'] }],
};
export const dropA = { asks: [{ operations: ['db:drop'], resources: ['a'] }] };

export function verdict(
  wishes: readonly Wish[],
  asked: Partial<Question> = {},
  facts: Partial<Facts> = {},
): Verdict {
  return decide(factsOf(authority(wishes), facts), question(asked), NOW);
}

/** What differs from a read that was granted and is asked for. */
export interface Given {
  readonly wishes?: readonly Wish[];
  readonly asked?: Partial<Question>;
  readonly facts?: Partial<Facts>;
}

/** The verdict where nothing differs but what is said. */
export function verdictOf({ wishes = [READ], asked, facts }: Given): Verdict {
  return verdict(wishes, asked, facts);
}
