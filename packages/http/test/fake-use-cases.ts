/** Use cases that answer with the smallest valid view, and a record of which were called with what. */
import type {
  Decided,
  Denial,
  ExchangedCredential,
  ForwardedAnswer,
  UseCases,
} from '@countersign/broker';
import type {
  AccessRequestView,
  ExportHeader,
  GrantView,
  StatementAnswer,
  StatementView,
} from '@countersign/contract';
import { CountersignError, Secret } from '@countersign/core';

export const ID = '018f0000-0000-7000-8000-000000000001';
export const DECISION = '018f0000-0000-7000-8000-00000000dec1';
export const DIGEST = `${'A'.repeat(42)}A`;
const NOW = '2026-11-20T12:00:00.000Z';
export const ISSUER = 'https://broker.example.com';

/** Everything secret the fake knows; none of it may show up where it was not asked for. */
export const SECRETS = {
  accessToken: 'secret-access-token',
  password: 'secret-database-password',
  session: 'secret-session-token',
  invitation: 'secret-invitation-code',
} as const;

const detail = {
  type: 'countersign' as const,
  connection: 'pg',
  environment: 'staging',
  operations: ['postgres:select'],
  resources: ['public.orders'],
};

export const accessRequest: AccessRequestView = {
  id: ID,
  agent: 'cursor',
  status: 'open',
  authorization_details: [detail],
  reason: null,
  sender: null,
  rejection: null,
  statement: null,
  created_at: NOW,
};

const statement: StatementView = {
  id: ID,
  kind: 'grant.revoke',
  status: 'pending',
  have: 1,
  need: 2,
  missing: [],
  signatures: [],
  proposed_at: NOW,
  settled_at: null,
  effective_from: null,
  sign_by: NOW,
  rejection: null,
  payload: 'e30',
};
const statementAnswer: StatementAnswer = {
  ...statement,
  leases_revoked: 0,
  leases_pending: 0,
  mirrored: null,
};

const grant: GrantView = {
  id: ID,
  status: 'active',
  reasons: [],
  delete_capable: false,
  effect: 'read',
  agent: 'cursor',
  connection: 'pg',
  environment: 'staging',
  permissions: [
    {
      catalog: DIGEST,
      operations: [{ name: 'postgres:select', effect: 'read' }],
      resources: ['public.orders'],
    },
  ],
  ttl: 300,
  valid_for: 3600,
  max_uses: null,
  used: 0,
  from: NOW,
  until: NOW,
  have: 1,
  need: 1,
  signatures: [],
  pins: null,
  sender: null,
  uses_left: null,
  depends_on: [],
  request: null,
  reason: 'because',
  sql: null,
  assessment: null,
};

const credential: ExchangedCredential = {
  leaseId: ID,
  kind: 'postgres',
  primary: new Secret('password', SECRETS.password),
  credential: {
    host: 'db',
    port: 5432,
    username: 'u',
    password: new Secret('password', SECRETS.password),
  },
  expiresIn: 300,
  authorizationDetails: [detail],
};

/** An answer in two pieces. */
export function forwarded(change: Partial<ForwardedAnswer> = {}): ForwardedAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: (async function* () {
      yield Buffer.from('{"data":');
      yield Buffer.from('null}');
    })(),
    close: () => undefined,
    ...change,
  };
}

const header: ExportHeader = {
  format: 'countersign-export/1',
  broker: null,
  checkpoint: 'c',
  vkey: 'v',
  authority_only: false,
};

function allow<T>(value: T): Promise<Decided<T>> {
  return Promise.resolve({ allowed: true, decision: DECISION, value });
}

export function deny(denial: Partial<Denial>): Promise<Decided<never>> {
  return Promise.resolve({
    allowed: false,
    denial: {
      code: 'not_granted',
      detail: 'No grant covers postgres:drop on public.orders.',
      decision: DECISION,
      request: null,
      oauthError: 'access_denied',
      ...denial,
    },
  });
}

const nothing = <T>(items: readonly T[] = []) => Promise.resolve({ items, next: null });

