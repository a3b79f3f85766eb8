export { AnswerCache } from './answer-cache.ts';
export { type Deadlines, withDeadline } from './deadline.ts';
export { ProviderError, type ProviderErrorKind } from './error.ts';
export {
  type ClassifiedRequest,
  type Gateway,
  type GatewayCall,
  type InboundRequest,
  type OutboundRequest,
  RequestRefusal,
  type ResolveAsk,
  type ResolvedRequest,
} from './gateway.ts';
export type {
  AcceptedEscape,
  Assessment,
  Assessor,
  ConnectionCheck,
  Deletion,
  DryRun,
  DryRunOrder,
  Escape,
  IssuedCredential,
  Issuer,
  LeaseOrder,
  LeaseRight,
  Loss,
  Losses,
  Provider,
  ProviderConnection,
  Ran,
  ReapReport,
  ResolvedConfig,
  RowCount,
  Runner,
  RunOrder,
  RunOutcome,
  ScriptChanges,
  ScriptFailure,
} from './provider.ts';
export { sanitizeErrors } from './sanitize.ts';
export type { Upstream, UpstreamAnswer } from './upstream.ts';
export { type ProviderCall, wrapCalls } from './wrap.ts';
