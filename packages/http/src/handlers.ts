/** One entry per route: call one use case, render what it returns. */
import type { Decided, PageOf, UseCases } from '@countersign/broker';
import {
  csvRecord,
  IDENTITY_COLUMNS,
  type IdentityReport,
  identityCells,
  openApiDocument,
  routes,
} from '@countersign/contract';
import { type Clock, fromInstant, inputError, toInstant } from '@countersign/core';
import type { Call, Handlers } from './call.ts';
import { streamJsonLines, streamText } from './export-stream.ts';
import { authorizationServerMetadata, protectedResourceMetadata } from './metadata.ts';
import type { MetricsDoor } from './metrics-door.ts';
import { refusalOfDenial, renderProblem } from './refusal.ts';
import { decided, empty, json, PUBLIC_FOR_5_MINUTES, type Reply, stream, text } from './reply.ts';
import { answerTokenRequest } from './token-endpoint.ts';
import { whileOpen } from './while-open.ts';

const DEFAULT_PAGE = 100;
/** Seconds. */
const WEEK = 604_800;
const MAX_ENTRY_TYPES = 16;
/** Seconds between two looks at an access request that humans have not answered. */
const POLL_AFTER = 5;

interface HandlerOptions {
  readonly useCases: UseCases;
  readonly issuer: string;
  readonly version: string;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
  readonly closing: AbortSignal;
  readonly metrics: MetricsDoor;
}

export function createHandlers(options: HandlerOptions): Handlers {
  const { useCases, issuer, version, clock, stopping, closing, metrics } = options;
  let openApi: Reply | undefined;

  return {
    metadata: () => json(200, authorizationServerMetadata(issuer), PUBLIC_FOR_5_MINUTES),
    resourceMetadata: () => json(200, protectedResourceMetadata(issuer), PUBLIC_FOR_5_MINUTES),
    jwks: () => json(200, useCases.jwks(), PUBLIC_FOR_5_MINUTES),
    openapi: () => {
      openApi ??= json(200, openApiDocument(issuer, version), PUBLIC_FOR_5_MINUTES);
      return openApi;
    },
    healthz: () => json(200, { status: 'ok' }),
    readyz: async () => {
      const readiness = stopping.aborted ? 'stopping' : await useCases.readiness();
      const time = toInstant(clock.now());
      return readiness === 'ready'
        ? json(200, { status: 'ok', time })
        : json(503, { status: 'unavailable', reason: readiness, time });
    },
    metrics: async () => text(await metrics.read(), routes.metrics.media),

    token: (call) => answerTokenRequest(useCases, issuer, call),

    me: async ({ caller, query }) => json(200, await useCases.me(caller, query.like ?? null)),
    fileAccessRequest: async ({ caller, body }) =>
      renderDecided(
        await useCases.fileAccessRequest(caller, {
          authorizationDetails: body.authorization_details,
          reason: body.reason ?? null,
          dpopJkt: body.dpop_jkt ?? null,
        }),
        issuer,
        (view) =>
          json(201, view, {
            location: `${issuer}${routes.fileAccessRequest.path}/${view.id}`,
            ...pollAgain(view.status),
          }),
      ),
    accessRequest: async ({ caller, params, query, signal }) => {
      const view = await whileOpen([signal, closing], (open) =>
        useCases.accessRequest(caller, params.id, query.wait ?? 0, open),
      );
      return json(200, view, pollAgain(view.status));
    },
    accessRequests: async (call) =>
      page(
        call,
        await useCases.accessRequests({ ...pageOf(call), open: call.query.open === 'true' }),
      ),
    rejectAccessRequest: async ({ caller, params, body }) =>
      json(200, await useCases.rejectAccessRequest(caller, params.id, body.reason)),
    giveBackLease: async ({ caller, params }) => {
      await useCases.giveBackLease(caller, params.id);
      return empty();
    },

    broker: async () => json(200, await useCases.broker()),
    draft: async ({ caller, body }) => {
      const { clientSecret, ...answer } = await useCases.draft(caller, body);
      // The one place where a new client secret is opened: into the answer to the admin who drafted it.
      if (clientSecret === null) return json(200, answer);
      return json(200, { ...answer, client_secret: clientSecret.reveal() });
    },
    propose: async ({ caller, body }) => {
      const answer = await useCases.propose(caller, body);
      return json(201, answer, { location: `${issuer}${routes.propose.path}/${answer.id}` });
    },
    sign: async ({ params, body }) => json(201, await useCases.sign(params.id, body.signature)),
    reject: async ({ caller, params, body }) =>
      json(201, await useCases.reject(caller, params.id, body.envelope)),
    invite: async ({ caller, body }) => {
      const { code, url, broker, expiresAt } = await useCases.invite(caller, body);
      return json(201, { code: code.reveal(), url, broker, expires_at: toInstant(expiresAt) });
    },

    statements: async (call) =>
      page(
        call,
        await useCases.statements({ ...pageOf(call), pending: call.query.pending === 'true' }),
      ),
    statement: async ({ params }) => json(200, await useCases.statement(params.id)),
    humans: async (call) => page(call, await useCases.humans(pageOf(call))),
    environments: async (call) => page(call, await useCases.environments(pageOf(call))),
    agents: async (call) => page(call, await useCases.agents(pageOf(call))),
    connections: async (call) => page(call, await useCases.connections(pageOf(call))),
    catalogs: async (call) => page(call, await useCases.catalogs(pageOf(call))),
    recordCatalog: async ({ caller, body }) =>
      json(200, await useCases.recordCatalog(caller, body.description)),
    checkConnection: async ({ caller, params }) =>
      json(200, await useCases.checkConnection(caller, params.id)),
    grants: async (call) =>
      page(call, await useCases.grants({ ...pageOf(call), agent: call.query.agent ?? null })),
    grant: async ({ params }) => json(200, await useCases.grant(params.id)),
    freezes: async (call) =>
      page(
        call,
        await useCases.freezes({ ...pageOf(call), standing: call.query.standing === 'true' }),
      ),
    guardrails: async (call) =>
      page(
        call,
        await useCases.guardrails({ ...pageOf(call), standing: call.query.standing === 'true' }),
      ),
    testGuardrail: async ({ body }) =>
      json(
        200,
        await useCases.testGuardrail({
          policy: body.policy,
          within: body.within ?? WEEK,
          after: body.after === undefined ? null : Number(body.after),
          limit: body.limit ?? DEFAULT_PAGE,
        }),
      ),
    runGrant: async ({ caller, params, body }) =>
      renderDecided(
        await useCases.runGrant(caller, params.id, {
          sql: body.sql ?? null,
          resource: body.resource ?? null,
        }),
        issuer,
        (view) => json(200, view),
      ),
    leases: async (call) => page(call, await useCases.leases(pageOf(call))),
    explain: async ({ body }) =>
      json(200, await useCases.explain({ ...body, resource: body.resource ?? null })),

    auditEntries: async (call) =>
      page(
        call,
        await useCases.auditEntries({
          ...pageOf(call),
          ascending: call.query.order === 'asc',
          types: entryTypes(call.query.type),
          agent: call.query.agent ?? null,
        }),
      ),
    auditEntry: async ({ params }) => json(200, await useCases.auditEntry(params.id)),
    identities: async (call) => {
      const { query, report } = call;
      const filter = {
        since: query.since === undefined ? null : fromInstant(query.since),
        agent: query.agent ?? null,
        human: query.human ?? null,
      };
      if (query.format !== 'csv') {
        return page(call, await useCases.identities({ ...pageOf(call), ...filter }));
      }
      if (query.after !== undefined || query.limit !== undefined) {
        throw inputError('invalid_request', 'after, limit: a CSV is whole, it has no pages.');
      }
      const records = csvRecords(useCases.everyIdentity(filter));
      return stream(
        routes.identities.media,
        'countersign-identities.csv',
        await streamText(records, report),
      );
    },
    doctor: async ({ caller }) => json(200, await useCases.doctor(caller)),
    auditCheckpoint: async () => text(await useCases.checkpoint()),
    auditExport: async ({ query, report }) =>
      stream(
        routes.auditExport.media,
        'countersign-ledger.jsonl',
        await streamJsonLines(
          useCases.auditExport({ authorityOnly: query.authority === 'true' }),
          report,
        ),
      ),
  };
}

