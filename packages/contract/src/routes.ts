/**
 * Every route, once: what it takes, what it answers, who may call it. The server validates by this
 * table, the client types itself from it, and the OpenAPI document is generated from it.
 */
import { z } from 'zod';
import { DoctorView } from './doctor.ts';
import { Id, Instant, Name } from './primitives.ts';
import { IdentitiesView } from './reports.ts';
import {
  DraftRequest,
  ExplainRequest,
  FileAccessRequest,
  InviteAnswer,
  InviteRequest,
  ProposeRequest,
  RecordCatalogRequest,
  RejectAccessRequest,
  RejectRequest,
  RunRequest,
  SignRequest,
  TestGuardrailRequest,
  TokenAnswer,
  TokenRequest,
} from './requests.ts';
import {
  AccessRequestView,
  AgentView,
  BrokerView,
  CatalogView,
  ConnectionCheckView,
  ConnectionView,
  DraftAnswer,
  EntryView,
  EnvironmentView,
  ExplainView,
  FreezeView,
  GrantView,
  GuardrailTestView,
  GuardrailView,
  HumanView,
  LeaseView,
  MeView,
  pageOf,
  RecordedCatalogView,
  RunView,
  StatementAnswer,
  StatementView,
} from './views.ts';

/**
 * none: anyone. client: the token endpoint's own authentication. agent: an access token. human: a
 * DPoP-bound session. code: a session, or the one-time code in the body. operator: the metrics token, or
 * a peer on the server's own machine.
 */
export type RouteAuth =
  | 'none'
  | 'client'
  | 'agent'
  | 'human'
  | 'code'
  | 'agent-or-human'
  | 'operator';

export interface Route {
  readonly method: 'get' | 'post' | 'delete';
  /** OpenAPI path template. */
  readonly path: string;
  readonly summary: string;
  readonly auth: RouteAuth;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: {
    readonly type: 'json' | 'form';
    readonly schema: z.ZodType;
    /** Bytes, where it is more than is read of others. */
    readonly longest?: number;
  };
  readonly status: 200 | 201 | 204;
  readonly answer?: z.ZodType;
  /** Content type of an answer that is not JSON, or of another form of it. */
  readonly media?: string;
}

function route<const R extends Route>(definition: R): R {
  return definition;
}

const ById = z.strictObject({ id: Id });
/** Keyset paging: `after` is an earlier page's `next`. */
const Page = z.strictObject({
  after: z.string().min(1).max(64).exactOptional(),
  limit: z.coerce.number().int().min(1).max(500).exactOptional(),
});
const anyJson = z.record(z.string(), z.json());

/** Bytes of the description of an API. */
const LONGEST_DESCRIPTION = 1_048_576;

