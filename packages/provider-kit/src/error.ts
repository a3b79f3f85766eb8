/**
 * Why a provider did not do what was asked. `refused`: the provider said no and nothing happened, so
 * a use comes back. `unavailable`: it was never reached. `misconfigured`: the connection as humans set
 * it cannot work. `escape`: what it would mint could do more than was granted, nothing happened, and
 * humans must close or accept that; a use comes back. `unknown_outcome`: something may have happened;
 * reconcile, never retry blindly.
 */
export type ProviderErrorKind =
  | 'refused'
  | 'unavailable'
  | 'misconfigured'
  | 'escape'
  | 'unknown_outcome';

/** `message` is for admins and logs. It never reaches an agent and never holds a secret. */
export class ProviderError extends Error {
  readonly kind: ProviderErrorKind;

  constructor(kind: ProviderErrorKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ProviderError';
    this.kind = kind;
  }
}