async function* csvRecords(identities: AsyncIterable<IdentityReport>): AsyncGenerator<string> {
  yield csvRecord(IDENTITY_COLUMNS);
  for await (const identity of identities) yield csvRecord(identityCells(identity));
}

function renderDecided<T>(outcome: Decided<T>, issuer: string, render: (value: T) => Reply): Reply {
  if (outcome.allowed) return decided(render(outcome.value), outcome.decision);
  return renderProblem(refusalOfDenial(outcome.denial), issuer, null);
}

function pollAgain(status: string): Readonly<Record<string, string>> {
  return status === 'open' || status === 'waiting' ? { 'retry-after': String(POLL_AFTER) } : {};
}

type PagedCall = Pick<Call<'humans'>, 'query' | 'url' | 'parameters'>;

function pageOf({ query }: PagedCall) {
  return { after: query.after ?? null, limit: query.limit ?? DEFAULT_PAGE };
}

/** RFC 8288: the link repeats the filters, so that a client follows it without understanding it. */
function page<T>({ url, parameters }: PagedCall, result: PageOf<T>): Reply {
  if (result.next === null) return json(200, result);
  const query = new URLSearchParams({ ...parameters, after: result.next });
  return json(200, result, { link: `<${url}?${query}>; rel="next"` });
}

/** Several types are separated by commas. */
function entryTypes(list: string | undefined): readonly string[] | null {
  if (list === undefined) return null;
  const types = list.split(',');
  if (types.length > MAX_ENTRY_TYPES || types.includes('')) {
    throw inputError(
      'invalid_request',
      `type: 1 to ${MAX_ENTRY_TYPES} types, separated by commas.`,
    );
  }
  return types;
}
