/** The use cases, assembled: each member is one call into the file that holds it. */
import { inputError, Secret, uuidv7 } from '@countersign/core';
import {
  accessRequest,
  fileAccessRequest,
  listAccessRequests,
  rejectAccessRequest,
} from './access-requests.ts';
import { checkpoint, exportLedger, ledgerVkey, listEntries, readEntry } from './audit.ts';
import { authenticateAgent, authenticateHuman } from './authenticate.ts';
import { openConnection } from './connection-credential.ts';
import { entryIntent } from './denial-log.ts';
import type { Deps } from './deps.ts';
import { codeHash, draft } from './drafts.ts';
import { exchange } from './exchange.ts';
import { explain, me } from './explain.ts';
import { issue } from './issue.ts';
import { idOf } from './named.ts';
import { revokeLease } from './revoke.ts';
import { signIn } from './sign-in.ts';
import { propose, reject, sign } from './statements.ts';
import type { HumanCaller, UseCases } from './use-cases.ts';
import {
  agentView,
  connectionView,
  environmentView,
  found,
  grantView,
  humanView,
  leaseView,
  pageById,
  statementView,
} from './views.ts';

const INVITATION_LIFE = 86_400_000;

export function createUseCases(deps: Deps): UseCases {
  const { authority } = deps;
  const { state } = authority;
  return {
    authenticateAgent: (presented) => authenticateAgent(deps, presented),
    authenticateHuman: (presented) => authenticateHuman(deps, presented),
    issue: (input) => issue(deps, input),
    exchange: (input) => exchange(deps, input),
    signIn: (input) => signIn(deps, input),
    me: (caller) => me(deps, caller),
    async giveBackLease(caller, id) {
      const lease = await deps.leases.find(id);
      if (lease === null || lease.agent !== caller.agent) {
        throw inputError('not_found', 'There is no such lease of yours.');
      }
      await revokeLease(deps, id, 'its agent gave it back');
    },
    fileAccessRequest: (caller, request) => fileAccessRequest(deps, caller, request),
    accessRequest: (caller, id, wait, signal) => accessRequest(deps, caller, id, wait, signal),
    accessRequests: (query) => listAccessRequests(deps, query),
    rejectAccessRequest: (caller, id, reason) => rejectAccessRequest(deps, caller, id, reason),
    broker: async () => ({
      issuer: deps.issuer,
      version: deps.version,
      broker: state.broker,
      ledger_key: deps.ledgerKey,
      ledger_vkey: ledgerVkey(deps),
    }),
    jwks: () => ({
      keys: [
        { ...deps.tokenSigner.publicJwk, kid: deps.tokenSigner.kid, alg: 'EdDSA', use: 'sig' },
      ],
    }),
    draft: (caller, request) => draft(deps, caller, request),
    propose: (caller, request) => propose(deps, caller, request),
    sign: (caller, id, signature) => sign(deps, caller, id, signature),
    reject: (caller, id, envelope) => reject(deps, caller, id, envelope),
    invite: (caller, invitation) => invite(deps, caller, invitation),
    async statements(query) {
      const now = deps.clock.now();
      const views = [...state.statements.values()].map((record) =>
        statementView(state, record, now),
      );
      return pageById(
        query.pending ? views.filter((view) => view.status === 'pending') : views,
        query,
      );
    },
    statement: async (id) =>
      statementView(state, found(state.statements.get(id), 'statement'), deps.clock.now()),
    humans: async (query) =>
      pageById(
        [...state.humans.values()].map((human) => humanView(state, human)),
        query,
      ),
    environments: async (query) =>
      pageById([...state.environments.values()].map(environmentView), query),
    agents: async (query) => pageById([...state.agents.values()].map(agentView), query),
    connections: async (query) =>
      pageById(
        [...state.connections.values()].map((connection) => connectionView(state, connection)),
        query,
      ),
    async checkConnection(id) {
      const connection = found(state.connections.get(idOf(state, 'connection', id)), 'connection');
      const { provider, opened } = await openConnection(deps, connection);
      const { ok, findings } = await provider.check(opened);
      return { ok, findings: findings.map((finding) => ({ ...finding })) };
    },
    async grants(query) {
      const records = [...state.statements.values()].filter(({ decoded }) => {
        if (decoded.statement.kind !== 'grant.create') return false;
        return (
          query.agent === null || decoded.statement.body.agent === idOf(state, 'agent', query.agent)
        );
      });
      const page = pageById(
        records.map((record) => ({ id: record.decoded.statement.id, record })),
        query,
      );
      const used = await deps.uses.used(page.items.map((item) => item.id));
      const now = deps.clock.now();
      return {
        items: page.items.flatMap(({ id, record }) => {
          const view = grantView(state, record, used.get(id) ?? 0, now);
          return view === null ? [] : [view];
        }),
        next: page.next,
      };
    },
    async grant(id) {
      const record = found(state.statements.get(id), 'grant');
      const used = await deps.uses.used([id]);
      return found(grantView(state, record, used.get(id) ?? 0, deps.clock.now()), 'grant');
    },
    async leases(query) {
      const page = await deps.leases.page({ ...query, limit: query.limit + 1 });
      const items = page.slice(0, query.limit).map((lease) => leaseView(state, lease));
      return { items, next: page.length > query.limit ? (items.at(-1)?.id ?? null) : null };
    },
    explain: (request) => explain(deps, request),
    auditEntries: (query) =>
      listEntries(deps, {
        ...query,
        agent: query.agent === null ? null : idOf(state, 'agent', query.agent),
      }),
    auditEntry: (id) => readEntry(deps, id),
    checkpoint: () => checkpoint(deps),
    auditExport: (query) => exportLedger(deps, query),
    async ready() {
      try {
        const head = await deps.journal.head();
        return authority.version >= 0 && head.authorityVersion <= authority.version;
      } catch {
        return false;
      }
    },
  };
}

/** A one-use code, kept as a hash. Not authority: it only lets a joiner propose their own enrolment. */
async function invite(
  deps: Deps,
  caller: HumanCaller,
  invitation: {
    readonly name: string;
    readonly roles: readonly string[];
    readonly groups: readonly string[];
  },
) {
  const { state } = deps.authority;
  const sponsor = state.humans.get(caller.human);
  if (sponsor === undefined || !sponsor.roles.some((role) => role !== 'auditor')) {
    throw inputError('forbidden', 'Only an admin or approver invites.');
  }
  if (state.broker === null) throw inputError('conflict', 'There is no genesis yet.');
  if (state.names.has(`human/${invitation.name}`)) {
    throw inputError('conflict', `The name ${invitation.name} is taken; names are never reused.`);
  }
  const code = Buffer.from(deps.random.bytes(18)).toString('base64url');
  const expiresAt = deps.clock.now() + INVITATION_LIFE;
  await deps.codes.invite(codeHash(code), {
    name: invitation.name,
    roles: [...new Set(invitation.roles)].sort(),
    groups: [...new Set(invitation.groups)].sort(),
    sponsor: caller.human,
    expiresAt,
  });
  await deps.journal.commit([
    entryIntent(uuidv7(deps.clock, deps.random), 'human.invited', {
      human: caller.human,
      name: invitation.name,
      roles: [...new Set(invitation.roles)].sort(),
    }),
  ]);
  return {
    code: new Secret('invitation code', code),
    url: deps.issuer,
    broker: state.broker,
    expiresAt,
  };
}
