export { originOf } from './audit.ts';
export { createAuthorityCache } from './authority-cache.ts';
export { type Background, createBackground } from './background.ts';
export { createUseCases } from './broker.ts';
export { recordCatalogs } from './catalogs.ts';
export { createChanges } from './changes.ts';
export { createClientSecrets } from './client-secrets.ts';
export { createConnectionChecks } from './connection-checks.ts';
export { createDenialLog, type DenialLog, type DeniedDecision } from './denial-log.ts';
export { oauthErrorOf } from './denying.ts';
export type { Deps } from './deps.ts';
export { Halted } from './halted.ts';
export { createLiveProviders, type Descriptions } from './live-providers.ts';
export type { MirrorStanding } from './mirror-shipping.ts';
export { createMirroring, type Mirroring } from './mirroring.ts';
export { codeHash, newCode } from './one-time-code.ts';
export { createOpenedConnections } from './opened-connections.ts';
export { createPace, type Pace } from './pace.ts';
export type {
  AccessRequest,
  AccessRequests,
  AuthorityJournalEntry,
  AuthorityPosition,
  Codes,
  CredentialBinding,
  EntryDraft,
  Head,
  Held,
  Holds,
  Intent,
  Journal,
  JournalEntry,
  Lease,
  LeaseCensus,
  LeaseState,
  Leases,
  Mirror,
  NewAccessRequest,
  NewLease,
  OnceId,
  Outcome,
  PresentHead,
  ReplayIds,
  Restorer,
  RowEffect,
  SealedCredentials,
  SealedKeys,
  Snapshots,
  StoredSnapshot,
  TokenKeyChange,
  TokenKeyRows,
  TokenKeySet,
  Usage,
  UsageCount,
  Uses,
} from './ports.ts';
export { createPulse } from './pulse.ts';
export { countLeases } from './revoke.ts';
export { createRevoker } from './revoker.ts';
export { createShares } from './shares.ts';
export { createSnapshotKeeping } from './snapshot-keeping.ts';
export { createTokenKeys, type TokenKeys, type TokenKeyView } from './token-keys.ts';
export type {
  AgentCaller,
  ClientClaim,
  Decided,
  Denial,
  ExchangedCredential,
  ForwardedAnswer,
  ForwardInput,
  HumanCaller,
  PageOf,
  Presented,
  Readiness,
  UseCases,
} from './use-cases.ts';
