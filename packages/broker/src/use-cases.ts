/**
 * What the HTTP layer may ask for: each use case takes parsed input and returns a value or a typed
 * refusal. A `Decided` was a decision and has its ledger entry; a thrown CountersignError never was one.
 */
import type {
  AccessRequestView,
  AgentView,
  BrokerView,
  CatalogView,
  ConnectionCheckView,
  ConnectionView,
  DoctorView,
  DraftAnswer,
  DraftRequest,
  EntryView,
  EnvironmentView,
  ExplainView,
  ExportHeader,
  ExportLine,
  FreezeView,
  GrantedDetail,
  GrantView,
  GuardrailTestView,
  GuardrailView,
  HumanView,
  IdentitiesView,
  IdentityReport,
  LeaseView,
  MeView,
  ProposeRequest,
  RecordedCatalogView,
  RequestedDetail,
  RunView,
  StatementAnswer,
  StatementSignature,
  StatementView,
} from '@countersign/contract';
import type { DenialCode, Secret } from '@countersign/core';

/** A refusal as it reaches an agent: only what the agent itself asked for, and the closed code. */
export interface Denial {
  readonly code: DenialCode;
  /** One sentence for a human. */
  readonly detail: string;
  /** Ledger entry; null where nobody was authenticated. */
  readonly decision: string | null;
  /** What an access request would ask for; null when asking humans would not help. */
  readonly request: readonly RequestedDetail[] | null;
  /** RFC 6749 `error` at the token endpoint. */
  readonly oauthError:
    | 'invalid_client'
    | 'invalid_grant'
    | 'invalid_request'
    | 'invalid_target'
    | 'invalid_authorization_details'
    | 'invalid_dpop_proof'
    | 'unsupported_grant_type'
    | 'invalid_scope'
    | 'access_denied'
    | 'temporarily_unavailable';
  /** Something may have been done all the same: to ask again could do it twice. */
  readonly mayBeDone?: boolean;
}

export type Decided<T> =
  | { readonly allowed: true; readonly decision: string; readonly value: T }
  | { readonly allowed: false; readonly denial: Denial };

/** A token as it was presented, with what DPoP binds it to (RFC 9449). */
export interface Presented {
  readonly scheme: 'Bearer' | 'DPoP';
  readonly token: string;
  readonly proof: string | null;
  readonly method: string;
  /** The URL the client addressed, by the configured issuer's origin. */
  readonly url: string;
}

export interface AgentCaller {
  readonly kind: 'agent';
  readonly agent: string;
  readonly jti: string;
  readonly jkt: string | null;
  /** Ids that its token names. */
  readonly grants: readonly string[];
  /** The authority version it was authenticated at. */
  readonly version: number;
  /** Law 4: asks anew whether what it showed counts. @throws Unauthenticated where it does not */
  stands(): Promise<void>;
}

export interface HumanCaller {
  readonly kind: 'human';
  readonly human: string;
  readonly kid: string;
}

/** How a client said who it is: one method at most, and an id where there is a secret. */
export interface ClientClaim {
  readonly clientId: string | null;
  /** `private_key_jwt` (RFC 7523). */
  readonly clientAssertion: string | null;
  /** `client_secret_basic` or `client_secret_post` (RFC 6749 section 2.3.1). */
  readonly clientSecret: Secret | null;
}

export interface IssueInput extends ClientClaim {
  /** RFC 9396 JSON as it came in the form; null when it was left out. */
  readonly authorizationDetails: string | null;
  readonly proof: string | null;
  readonly url: string;
}

export interface IssuedToken {
  readonly accessToken: Secret;
  readonly tokenType: 'Bearer' | 'DPoP';
  /** Seconds. */
  readonly expiresIn: number;
  readonly authorizationDetails: readonly GrantedDetail[];
}

/** The client may authenticate as well; when it does it must be the token's subject. */
export interface ExchangeInput extends ClientClaim {
  readonly subjectToken: string;
  readonly subjectTokenType: string;
  readonly requestedTokenType: string | null;
  readonly authorizationDetails: string | null;
  readonly proof: string | null;
  readonly url: string;
}

