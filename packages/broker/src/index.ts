export {
  accessRequest,
  fileAccessRequest,
  listAccessRequests,
  rejectAccessRequest,
} from './access-requests.ts';
export {
  checkpoint,
  ledgerVkey,
  listEntries,
  originOf,
  readEntry,
} from './audit.ts';
export {
  type AuthenticatedClient,
  authenticateAgent,
  authenticateClient,
  authenticateHuman,
  type ShownKey,
  Unauthenticated,
  verifyShownKey,
} from './authenticate.ts';
export {
  type AuthorityCache,
  createAuthorityCache,
} from './authority-cache.ts';
export {
  type Background,
  createBackground,
} from './background.ts';
export { createUseCases } from './broker.ts';
export {
  catalogEntries,
  recordCatalogs,
} from './catalogs.ts';
export { createChanges } from './changes.ts';
export {
  bindingOf,
  brokerTag,
  commitmentTo,
  openConnection,
} from './connection-credential.ts';
export {
  denialSentence,
  detailsOf,
  everyTarget,
  gatherFacts,
  type Judged,
  judgeTargets,
  parseDetails,
  requestFor,
  type Target,
  type TargetVerdict,
  targetsOf,
} from './deciding.ts';
export {
  createDenialLog,
  type DenialLog,
  type DeniedDecision,
  entryIntent,
} from './denial-log.ts';
export {
  denied,
  deniedBy,
  oauthErrorOf,
  type Refusal,
  replayed,
  startedInTime,
  UNAVAILABLE,
} from './denying.ts';
export type {
  Beside,
  BrokerLog,
  Changes,
  Deps,
} from './deps.ts';
export { draftGrant } from './draft-grant.ts';
export {
  codeHash,
  draft,
} from './drafts.ts';
export { exchange } from './exchange.ts';
export {
  explain,
  me,
} from './explain.ts';
export { issue } from './issue.ts';
export { idOf } from './named.ts';
export {
  type AccessRequest,
  type AccessRequests,
  type AuthoritySource,
  type Codes,
  type CredentialBinding,
  type EntryDraft,
  type GrantUse,
  type Head,
  type Intent,
  type Invitation,
  type Journal,
  type JournalEntry,
  LEASE_STATES,
  type Lease,
  type LeaseState,
  type Leases,
  type NewAccessRequest,
  type NewLease,
  type OnceId,
  type Outcome,
  type ReplayIds,
  type RowEffect,
  type SealedCredentials,
  type SealedKeys,
  type Uses,
} from './ports.ts';
export {
  cutWithoutAuthority,
  reapDue,
  reapStrays,
  revokeLease,
  revokeWithoutAuthority,
  type Swept,
} from './revoke.ts';
export { signIn } from './sign-in.ts';
export {
  type Body,
  DAY,
  statementAround,
} from './statement-around.ts';
export {
  propose,
  reject,
  sign,
} from './statements.ts';
export type {
  AgentCaller,
  Decided,
  Denial,
  ExchangedCredential,
  ExchangeInput,
  HumanCaller,
  IssuedToken,
  IssueInput,
  PageOf,
  PageQuery,
  Presented,
  Session,
  SignInInput,
  UseCases,
} from './use-cases.ts';
export {
  accessRequestView,
  agentView,
  connectionView,
  entryView,
  environmentView,
  found,
  grantView,
  humanView,
  leaseView,
  pageById,
  statementView,
} from './views.ts';
export { withinToken } from './within-token.ts';