export const routes = {
  metadata: route({
    method: 'get',
    path: '/.well-known/oauth-authorization-server',
    summary: 'Authorization server metadata (RFC 8414).',
    auth: 'none',
    status: 200,
    answer: anyJson,
  }),
  resourceMetadata: route({
    method: 'get',
    path: '/.well-known/oauth-protected-resource',
    summary: 'Protected resource metadata (RFC 9728).',
    auth: 'none',
    status: 200,
    answer: anyJson,
  }),
  jwks: route({
    method: 'get',
    path: '/.well-known/jwks.json',
    summary: 'Keys that verify access tokens (RFC 7517).',
    auth: 'none',
    status: 200,
    answer: anyJson,
  }),
  token: route({
    method: 'post',
    path: '/oauth/token',
    summary: 'Mint a token, exchange one for a provider credential, or sign a human in.',
    auth: 'client',
    body: { type: 'form', schema: TokenRequest },
    status: 200,
    answer: TokenAnswer,
  }),
  me: route({
    method: 'get',
    path: '/v1/me',
    summary: 'What this agent may do now, and what it may ask for.',
    auth: 'agent',
    /** Only operations whose name, request or summary holds all of its words. */
    query: z.strictObject({ like: z.string().min(1).max(200).exactOptional() }),
    status: 200,
    answer: MeView,
  }),
  fileAccessRequest: route({
    method: 'post',
    path: '/v1/access-requests',
    summary: 'Ask humans for something this agent may not do.',
    auth: 'agent',
    body: { type: 'json', schema: FileAccessRequest },
    status: 201,
    answer: AccessRequestView,
  }),
  accessRequest: route({
    method: 'get',
    path: '/v1/access-requests/{id}',
    summary: 'Where an access request stands; `wait` seconds for a change.',
    auth: 'agent-or-human',
    params: ById,
    query: z.strictObject({ wait: z.coerce.number().int().min(0).max(30).exactOptional() }),
    status: 200,
    answer: AccessRequestView,
  }),
  accessRequests: route({
    method: 'get',
    path: '/v1/access-requests',
    summary: "Agents' access requests, newest first.",
    auth: 'human',
    query: Page.extend({ open: z.enum(['true', 'false']).exactOptional() }),
    status: 200,
    answer: pageOf(AccessRequestView),
  }),
  rejectAccessRequest: route({
    method: 'post',
    path: '/v1/access-requests/{id}/rejection',
    summary: 'Say no to an access request; the reason reaches the agent.',
    auth: 'human',
    params: ById,
    body: { type: 'json', schema: RejectAccessRequest },
    status: 200,
    answer: AccessRequestView,
  }),
  giveBackLease: route({
    method: 'delete',
    path: '/v1/leases/{id}',
    summary: 'Give a credential back before it ends.',
    auth: 'agent',
    params: ById,
    status: 204,
  }),
  broker: route({
    method: 'get',
    path: '/v1/broker',
    summary: 'Who this broker is: genesis fingerprint and ledger key.',
    auth: 'none',
    status: 200,
    answer: BrokerView,
  }),
  draft: route({
    method: 'post',
    path: '/v1/drafts',
    summary: 'Complete a statement for signing. Nothing is signed or stored.',
    auth: 'code',
    body: { type: 'json', schema: DraftRequest },
    status: 200,
    answer: DraftAnswer,
  }),
  propose: route({
    method: 'post',
    path: '/v1/statements',
    summary: 'Propose a statement, with its first signature.',
    auth: 'code',
    body: { type: 'json', schema: ProposeRequest },
    status: 201,
    answer: StatementAnswer,
  }),
  statements: route({
    method: 'get',
    path: '/v1/statements',
    summary: 'Statements, newest first; `pending=true` for those that wait.',
    auth: 'human',
    query: Page.extend({ pending: z.enum(['true', 'false']).exactOptional() }),
    status: 200,
    answer: pageOf(StatementView),
  }),
  statement: route({
    method: 'get',
    path: '/v1/statements/{id}',
    summary: 'One statement, with the bytes that are signed.',
    auth: 'human',
    params: ById,
    status: 200,
    answer: StatementView,
  }),
  sign: route({
    method: 'post',
    path: '/v1/statements/{id}/signatures',
    summary: 'Add a signature.',
    auth: 'human',
    params: ById,
    body: { type: 'json', schema: SignRequest },
    status: 201,
    answer: StatementAnswer,
  }),
  reject: route({
    method: 'post',
    path: '/v1/statements/{id}/rejection',
    summary: 'Veto a pending statement by a signed `statement.reject`.',
    auth: 'human',
    params: ById,
    body: { type: 'json', schema: RejectRequest },
    status: 201,
    answer: StatementAnswer,
  }),
  invite: route({
    method: 'post',
    path: '/v1/invitations',
    summary: 'A one-use code for a new human, good for 24 hours. Not authority.',
    auth: 'human',
    body: { type: 'json', schema: InviteRequest },
    status: 201,
    answer: InviteAnswer,
  }),
  humans: route({
    method: 'get',
    path: '/v1/humans',
    summary: 'Humans and their keys.',
    auth: 'human',
    query: Page,
    status: 200,
    answer: pageOf(HumanView),
  }),
  environments: route({
    method: 'get',
    path: '/v1/environments',
    summary: 'Environments and their rules.',
    auth: 'human',
    query: Page,
    status: 200,
    answer: pageOf(EnvironmentView),
  }),
  agents: route({
    method: 'get',
    path: '/v1/agents',
    summary: 'Agents.',
    auth: 'human',
    query: Page,
    status: 200,
    answer: pageOf(AgentView),
  }),
  connections: route({
    method: 'get',
    path: '/v1/connections',
    summary: 'Connections.',
    auth: 'human',
    query: Page,
    status: 200,
    answer: pageOf(ConnectionView),
  }),
  checkConnection: route({
    method: 'post',
    path: '/v1/connections/{id}/check',
    summary: 'Ask the provider whether the connection works and what it leaves open.',
    auth: 'human',
    params: ById,
    status: 200,
    answer: ConnectionCheckView,
  }),
  catalogs: route({
    method: 'get',
    path: '/v1/catalogs',
    summary: 'What operations can do at worst, by provider: the effects in force.',
    auth: 'human',
    query: Page,
    status: 200,
    answer: pageOf(CatalogView),
  }),
  recordCatalog: route({
    method: 'post',
    path: '/v1/catalogs',
    summary: 'Keep the description of an API for signing; it counts once `catalog.adopt` names it.',
    auth: 'human',
    body: { type: 'json', schema: RecordCatalogRequest, longest: LONGEST_DESCRIPTION },
    status: 200,
    answer: RecordedCatalogView,
  }),
  grants: route({
    method: 'get',
    path: '/v1/grants',
    summary: 'Grants and where they stand.',
    auth: 'human',
    query: Page.extend({ agent: Name.exactOptional() }),
    status: 200,
    answer: pageOf(GrantView),
  }),
  grant: route({
    method: 'get',
    path: '/v1/grants/{id}',
    summary: 'One grant.',
    auth: 'human',
    params: ById,
    status: 200,
    answer: GrantView,
  }),
  freezes: route({
    method: 'get',
    path: '/v1/freezes',
    summary: 'Emergency stops, newest first; `standing=true` for those that hold now.',
    auth: 'human',
    query: Page.extend({ standing: z.enum(['true', 'false']).exactOptional() }),
    status: 200,
    answer: pageOf(FreezeView),
  }),
  guardrails: route({
    method: 'get',
    path: '/v1/guardrails',
    summary: 'Never-allow rules, newest first; `standing=true` for those that hold now.',
    auth: 'human',
    query: Page.extend({ standing: z.enum(['true', 'false']).exactOptional() }),
    status: 200,
    answer: pageOf(GuardrailView),
  }),
  testGuardrail: route({
    method: 'post',
    path: '/v1/guardrails/test',
    summary: 'What a text would have denied of the decisions in the ledger. Decides nothing.',
    auth: 'human',
    body: { type: 'json', schema: TestGuardrailRequest },
    status: 200,
    answer: GuardrailTestView,
  }),
  runGrant: route({
    method: 'post',
    path: '/v1/grants/{id}/run',
    summary: 'Run the SQL a grant holds, once; or the agent’s own, where the grant lets it.',
    auth: 'agent-or-human',
    params: ById,
    body: { type: 'json', schema: RunRequest },
    status: 200,
    answer: RunView,
  }),
  leases: route({
    method: 'get',
    path: '/v1/leases',
    summary: 'Leases, newest first.',
    auth: 'human',
    query: Page,
    status: 200,
    answer: pageOf(LeaseView),
  }),
  explain: route({
    method: 'post',
    path: '/v1/explain',
    summary: 'The decision for one operation, step by step. Decides nothing.',
    auth: 'human',
    body: { type: 'json', schema: ExplainRequest },
    status: 200,
    answer: ExplainView,
  }),
  auditEntries: route({
    method: 'get',
    path: '/v1/audit/entries',
    summary: 'Ledger entries, newest first unless `order=asc`.',
    auth: 'human',
    query: Page.extend({
      order: z.enum(['asc', 'desc']).exactOptional(),
      type: z.string().max(200).exactOptional(),
      agent: Name.exactOptional(),
    }),
    status: 200,
    answer: pageOf(EntryView),
  }),
  auditEntry: route({
    method: 'get',
    path: '/v1/audit/entries/{id}',
    summary: 'One ledger entry, by id.',
    auth: 'human',
    params: ById,
    status: 200,
    answer: EntryView,
  }),
  auditCheckpoint: route({
    method: 'get',
    path: '/v1/audit/checkpoint',
    summary: 'The signed checkpoint (C2SP tlog-checkpoint).',
    auth: 'human',
    status: 200,
    media: 'text/plain; charset=utf-8',
  }),
  auditExport: route({
    method: 'get',
    path: '/v1/audit/export',
    summary: 'The whole ledger as JSON lines: a header with the checkpoint, then every entry.',
    auth: 'human',
    query: z.strictObject({
      format: z.enum(['jsonl']).exactOptional(),
      /** Only entries that carry authority, for a client that folds them itself. */
      authority: z.enum(['true', 'false']).exactOptional(),
    }),
    status: 200,
    media: 'application/jsonl; charset=utf-8',
  }),
  identities: route({
    method: 'get',
    path: '/v1/reports/identities',
    summary: 'Who can delete production, and what each identity holds, did and was refused.',
    auth: 'human',
    query: Page.extend({
      /** Counts are of the UTC days from this one on; left out: of 30 days. */
      since: Instant.exactOptional(),
      /** Of this agent alone, or of this human alone. */
      agent: Name.exactOptional(),
      human: Name.exactOptional(),
      /** csv: every identity, one row each, in one answer. */
      format: z.enum(['json', 'csv']).exactOptional(),
    }),
    status: 200,
    answer: IdentitiesView,
    media: 'text/csv; charset=utf-8',
  }),
  doctor: route({
    method: 'get',
    path: '/v1/doctor',
    summary: 'What the present configuration leaves open, as far as this server knows.',
    auth: 'human',
    status: 200,
    answer: DoctorView,
  }),
  openapi: route({
    method: 'get',
    path: '/openapi.json',
    summary: 'This document.',
    auth: 'none',
    status: 200,
    answer: anyJson,
  }),
  healthz: route({
    method: 'get',
    path: '/healthz',
    summary: 'The process runs.',
    auth: 'none',
    status: 200,
    answer: z.object({ status: z.literal('ok') }),
  }),
  readyz: route({
    method: 'get',
    path: '/readyz',
    summary: 'The process can decide, and is not about to stop; else 503 with the reason.',
    auth: 'none',
    status: 200,
    answer: z.object({
      status: z.enum(['ok', 'unavailable']),
      reason: z.enum(['stopping', 'database', 'clock', 'authority', 'mirror']).exactOptional(),
      time: Instant,
    }),
  }),
  metrics: route({
    method: 'get',
    path: '/metrics',
    summary: 'Counts and gauges of this process, for Prometheus.',
    auth: 'operator',
    status: 200,
    media: 'text/plain; version=0.0.4; charset=utf-8',
  }),
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
export type AnswerOf<N extends RouteName> = (typeof routes)[N] extends {
  answer: infer A extends z.ZodType;
}
  ? z.infer<A>
  : undefined;
export type BodyOf<N extends RouteName> = (typeof routes)[N] extends {
  body: { schema: infer B extends z.ZodType };
}
  ? z.infer<B>
  : undefined;
