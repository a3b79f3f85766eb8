/**
 * An anchor ties a request to where it takes place: the id of an object in it, and what that object says about
 * environments (Law 2). Which environments those are only Railway knows.
 */

/**
 * `account`: everything that the credential reaches, so never one environment. `project`: the project, but none of
 * its environments; `everywhere`: all of them. `…-or-all` and `…-in`: the one within, and all of them where none is
 * given; `fork-or-all` and `service-in` heed the one within only if it is a fork, as Railway does. `bucket`: each that
 * holds it, if any; `bucket-in`: the one within, if it does. `new-…`: the one within, but if Railway knows the id it
 * is what it was before.
 */
export type AnchorKind =
  | 'account'
  | 'project'
  | 'everywhere'
  | 'environment'
  | 'environment-or-all'
  | 'fork-or-all'
  | 'service-member'
  | 'service'
  | 'service-in'
  | 'new-service'
  | 'new-volume'
  | 'new-bucket'
  | 'volume'
  | 'volume-in'
  | 'volume-instance'
  | 'backup'
  | 'bucket'
  | 'bucket-in'
  | 'deployment'
  | 'deployment-trigger'
  | 'checkpoint'
  | 'cloud-agent'
  | 'custom-domain'
  | 'dashboard'
  | 'private-network'
  | 'sandbox'
  | 'service-domain'
  | 'service-instance'
  | 'tcp-proxy'
  | 'token'
  | 'patch';

export interface Anchor {
  readonly kind: AnchorKind;
  /** A canonical UUID; empty for `account`. */
  readonly id: string;
  /** The environment, or for a backup the volume instance, that was named beside it. */
  readonly within: string | null;
}

/** The whole account: what reaches so far is never in one environment. */
export const WHOLE_ACCOUNT: Anchor = { kind: 'account', id: '', within: null };