export interface ExchangedCredential {
  readonly leaseId: string;
  /** `postgres`, … of `urn:countersign:params:oauth:token-type:<kind>`. */
  readonly kind: string;
  readonly primary: Secret;
  readonly credential: Readonly<Record<string, string | number | boolean | Secret>>;
  /** Seconds. */
  readonly expiresIn: number;
  readonly authorizationDetails: readonly GrantedDetail[];
}

/** A request to be forwarded, as far as HTTP could read it. */
export interface ForwardInput {
  /** By name. */
  readonly connection: string;
  /** Upper case. */
  readonly method: string;
  /** Behind the connection's name: begins with `/`, nothing decoded. */
  readonly path: string;
  /** What follows `?`; null where there is none. */
  readonly query: string | null;
  /** The URL the client addressed, by the configured issuer's origin, without its query. */
  readonly url: string;
  readonly authorization: Pick<Presented, 'scheme' | 'token'> | null;
  readonly proof: string | null;
  /** Lower-case names, each once, without Authorization and DPoP. */
  readonly headers: ReadonlyMap<string, string>;
  /** Once. @throws CountersignError `too_large` beyond so many bytes, `invalid_request` */
  readonly readBody: (limit: number) => Promise<Uint8Array>;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** What the provider answered, without the credential. */
export interface ForwardedAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Whole where it declares that it is short, or where parts of it are concealed. Else as it comes: that throws
   * where it breaks off, or its authority ends.
   */
  readonly body: Uint8Array<ArrayBuffer> | AsyncIterable<Uint8Array>;
  /** Ends what stands behind it, read or not. */
  close(): void;
}

export interface SignInInput {
  readonly assertion: string;
  readonly proof: string | null;
  readonly url: string;
}

export interface Session {
  readonly accessToken: Secret;
  /** Seconds. */
  readonly expiresIn: number;
}

/** A draft, and what goes back to its drafter once and is kept nowhere. */
export interface Drafted extends Omit<DraftAnswer, 'client_secret'> {
  readonly clientSecret: Secret | null;
}

export interface PageQuery {
  readonly after: string | null;
  readonly limit: number;
}

/** Which identities, and from when on. By name; of both an agent and a human there is none. */
interface IdentitiesFilter {
  /** Milliseconds; null: the last 30 days. */
  readonly since: number | null;
  readonly agent: string | null;
  readonly human: string | null;
}

export interface PageOf<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/**
 * database: it does not answer, or in no time. clock: ours and the database's differ too much (Law 4).
 * authority: what was signed since could not be folded. mirror: it does not agree with the database, or cannot be
 * read, and nothing is decided.
 */
export type Readiness = 'ready' | 'database' | 'clock' | 'authority' | 'mirror';

export interface UseCases {
  /** @throws CountersignError one of the 401 codes, `broker_unavailable` */
  authenticateAgent(presented: Presented): Promise<AgentCaller>;
  /** @throws CountersignError one of the 401 codes, `broker_unavailable` */
  authenticateHuman(presented: Presented): Promise<HumanCaller>;

  issue(input: IssueInput): Promise<Decided<IssuedToken>>;
  exchange(input: ExchangeInput): Promise<Decided<ExchangedCredential>>;
  /** @throws CountersignError one of the 401 codes, of the input codes, `broker_unavailable` */
  forward(input: ForwardInput): Promise<Decided<ForwardedAnswer>>;
  signIn(input: SignInInput): Promise<Decided<Session>>;

