export { ProviderError, type ProviderErrorKind } from './error.ts';
export type {
  Assessment,
  ConnectionCheck,
  Escape,
  IssuedCredential,
  Issuer,
  LeaseOrder,
  LeaseRight,
  Provider,
  ProviderConnection,
  ReapReport,
  ResolvedConfig,
} from './provider.ts';