const base: UseCases = {
  authenticateAgent: async ({ token }) => {
    if (token !== 'agent' && !token.startsWith('e')) refuseToken();
    return {
      kind: 'agent',
      agent: 'cursor',
      jti: 'j',
      jkt: null,
      grants: [],
      version: 1,
      stands: async () => undefined,
    };
  },
  authenticateHuman: async ({ token }) => {
    if (token !== 'human' && !token.startsWith('e')) refuseToken();
    return { kind: 'human', human: 'alice', kid: DIGEST };
  },
  issue: () =>
    allow({
      accessToken: new Secret('access token', SECRETS.accessToken),
      tokenType: 'DPoP' as const,
      expiresIn: 300,
      authorizationDetails: [detail],
    }),
  exchange: () => allow(credential),
  forward: () => allow(forwarded()),
  signIn: () => allow({ accessToken: new Secret('session', SECRETS.session), expiresIn: 28_800 }),
  me: async () => ({
    agent: 'cursor',
    authorization_details: [],
    grants: [],
    may_request: [],
    may_request_omitted: 0,
  }),
  giveBackLease: async () => undefined,
  fileAccessRequest: () => allow(accessRequest),
  accessRequest: async () => accessRequest,
  accessRequests: () => nothing([accessRequest]),
  rejectAccessRequest: async () => ({ ...accessRequest, status: 'rejected', rejection: 'no' }),
  broker: async () => ({
    issuer: ISSUER,
    version: '1',
    broker: null,
    ledger_key: { kty: 'OKP', crv: 'Ed25519', x: DIGEST },
    ledger_vkey: 'v',
  }),
  jwks: () => ({ keys: [] }),
  draft: async () => ({
    statement: {
      v: 1,
      kind: 'grant.revoke',
      id: ID,
      broker: DIGEST,
      issued_at: NOW,
      sign_by: NOW,
      body: { grant: ID, reason: 'because' },
    },
    notes: [],
    clientSecret: null,
  }),
  propose: async () => statementAnswer,
  sign: async () => statementAnswer,
  reject: async () => statementAnswer,
  invite: async () => ({
    code: new Secret('invitation', SECRETS.invitation),
    url: ISSUER,
    broker: DIGEST,
    expiresAt: Date.parse(NOW),
  }),
  statements: () => nothing([statement]),
  statement: async () => statement,
  humans: () => nothing(),
  environments: () => nothing(),
  agents: () => nothing(),
  connections: () => nothing(),
  checkConnection: async () => ({ ok: true, findings: [], escapes: [] }),
  grants: () => nothing([grant]),
  grant: async () => grant,
  freezes: () => nothing(),
  guardrails: () => nothing(),
  testGuardrail: async () => ({
    from: NOW,
    until: NOW,
    complete: true,
    decisions: 0,
    denied: 0,
    unjudged: 0,
    policies: [],
    items: [],
    next: null,
  }),
  catalogs: () => nothing(),
  recordCatalog: async () => ({ provider: 'tasks', digest: DIGEST, operations: 1 }),
  runGrant: async () => ({
    allowed: true,
    decision: DECISION,
    value: { id: ID, grant: ID, outcome: 'committed', changes: null, failure: null },
  }),
  leases: () => nothing(),
  explain: async () => ({
    allowed: false,
    code: 'not_granted',
    effect: null,
    steps: [],
    grants: [],
  }),
  auditEntries: () => nothing(),
  auditEntry: async () => ({ index: 0, id: ID, type: 'x', time: NOW, body: {} }),
  identities: async () => ({
    from: NOW,
    until: NOW,
    counted: { entries: 0, of: 0 },
    production: [],
    items: [],
    next: null,
  }),
  everyIdentity: async function* () {},
  doctor: async () => ({ checked_at: NOW, findings: [] }),
  checkpoint: async () => 'broker.example.com\n0\nroot\n\n— sig\n',
  auditExport: async function* () {
    yield header;
    yield { index: 0, leaf_hash: 'h', entry: {} };
  },
  readiness: async () => 'ready',
};

function refuseToken(): never {
  throw new CountersignError('invalid_token', 'The token was not made by this broker.');
}

export interface Recorded {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** @param overrides use cases that answer otherwise in this test */
export function fakeUseCases(overrides: Partial<UseCases> = {}): {
  useCases: UseCases;
  calls: Recorded[];
} {
  const calls: Recorded[] = [];
  const useCases = new Proxy<UseCases>(
    { ...base, ...overrides },
    {
      get(target, name, receiver) {
        const method: unknown = Reflect.get(target, name, receiver);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) => {
          if (!String(name).startsWith('authenticate')) calls.push({ name: String(name), args });
          return Reflect.apply(method, target, args);
        };
      },
    },
  );
  return { useCases, calls };
}
