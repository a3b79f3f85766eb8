/** The use cases, assembled: each member is one call into the file that holds it. */
import { type AuthorityState, presentConnection } from '@countersign/authority';
import { CountersignError, inputError } from '@countersign/core';
import {
  accessRequest,
  fileAccessRequest,
  listAccessRequests,
  rejectAccessRequest,
} from './access-requests.ts';
import { checkpoint, exportLedger, ledgerVkey, listEntries, readEntry } from './audit.ts';
import { authenticateAgent, authenticateHuman } from './authenticate.ts';
import { createBoundedWork } from './bounded-work.ts';
import { catalogViews } from './catalog-view.ts';
import { checkConnection } from './connection-checks.ts';
import type { Deps } from './deps.ts';
import { doctor } from './doctor.ts';
import { draft } from './drafts.ts';
import { exchange } from './exchange.ts';
import { explain, me } from './explain.ts';
import { forward } from './forward.ts';
import { testGuardrail } from './guardrail-test.ts';
import { whileNotHalted } from './halted.ts';
import { everyIdentity, reportIdentities } from './identities.ts';
import { invite } from './invitations.ts';
import { issue } from './issue.ts';
import { idOf } from './named.ts';
import { readiness } from './readiness.ts';
import { recordDescription } from './record-description.ts';
import { removalOf } from './remove-connection.ts';
import { keptCredentials } from './retire-credentials.ts';
import { isGone } from './revoke.ts';
import { requireRole } from './roles.ts';
import { runGrant } from './run-grant.ts';
import { signIn } from './sign-in.ts';
import { propose, reject, sign } from './statements.ts';
import type { UseCases } from './use-cases.ts';
import {
  agentView,
  connectionView,
  environmentView,
  found,
  freezeView,
  grantView,
  guardrailView,
  humanView,
  isPending,
  leaseView,
  pageById,
  statementView,
  unsettledRecords,
} from './views.ts';

export function createUseCases(deps: Deps): UseCases {
  const { authority } = deps;
  const { state } = authority;
  const testing = createBoundedWork({
    running: 1,
    waiting: 4,
    refusal: 'Other guardrails are being tested. Try again shortly.',
  });
  return whileNotHalted(deps, {
    authenticateAgent: (presented) => authenticateAgent(deps, presented),
    authenticateHuman: (presented) => authenticateHuman(deps, presented),
    issue: (input) => issue(deps, input),
    exchange: (input) => exchange(deps, input),
    forward: (input) => forward(deps, input),
    signIn: (input) => signIn(deps, input),
    me: (caller, like) => me(deps, caller, like),
    async giveBackLease(caller, id) {
      const lease = await deps.leases.find(id);
      if (lease === null || lease.agent !== caller.agent) {
        throw inputError('not_found', 'There is no such lease of yours.');
      }
      const { pending } = await deps.revoker.revoke([lease], 'its agent gave it back');
      if (pending === 0 || (await isGone(deps, id))) return;
      throw new CountersignError(
        'provider_unavailable',
        'The credential could not be taken back yet. The broker tries again until it is gone.',
      );
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
      keys: deps.tokenKeys
        .published()
        .map(({ publicJwk, kid }) => ({ ...publicJwk, kid, alg: 'EdDSA', use: 'sig' })),
    }),
    draft: (caller, request) => draft(deps, caller, request),
    propose: (caller, request) => propose(deps, caller, request),
    sign: (id, signature) => sign(deps, id, signature),
    reject: (caller, id, envelope) => reject(deps, caller, id, envelope),
    invite: (caller, invitation) => invite(deps, caller, invitation),
    async statements(query) {
      const now = deps.clock.now();
      const pending = () =>
        unsettledRecords(state)
          .filter((record) => isPending(record, now))
          .map(({ decoded }) => decoded.statement.id);
      const ids = query.pending ? pending() : [...state.statements.keys()];
      const page = pageById(
        ids.map((id) => ({ id })),
        query,
      );
      return {
        items: page.items.map(({ id }) =>
          statementView(state, found(state.statements.get(id), 'statement'), now),
        ),
        next: page.next,
      };
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
    async connections(query) {
      const { items, next } = pageById(state.connections.values(), query);
      const views = items.map(async (connection) =>
        connectionView(state, connection, {
          state: await removalOf(deps, connection),
          former_credentials: await keptCredentials(deps, connection),
        }),
      );
      return { items: await Promise.all(views), next };
    },
    async catalogs({ after, limit }) {
      const rest = catalogViews(state).filter(({ provider }) => provider > (after ?? ''));
      const items = rest.slice(0, limit);
      return { items, next: rest.length > limit ? (items.at(-1)?.provider ?? null) : null };
    },
    recordCatalog: (caller, description) => recordDescription(deps, caller, description),
    async checkConnection(caller, id) {
      requireRole(state, caller, ['admin', 'approver']);
      const connection = found(
        presentConnection(state, idOf(state, 'connection', id)),
        'connection, or it was removed',
      );
      return await checkConnection(deps, connection);
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
    freezes: async (query) =>
      pageById(
        [...state.freezes.values()]
          .filter(({ liftedAt }) => !query.standing || liftedAt === null)
          .map((freeze) => freezeView(state, freeze)),
        query,
      ),
    guardrails: async (query) =>
      pageById(
        [...state.guardrails.values()]
          .filter(({ removedAt }) => !query.standing || removedAt === null)
          .map((guardrail) => guardrailView(state, guardrail)),
        query,
      ),
    testGuardrail: (request) => testing.run(() => testGuardrail(deps, request)),
    async leases(query) {
      const page = await deps.leases.page({ ...query, limit: query.limit + 1 });
      const items = page.slice(0, query.limit).map((lease) => leaseView(state, lease));
      return { items, next: page.length > query.limit ? (items.at(-1)?.id ?? null) : null };
    },
    runGrant: (caller, grant, request) => runGrant(deps, caller, grant, request),
    explain: (request) => explain(deps, request),
    auditEntries: (query) =>
      listEntries(deps, {
        ...query,
        agent: query.agent === null ? null : idOf(state, 'agent', query.agent),
      }),
    auditEntry: (id) => readEntry(deps, id),
    identities: async ({ since, after, limit, ...who }) =>
      await reportIdentities(deps, { since, after, limit, only: onlyOf(state, who) }),
    everyIdentity: ({ since, ...who }) => everyIdentity(deps, { since, only: onlyOf(state, who) }),
    doctor: (caller) => doctor(deps, caller),
    checkpoint: () => checkpoint(deps),
    auditExport: (query) => exportLedger(deps, query),
    readiness: () => readiness(deps),
  });
}

/** The one agent or human that is asked for; null: everybody. */
function onlyOf(
  state: AuthorityState,
  { agent, human }: { readonly agent: string | null; readonly human: string | null },
): string | null {
  if (agent !== null && human !== null) {
    throw inputError('invalid_request', 'Of an agent or of a human, not of both.');
  }
  if (agent !== null) return idOf(state, 'agent', agent);
  return human === null ? null : idOf(state, 'human', human);
}