  /** `like`: words, of which an operation it could ask for has all; null: of any. */
  me(caller: AgentCaller, like: string | null): Promise<MeView>;
  /** @throws CountersignError `not_found`, `forbidden`, `broker_unavailable` */
  giveBackLease(caller: AgentCaller, lease: string): Promise<void>;
  fileAccessRequest(
    caller: AgentCaller,
    request: {
      readonly authorizationDetails: readonly RequestedDetail[];
      readonly reason: string | null;
      readonly dpopJkt: string | null;
    },
  ): Promise<Decided<AccessRequestView>>;
  /** Resolves when the request changes, or after `waitSeconds`. @throws CountersignError `not_found` */
  accessRequest(
    caller: AgentCaller | HumanCaller,
    id: string,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<AccessRequestView>;

  accessRequests(page: PageQuery & { readonly open: boolean }): Promise<PageOf<AccessRequestView>>;
  rejectAccessRequest(caller: HumanCaller, id: string, reason: string): Promise<AccessRequestView>;

  broker(): Promise<BrokerView>;
  /** RFC 7517 set of access-token keys. */
  jwks(): { readonly keys: readonly Record<string, unknown>[] };
  /** @throws CountersignError of the input codes */
  draft(caller: HumanCaller | null, request: DraftRequest): Promise<Drafted>;
  propose(caller: HumanCaller | null, request: ProposeRequest): Promise<StatementAnswer>;
  sign(statement: string, signature: StatementSignature): Promise<StatementAnswer>;
  /** `envelope` holds a signed `statement.reject` of exactly this statement. */
  reject(
    caller: HumanCaller,
    statement: string,
    envelope: ProposeRequest['envelope'],
  ): Promise<StatementAnswer>;
  invite(
    caller: HumanCaller,
    invitation: {
      readonly name: string;
      readonly roles: readonly string[];
      readonly groups: readonly string[];
    },
  ): Promise<{
    readonly code: Secret;
    readonly url: string;
    readonly broker: string;
    readonly expiresAt: number;
  }>;

  statements(page: PageQuery & { readonly pending: boolean }): Promise<PageOf<StatementView>>;
  statement(id: string): Promise<StatementView>;
  humans(page: PageQuery): Promise<PageOf<HumanView>>;
  environments(page: PageQuery): Promise<PageOf<EnvironmentView>>;
  agents(page: PageQuery): Promise<PageOf<AgentView>>;
  connections(page: PageQuery): Promise<PageOf<ConnectionView>>;
  /** In the order of their providers' names; `after` is one of them. */
  catalogs(page: PageQuery): Promise<PageOf<CatalogView>>;
  /** Keeps a description for signing. @throws CountersignError `invalid_request`, `conflict`, `forbidden` */
  recordCatalog(
    caller: HumanCaller,
    description: Readonly<Record<string, unknown>>,
  ): Promise<RecordedCatalogView>;
  checkConnection(caller: HumanCaller, id: string): Promise<ConnectionCheckView>;
  grants(page: PageQuery & { readonly agent: string | null }): Promise<PageOf<GrantView>>;
  grant(id: string): Promise<GrantView>;
  guardrails(page: PageQuery & { readonly standing: boolean }): Promise<PageOf<GuardrailView>>;
  testGuardrail(request: {
    readonly policy: string;
    /** Seconds. */
    readonly within: number;
    readonly after: number | null;
    readonly limit: number;
  }): Promise<GuardrailTestView>;
  freezes(page: PageQuery & { readonly standing: boolean }): Promise<PageOf<FreezeView>>;
  /** @throws CountersignError of the input codes; a SQL error is no refusal but what came of it */
  runGrant(
    caller: AgentCaller | HumanCaller,
    grant: string,
    request: { readonly sql: string | null; readonly resource: string | null },
  ): Promise<Decided<RunView>>;
  leases(page: PageQuery): Promise<PageOf<LeaseView>>;
  explain(request: {
    readonly agent: string;
    readonly connection: string;
    readonly environment: string;
    readonly operation: string;
    readonly resource: string | null;
  }): Promise<ExplainView>;

  auditEntries(
    page: PageQuery & {
      readonly ascending: boolean;
      readonly types: readonly string[] | null;
      readonly agent: string | null;
    },
  ): Promise<PageOf<EntryView>>;
  auditEntry(id: string): Promise<EntryView>;
  /** What each identity holds and did. @throws CountersignError `not_found`, `invalid_request` */
  identities(query: PageQuery & IdentitiesFilter): Promise<IdentitiesView>;
  /** The same for all of them, one after another. */
  everyIdentity(query: IdentitiesFilter): AsyncIterable<IdentityReport>;
  /** What is open here. Asks targets only for an admin. @throws CountersignError `forbidden` */
  doctor(caller: HumanCaller): Promise<DoctorView>;
  /** A C2SP signed note over the present head. */
  checkpoint(): Promise<string>;
  auditExport(query: { readonly authorityOnly: boolean }): AsyncIterable<ExportHeader | ExportLine>;

  /** Whether a decision could be made now, and if not why. Never rejects, and takes two seconds at most. */
  readiness(): Promise<Readiness>;
}
