export { DryRunAssessment } from './assessments.ts';
export { GrantedDetail, RequestedDetail, RequestedDetails } from './authorization-details.ts';
export { csvRecord, IDENTITY_COLUMNS, identityCells } from './csv.ts';
export {
  DoctorView,
  FINDING_IDS,
  type Finding,
  findingWords,
  foundAbout,
  foundOpen,
  inOrder,
} from './doctor.ts';
export {
  type AuthorityEntryType,
  CatalogRecordedBody,
  isAuthorityEntryType,
  StatementEffectiveBody,
  StatementProposedBody,
  StatementSignedBody,
} from './entries.ts';
export { EXPORT_FORMAT, ExportHeader, ExportLine } from './export.ts';
export { openApiDocument } from './openapi.ts';
export {
  Digest,
  Ed25519Jwk,
  Id,
  Name,
  P256Jwk,
  PublicJwk,
  Reason,
  Resource,
  Role,
} from './primitives.ts';
export {
  type AgentReport,
  type GrantReport,
  type HumanReport,
  IdentitiesView,
  type IdentityReport,
  type ProductionReport,
} from './reports.ts';
export {
  ACCESS_TOKEN_TYPE,
  CLIENT_ASSERTION_JWT,
  CREDENTIAL_TOKEN_TYPE,
  CredentialBeside,
  type DraftOf,
  DraftRequest,
  GRANT_DEFAULTS,
  JWT_BEARER,
  ProposeRequest,
  TOKEN_EXCHANGE,
  TokenAnswer,
  TokenRequest,
} from './requests.ts';
export {
  type AnswerOf,
  type BodyOf,
  type Route,
  type RouteAuth,
  type RouteName,
  routes,
} from './routes.ts';
export {
  AgentAuth,
  AgentAuthDraft,
  Envelope,
  FreezeTarget,
  MAX_STATEMENT_BYTES,
  Permission,
  STATEMENT_BODIES,
  STATEMENT_KINDS,
  STATEMENT_SIGNATURE_TYPE,
  Statement,
  type StatementOf,
  StatementSignature,
} from './statements.ts';
export {
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
  OAuthProblem,
  Problem,
  RunView,
  StatementAnswer,
  StatementView,
} from './views.ts';
