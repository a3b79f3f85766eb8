/**
 * What the use cases need from the outside, in the shapes they need it. The store implements the first
 * half, the server wires the rest. Law 4 lives in `Journal.commit`.
 */
import type { KeptStatePart, StatePart } from '@countersign/authority';
import type { GrantedDetail } from '@countersign/contract';
import type { Secret } from '@countersign/core';

/** The ledger's head row: everything a commit is fenced on. */
export interface Head {
  /** Number of entries. */
  readonly size: number;
  /** RFC 6962 root over them, 32 bytes. */
  readonly root: Uint8Array;
  /** Bumped by every entry that changes authority, and by nothing else. */
  readonly authorityVersion: number;
  /** Instant of the latest entry. */
  readonly time: string;
}

/** The head as the database told it a moment ago, and what its clock said of ours. */
export interface PresentHead extends Head {
  /** Over the leaf hashes of all authority entries (`extendChain`), 32 bytes. */
  readonly authorityChain: Uint8Array;
  /** Milliseconds by which this server's clock is ahead of the database's; negative when behind. */
  readonly clockSkew: number;
}

/** An entry before the journal gave it its time and place. */
export interface EntryDraft {
  /** UUIDv7, made by the caller, so that an answer can name it. */
  readonly id: string;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Something that may happen once: a replay id, or a use of a limited grant. */
export interface OnceId {
  readonly id: string;
  /** Milliseconds: from then on it need not be remembered. */
  readonly expiresAt: number;
}

interface GrantUse {
  readonly grant: string;
  readonly max: number;
}

/**
 * One decision and everything that must be true with it or not at all. `authorityVersion` is the
 * version it was decided on; null for what depends on no authority (refusals).
 */
export interface Intent {
  readonly entries: readonly EntryDraft[];
  readonly authorityVersion: number | null;
  /** True when its entries change authority: the head's version is bumped in the same commit. */
  readonly changesAuthority: boolean;
  /** Milliseconds: judged for entries no later than this (a statement's `sign_by`); null: no bound. */
  readonly notAfter: number | null;
  /** Milliseconds: decided then, so that no entry says it was earlier; left out: at no time of its own. */
  readonly notBefore?: number;
  readonly once: readonly OnceId[];
  readonly uses: readonly GrantUse[];
  /** A lease, as intent, before the provider is asked. */
  readonly lease: NewLease | null;
  /** Rows that live and die with the entry. */
  readonly effects: readonly RowEffect[];
}

/** What else changes in the same transaction. A closed list: the store has one branch for each. */
export type RowEffect =
  | {
      readonly kind: 'seal-credential';
      readonly statement: string;
      readonly sealed: string;
    }
  | { readonly kind: 'discard-credential'; readonly statement: string }
  /** As `discard-credential`, and lost when somebody else was faster. */
  | { readonly kind: 'destroy-credential'; readonly statement: string }
  | { readonly kind: 'invite'; readonly codeHash: string; readonly invitation: Invitation }
  | { readonly kind: 'spend-invitation'; readonly codeHash: string; readonly now: number }
  | { readonly kind: 'spend-genesis-code'; readonly codeHash: string }
  /** Lost when its agent has `mostOpen` open ones: counted where no other commit comes in between. */
  | {
      readonly kind: 'access-request';
      readonly request: NewAccessRequest;
      readonly mostOpen: number;
    }
  | {
      readonly kind: 'settle-access-request';
      readonly id: string;
      readonly rejection: string | null;
      readonly statement: string | null;
    }
  | {
      readonly kind: 'lease-state';
      readonly id: string;
      readonly from: readonly LeaseState[];
      readonly to: LeaseState;
    }
  | { readonly kind: 'return-use'; readonly grants: readonly string[] };

/**
 * committed: durable. stale: the authority moved on (or the time is not within its bounds), decide again. exhausted: a use was not left.
 * replayed: a once-id was seen before. conflict: a row effect no longer applied (invitation spent,
 * lease in another state).
 */
export type Outcome =
  | {
      readonly outcome: 'committed';
      /** Index of its first entry. */
      readonly index: number;
      /** Instant of its entries. */
      readonly time: string;
      readonly authorityVersion: number;
    }
  | { readonly outcome: 'stale' }
  | { readonly outcome: 'exhausted'; readonly grant: string }
  | { readonly outcome: 'replayed' }
  | { readonly outcome: 'conflict'; readonly what: RowEffect['kind'] };

/** An entry as stored: canonical bytes and the hash the tree holds. */
export interface JournalEntry {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  /** Instant. */
  readonly time: string;
  readonly bytes: Uint8Array;
  readonly leafHash: Uint8Array;
}

export interface AuthorityJournalEntry extends JournalEntry {
  /** What the leaf hashes of the authority entries up to this one add up to, 32 bytes. */
  readonly chain: Uint8Array;
}

export interface Journal {
  /**
   * Appends in order; one loser does not fail the others. Group commit is behind this port.
   * @throws CountersignError `broker_unavailable` when it cannot be known that nothing was written late
   */
  commit(intents: readonly Intent[]): Promise<readonly Outcome[]>;
  head(): Promise<PresentHead>;
  /** Entries with `from <= index < to`, in order, streamed, as the database has them: for those who check. */
  read(from: number, to: number): AsyncIterable<JournalEntry>;
  /**
   * Entries with index >= from, in order, each of them up to the present head.
   * @throws UnfaithfulLedger at the end at the latest, unless they are those that the head vouches for
   */
  readProven(from: number): AsyncIterable<JournalEntry>;
  /**
   * Authority entries (statements, signatures, catalogs) with index >= from, in order. They continue
   * `before`, the chain of the authority entries before `from`; left out, it is read from the database.
   * @throws UnfaithfulLedger at the end at the latest, unless all of them add up to the head's chain
   */
  readAuthority(from: number, before?: Uint8Array): AsyncIterable<AuthorityJournalEntry>;
  /** Newest first when `descending`; keyset paging by index. As the database has them: for people who read. */
  page(query: {
    readonly after: number | null;
    readonly limit: number;
    readonly descending: boolean;
    readonly types: readonly string[] | null;
    readonly agent: string | null;
  }): Promise<readonly JournalEntry[]>;
  /**
   * The entry of this id, which the head vouches for. Null: the database names none, which proves nothing.
   * @throws UnfaithfulLedger when it names one that is not in the ledger, or is another
   */
  find(id: string): Promise<JournalEntry | null>;
  /** Calls back after any replica changed authority or answered an access request. Returns how to stop. */
  onAuthorityChange(listener: () => void): Promise<() => Promise<void>>;
}

const LEASE_STATES = ['pending', 'active', 'revoked', 'failed'] as const;
/** pending: intent, the provider may or may not know it. failed: the provider said it refused. */
export type LeaseState = (typeof LEASE_STATES)[number];

export interface NewLease {
  readonly id: string;
  readonly agent: string;
  readonly connection: string;
  readonly environment: string;
  readonly grants: readonly string[];
  readonly rights: readonly {
    readonly operation: string;
    readonly resource: string;
    readonly deleteCapable: boolean;
  }[];
  /** Milliseconds. */
  readonly expiresAt: number;
  /** Ledger entry that allowed it. */
  readonly decision: string;
}

export interface Lease extends NewLease {
  readonly state: LeaseState;
  readonly createdAt: number;
  /** Why revoking has not succeeded yet, for admins; null when it was not tried or went well. */
  readonly trouble: string | null;
  /** False when the row is not what the broker wrote: edited by hand, it stands for nothing. */
  readonly intact: boolean;
}

/** How many leases there are, for whoever watches over the broker. */
export interface LeaseCensus {
  readonly pending: number;
  readonly active: number;
  /** Live ones that should be gone: past their end, or left pending by a crash. */
  readonly due: number;
  /** Live ones whose last revocation failed. */
  readonly troubled: number;
  /** Milliseconds by which the oldest due lease is late; 0 when none is due. */
  readonly latest: number;
}

export interface Leases {
  find(id: string): Promise<Lease | null>;
  /** Pending and active leases, all or of one connection. */
  live(connection: string | null): Promise<readonly Lease[]>;
  /** Pending and active leases of these agents. */
  liveOf(agents: readonly string[]): Promise<readonly Lease[]>;
  page(query: { readonly after: string | null; readonly limit: number }): Promise<readonly Lease[]>;
  /** Moves pending → active; false when it is pending no more (revoked meanwhile). */
  activate(id: string): Promise<boolean>;
  /**
   * Live leases that nobody has claimed and that are past their end, or pending since before
   * `pendingBefore`, or whose revocation was begun and not finished. `limit` of each connection, so that
   * many of one hide none of another. `among`: only these.
   */
  due(query: {
    readonly now: number;
    readonly pendingBefore: number;
    readonly among?: readonly string[];
    readonly limit: number;
  }): Promise<readonly Lease[]>;
  /** Counts live leases, claimed ones too. `pendingFor`: milliseconds a lease may be pending. */
  census(query: { readonly now: number; readonly pendingFor: number }): Promise<LeaseCensus>;
  /**
   * Claims a live lease for revoking, so that no two replicas work on it; null when it is live no more or
   * claimed by another. A claim lapses by itself, for a claimer that died.
   */
  claim(id: string, now: number): Promise<Lease | null>;
  /** Notes why a revoke failed and lets the claims lapse at `retryAt` (ms). */
  postpone(ids: readonly string[], trouble: string, retryAt: number): Promise<void>;
}

export interface NewAccessRequest {
  readonly id: string;
  readonly agent: string;
  readonly details: readonly GrantedDetail[];
  readonly reason: string | null;
  /** Thumbprint of the DPoP key its tokens would be bound to; null: the agent's registered key. */
  readonly sender: string | null;
  readonly createdAt: number;
}

export interface AccessRequest extends NewAccessRequest {
  /** Why a human said no; null when none did. */
  readonly rejection: string | null;
  /** The grant statement drafted from it; null when none was proposed. */
  readonly statement: string | null;
}

export interface AccessRequests {
  find(id: string): Promise<AccessRequest | null>;
  page(query: {
    readonly after: string | null;
    readonly limit: number;
    readonly open: boolean;
  }): Promise<readonly AccessRequest[]>;
  countOpen(agent: string): Promise<number>;
}

interface Invitation {
  readonly name: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly sponsor: string;
  readonly expiresAt: number;
}

/**
 * One-time codes, kept as MACs of their hashes: not authority, only who may knock. Whoever owns the
 * database cannot write one that opens.
 */
export interface Codes {
  /** The unspent, unexpired invitation behind a code. */
  findInvitation(codeHash: string, now: number): Promise<Invitation | null>;
  /** Replaces the genesis code of an earlier start. */
  setGenesisCode(codeHash: string): Promise<void>;
  isGenesisCode(codeHash: string): Promise<boolean>;
}

/** Reads that need replay protection but make no entry. */
export interface ReplayIds {
  /** True when the id was not seen before; it is remembered until `expiresAt`. */
  remember(once: OnceId): Promise<boolean>;
  /** Forgets what is past `now`. */
  sweep(now: number): Promise<void>;
}

/** Use counters of limited grants, for reading; `Journal.commit` is what counts. */
export interface Uses {
  used(grants: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** What has to hold still from a proof to the end of the call that it is for (Law 2), for every server. */
export interface Holds {
  /**
   * Holds all of these names or none, shared with other writers or alone.
   * @throws CountersignError `broker_unavailable` when they could not be had within two seconds
   */
  hold(names: readonly string[], mode: 'shared' | 'exclusive'): Promise<Held>;
}

export interface Held {
  /** Aborts when it is held no more though nobody released it: the database ended the session. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** How far authority is folded. */
export interface AuthorityPosition {
  /** Authority entries before this index are folded in, and none from it on. */
  readonly next: number;
  /** How many. */
  readonly count: number;
  /** What their leaf hashes add up to, 32 bytes. */
  readonly chain: Uint8Array;
}

/** A state that was folded once, as a server vouches for it. */
export interface StoredSnapshot extends AuthorityPosition {
  /** Of its members, by name: what the statements must come to (`createStateDigests`). */
  readonly digests: Readonly<Record<string, string>>;
}

/** Folded authority under a MAC, so that a start folds only what came later. Nothing trusts what fails it. */
export interface Snapshots {
  /** The one that this version's fold made under the ledger's present key; null: there is none. */
  latest(): Promise<StoredSnapshot | null>;
  /** The same with its state. `isForeign`: there is one, and no server of ours left it as it is. */
  read(): Promise<{
    readonly snapshot: (StoredSnapshot & { readonly parts: readonly KeptStatePart[] }) | null;
    readonly isForeign: boolean;
  }>;
  /** Writes one in place of an earlier one, a part at a time. False: another server was ahead, or is at it. */
  write(at: AuthorityPosition, parts: Iterable<StatePart>): Promise<boolean>;
  /** Takes it away for good. */
  discard(): Promise<void>;
}

/**
 * What somebody did on one UTC day. allowed: decisions of an agent, by stage. denied: the same, by code.
 * credential: by which of its credentials an agent authenticated. grant: leases, runs and forwarded requests under
 * a grant. session: sign-ins of a human, by key.
 */
export interface UsageCount {
  /** Id of the agent, grant or human. */
  readonly subject: string;
  readonly kind: 'allowed' | 'denied' | 'credential' | 'grant' | 'session';
  /** Stage, code or thumbprint; empty for a grant. */
  readonly what: string;
  readonly count: number;
  /** Milliseconds, of the latest. */
  readonly lastAt: number;
}

/**
 * How often what was done: entries counted once, by day, so that a report reads days and not the ledger. A
 * projection for people who read; no decision asks it.
 */
export interface Usage {
  /** Entries counted so far. */
  counted(): Promise<number>;
  /** Adds what the entries from `from` to `to` say; false, and nothing added, when others counted them. */
  add(
    from: number,
    to: number,
    counts: readonly (UsageCount & { readonly day: string })[],
  ): Promise<boolean>;
  /** Forgets every count, of a ledger that is not the one counted. */
  restart(): Promise<void>;
  /**
   * Counts since the beginning of the UTC day of `since` (ms), each with its latest time ever; 0 where it
   * was done before only.
   */
  of(subjects: readonly string[], since: number): Promise<readonly UsageCount[]>;
}

/** What a sealed credential is bound to (Law 1): moved to another row, it does not open. */
export interface CredentialBinding {
  readonly broker: string;
  readonly connection: string;
  readonly endpoint: string;
  readonly account: string;
}

export interface SealedCredentials {
  /** Seals salt and credential. The result goes into a `seal-credential` row effect. */
  seal(binding: CredentialBinding, salt: string, credential: Secret): Promise<string>;
  /** Whether one is stored for this statement, whatever it opens to. */
  holds(statement: string): Promise<boolean>;
  /** @throws CountersignError `broker_unavailable` when it is missing or was sealed for something else */
  open(
    statement: string,
    binding: CredentialBinding,
  ): Promise<{ readonly salt: string; readonly credential: Secret }>;
}

/** Private keys of the server itself, sealed under the KEK. */
export interface SealedKeys {
  /**
   * The present key for a purpose; made and sealed on first use, so that concurrent first starts agree
   * on one. @throws CountersignError `broker_unavailable` when it does not open under this KEK
   */
  ensure(
    purpose: 'ledger' | 'token' | 'client-secret',
    make: () => Promise<{ readonly publicJwk: unknown; readonly privateJwk: Secret }>,
  ): Promise<{ readonly publicJwk: unknown; readonly privateJwk: Secret }>;
}

/** A key that signs tokens. Times in milliseconds, sealed with it. */
interface NewTokenKey {
  readonly publicJwk: unknown;
  readonly privateJwk: Secret;
  readonly madeAt: number;
  readonly signsFrom: number;
  readonly endsAt: number;
}

export interface TokenKeySet {
  /** Those that are as they were sealed and not below the floor, in no order. */
  readonly keys: readonly (NewTokenKey & { readonly kid: string })[];
  /** Rows that are not as they were sealed: no keys, but somebody's doing. */
  readonly foreign: readonly string[];
  /** Milliseconds: a key made before it counts no more. Null: there never was a floor. */
  readonly floor: number | null;
  /** Milliseconds: the time of the ledger's head. */
  readonly ledgerTime: number;
}

export interface TokenKeyChange {
  readonly add: NewTokenKey | null;
  readonly remove: readonly string[];
  /** The floor from now on; null: as it was. */
  readonly floor: number | null;
  /** Left out before genesis, which is the first entry there is. */
  readonly entry: EntryDraft | null;
  /** True: whatever is being decided meanwhile is decided again. */
  readonly isUrgent: boolean;
}

export interface TokenKeyRows {
  read(): Promise<TokenKeySet>;
  /** Plans on the present set with the head held, so that of two servers one changes it. False: null was planned. */
  change(plan: (set: TokenKeySet) => Promise<TokenKeyChange | null>): Promise<boolean>;
}

/**
 * Objects outside the database, only ever added to. Names are `[a-z0-9./-]`, their order is that of their
 * characters.
 */
export interface Mirror {
  /**
   * Durable when it resolves. What is there by that name stays as it is: `same` where it equals these bytes,
   * `different` where it does not, which no server of ours has done.
   */
  put(name: string, bytes: Uint8Array): Promise<'stored' | 'same' | 'different'>;
  /** @throws CountersignError `invalid_request` for what is no object, or larger than any of ours */
  get(name: string): Promise<Uint8Array | null>;
  /** Names that begin so, ascending, beyond `after`; 1,000 at most at a time. */
  list(
    prefix: string,
    query: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly string[]>;
}

/** What brings a restored database up to its mirror; for nothing else. */
export interface Restorer {
  /**
   * RFC 6962 root over the first entries, shown to be the beginning of the tree of the head.
   * @throws CountersignError `broker_unavailable` beyond the last one, or where rows say otherwise than the head
   */
  rootAt(size: number): Promise<Uint8Array>;
  /**
   * Appends entries as their bytes say, times included, and behind them `last`, all or nothing. False, and
   * nothing is written, when the head is not the expected one any more.
   */
  replay(
    expected: Pick<Head, 'size' | 'root'>,
    entries: readonly Uint8Array[],
    last: Replayed | null,
  ): Promise<boolean>;
}

interface Replayed {
  readonly entry: EntryDraft;
  /** Whether every token key made until then counts no more. */
  readonly endsTokens: boolean;
}
