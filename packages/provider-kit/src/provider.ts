/**
 * The provider contract: what the broker needs of a provider, and nothing it does not. A new provider
 * is a folder that exports one `Provider` and one line in the server's list.
 */
import type { Catalog, Secret } from '@countersign/core';
import type { ProviderError } from './error.ts';
import type { Gateway } from './gateway.ts';

/** A connection as humans signed it, with its root credential opened for this call only. */
export interface ProviderConnection {
  /** Of the statement that set its credential: another one reaches another place, or as somebody else. */
  readonly id: string;
  /** Short stable tag of this broker (from the genesis fingerprint), for naming what it makes. */
  readonly brokerTag: string;
  /** The signed, provider-shaped configuration; the provider validates it strictly. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly credential: Secret;
}

/** A connection's configuration after the provider completed it (pins filled in by asking it). */
export interface ResolvedConfig {
  readonly config: Readonly<Record<string, unknown>>;
  /** Canonical endpoint, e.g. `db.example.com:5432/orders`; credentials are sealed to it. */
  readonly endpoint: string;
  /** The account the root credential belongs to. */
  readonly account: string;
  /** Every provider id that this connection could reach; environments map a subset of them. */
  readonly ids: readonly string[];
}

/** One right of a lease: an operation on one resource, already granted, classified and decided. */
export interface LeaseRight {
  readonly operation: string;
  readonly resource: string;
  /** True: needs a second human, so it must never outlive the lease in any shared role. */
  readonly deleteCapable: boolean;
}

/** What to mint. The order is durable before it reaches the provider (Law 4). */
export interface LeaseOrder {
  /** UUIDv7; `issue` is idempotent per lease id, and names derive from it. */
  readonly leaseId: string;
  readonly rights: readonly LeaseRight[];
  /** Milliseconds since the epoch; the provider enforces it where it can. */
  readonly expiresAt: number;
  readonly maxConnections: number;
  /** What two humans accepted of this connection, by name and digest (Law 3). */
  readonly acceptedEscapes: readonly AcceptedEscape[];
  /**
   * Throws when it is too late to begin (Law 4); called right before the first thing that lasts, and
   * before anything that was waited for.
   */
  readonly requireStart: () => void;
}

export interface IssuedCredential {
  /** `<kind>` of `urn:countersign:params:oauth:token-type:<kind>`. */
  readonly kind: string;
  /** The provider's own shape, as interfaces.md says; secrets inside are `Secret`. */
  readonly credential: Readonly<Record<string, string | number | boolean | Secret>>;
  /** The primary secret, which also travels as RFC 8693 `access_token`. */
  readonly primary: Secret;
}

/** An escape as humans accepted it: another digest is another escape. */
export interface AcceptedEscape {
  readonly object: string;
  readonly digest: string;
}

/** A way around granted rights that the provider leaves open. */
export interface Escape {
  /** Canonical, stable and printable; at most 1024 characters. */
  readonly object: string;
  /** base64url SHA-256 over its definition: any change of what it does is another digest. */
  readonly digest: string;
  /** Plain words for an admin. */
  readonly explanation: string;
  /** Exactly what closes it. */
  readonly remedy: string;
}

export interface ConnectionCheck {
  /** True when this connection can mint and take back; a finding that is not ok may still stand. */
  readonly ok: boolean;
  /** One line each, for an admin's terminal: what was looked at and what was found. */
  readonly findings: readonly { readonly ok: boolean; readonly text: string }[];
  readonly escapes: readonly Escape[];
}

export interface ReapReport {
  /** Lease ids found at the provider that are not in `live` and are now gone. */
  readonly revoked: readonly string[];
  /** Lease ids that should be gone and are not yet, with the reason; the next reap tries again. */
  readonly failed?: readonly { readonly leaseId: string; readonly error: ProviderError }[];
}

/** Optional capability: mints credentials that the provider itself narrows. */
export interface Issuer {
  readonly revocation: 'immediate' | 'expiry-only';
  /** Seconds. */
  readonly shortestLifetime: number;
  readonly longestLifetime: number;
  /**
   * Law 3: mints nothing that could do more than the order's rights, but by an accepted escape.
   * @throws ProviderError `escape` when there is another, and then nothing was made
   */
  issue(connection: ProviderConnection, order: LeaseOrder): Promise<IssuedCredential>;
  /** Succeeds when the credential is already gone. Cuts open sessions. @throws ProviderError */
  revoke(connection: ProviderConnection, leaseId: string): Promise<void>;
  /**
   * Finds credentials of this broker that no live lease stands for, and revokes them. `live` (every
   * lease that may have a credential, intents included) is asked only after the provider was listed: a
   * lease is written before its credential is made, so what was listed and is not live then, is stray.
   * @throws ProviderError when the provider could not even be searched
   */
  reap(
    connection: ProviderConnection,
    live: () => Promise<ReadonlySet<string>>,
  ): Promise<ReapReport>;
  /**
   * Lease ids of this broker with a session open now, for credentials that open sessions: where many
   * leases end at once, those are taken back first. @throws ProviderError
   */
  inUse?(connection: ProviderConnection): Promise<readonly string[]>;
}

/** A script, and the resource whose owner's rights it would have (for PostgreSQL a schema). */
interface ScriptOrder {
  readonly script: string;
  /** Canonical. */
  readonly resource: string;
  /** Throws when it is too late to begin (Law 4); called right before the first thing that lasts. */
  readonly requireStart: () => void;
}

/** What a script would do, tried and undone. It leaves nothing but what no transaction undoes. */
export interface DryRunOrder extends ScriptOrder {
  /** UUIDv7: names derive from it, and its time says when it was left by a crash. */
  readonly id: string;
}

export interface RunOrder extends ScriptOrder {
  /** Its login is taken back as every lease's, by `Issuer.revoke`, which also ends the script. */
  readonly leaseId: string;
  /** Milliseconds since the epoch; what still runs then is ended. */
  readonly expiresAt: number;
  /** The granted operations: a change that none of them stands for is undone. */
  readonly operations: readonly string[];
  /** True when humans signed this very script; what an agent chose has less leeway. */
  readonly signed: boolean;
  /** Called when only the commit is left. It makes `mark` durable; when it throws, all is undone. */
  readonly beforeCommit: (mark: string, changes: ScriptChanges) => Promise<void>;
}

/** What a script changed, by the provider's own account, in short. */
export interface ScriptChanges {
  readonly created: number;
  readonly altered: number;
  readonly dropped: number;
  readonly rows: number;
  /** base64url SHA-256 over all of it. */
  readonly digest: string;
}

/** A script that failed, without the provider's words: they can hold anything it read. */
export interface ScriptFailure {
  /** The provider's closed code, for PostgreSQL the SQLSTATE. */
  readonly code: string;
  /** What the provider calls that code; null where that is not said here. */
  readonly name: string | null;
  /** Characters into the script, from 1; null when the provider does not say. */
  readonly position: number | null;
}

export type DryRun =
  | { readonly ok: true; readonly assessment: Assessment }
  | { readonly ok: false; readonly failure: ScriptFailure };

export type Ran =
  | { readonly outcome: 'committed'; readonly changes: ScriptChanges }
  | { readonly outcome: 'failed'; readonly failure: ScriptFailure }
  /** Undone: it changed what only these other operations stand for. */
  | { readonly outcome: 'exceeded'; readonly operations: readonly string[] };

export type RunOutcome = 'committed' | 'rolled_back' | 'unknown';

/** Optional capability: runs scripts with an owner's rights, each in one transaction. */
export interface Runner {
  /** Operations that a script stands for; no credential is ever minted for them. */
  readonly operations: readonly string[];
  /** Seconds. */
  readonly longestRun: number;
  /** @throws ProviderError */
  dryRun(connection: ProviderConnection, order: DryRunOrder): Promise<DryRun>;
  /**
   * Runs it once. What it leaves of itself `Issuer.revoke` takes away, whatever happened.
   * @throws ProviderError; `unknown_outcome` when only `outcome` can tell
   */
  run(connection: ProviderConnection, order: RunOrder): Promise<Ran>;
  /** What became of the run with this mark, once its lease was revoked. @throws ProviderError */
  outcome(connection: ProviderConnection, mark: string): Promise<RunOutcome>;
}

/** What SQL did when it was tried, for the humans who are asked to sign. */
export interface Assessment {
  readonly kind: string;
  readonly v: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Rows that would be gone or changed, as far as they could be counted in time. */
export interface RowCount {
  /** Null: none could be. */
  readonly counted: number | null;
  /** True: these are all. */
  readonly complete: boolean;
  /** By the provider's statistics, where the count is not complete. */
  readonly estimated: number | null;
}

/** Something that would be gone, as it stands in the statement that humans sign. */
export interface Loss {
  /** Name of the provider's environment, or whatever else it stands in. */
  readonly place: string;
  /** The provider's own id of that place, as connections map it. */
  readonly place_id: string;
  /** Kind and name, e.g. `volume bookings`. */
  readonly object: string;
  readonly used_by: string | null;
  /** Bytes. */
  readonly size: number | null;
  /** Backups that would be gone with it. */
  readonly backups: number | null;
  /** RFC 3339. */
  readonly newest_backup: string | null;
  /** Absent where it holds no rows. */
  readonly rows?: RowCount;
}

/** What a deletion would take with it, by the provider's own account. */
export interface Losses {
  /** Names are short, and hold nothing that steers a terminal. */
  readonly losses: readonly Loss[];
  /** How many more there are. */
  readonly omitted: number;
}

/** One granted operation on one named resource, both canonical. */
export interface Deletion {
  readonly operation: string;
  readonly resource: string;
}

/** Optional capability: says before humans sign a delete what goes with it. */
export interface Assessor {
  /** False where a deletion takes only what it names, and nothing has to be looked up. */
  assesses(deletion: Deletion): boolean;
  /** Looks, and changes nothing. @throws ProviderError */
  assess(connection: ProviderConnection, deletion: Deletion): Promise<Losses>;
}

export interface Provider {
  readonly name: string;
  readonly catalog: Catalog;
  /**
   * The canonical form of a resource for an operation, or null when it is none (unparseable, a
   * pattern, the wrong kind). Equal resources have equal canonical forms.
   */
  canonicalResource(operation: string, resource: string): string | null;
  /**
   * What a canonical resource is, or is part of (`public.orders` for `public.orders(status)`): resources
   * that can cover one another share it.
   */
  wholeOf(resource: string): string;
  /** True when a grant on `granted` covers `requested`; both canonical. */
  covers(operation: string, granted: string, requested: string): boolean;
  /**
   * Expands a pattern (`public.*`) to the resources it stands for now, canonical; a plain resource
   * expands to itself. Used when a grant is drafted, never when it is used. @throws ProviderError
   */
  expand(
    connection: ProviderConnection,
    operation: string,
    pattern: string,
  ): Promise<readonly string[]>;
  /**
   * Validates a configuration an admin wrote and completes it by asking the provider (for PostgreSQL:
   * pins the system identifier). @throws ProviderError with words for the admin
   */
  resolveConfig(
    config: Readonly<Record<string, unknown>>,
    credential: Secret,
  ): Promise<ResolvedConfig>;
  /** The endpoint, account and ids of a complete (already resolved) configuration; no I/O. */
  describeConfig(config: Readonly<Record<string, unknown>>): ResolvedConfig;
  /** The ids (Law 2) that using these resources on this connection would touch. */
  environmentIds(
    config: Readonly<Record<string, unknown>>,
    rights: readonly { readonly operation: string; readonly resource: string }[],
  ): readonly string[];
  /**
   * True when two connections reach the very same thing under two names: ids are disjoint across all
   * connections, whatever they are called. @throws ProviderError when it cannot be told
   */
  sameTarget(a: ProviderConnection, b: ProviderConnection): Promise<boolean>;
  check(connection: ProviderConnection): Promise<ConnectionCheck>;
  readonly issuer?: Issuer;
  readonly runner?: Runner;
  readonly gateway?: Gateway;
  readonly assessor?: Assessor;
  /** Closes pools. */
  close(): Promise<void>;
}
