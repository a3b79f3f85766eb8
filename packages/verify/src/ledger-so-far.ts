/**
 * What the entries before one amount to: authority, and all that decisions have made and not ended. It keeps
 * what is still open and what a report names, never the entries, so a ledger of any length fits.
 */
import { type AuthorityState, emptyState } from '@countersign/authority';
import type { GrantedDetail } from '@countersign/contract';
import { GrantsThen } from './grants-then.ts';
import type { Signer } from './signers.ts';

/** An entry of the ledger, its form known. */
export interface Entry {
  readonly index: number;
  readonly id: string;
  /** Instant. */
  readonly time: string;
  /** The same in milliseconds. */
  readonly at: number;
  readonly type: string;
  readonly body: unknown;
}

export interface IssuedToken {
  readonly agent: string;
  /** Milliseconds. */
  readonly expiresAt: number;
  readonly jkt: string | null;
  readonly grants: readonly string[];
  readonly details: readonly GrantedDetail[];
}

export interface OpenLease {
  readonly agent: string;
  readonly decision: string;
  /** Milliseconds. */
  readonly expiresAt: number;
  readonly connection: string;
  readonly environment: string;
  readonly grants: readonly string[];
  readonly uses: readonly string[];
  readonly isRun: boolean;
  /** Of a run: it was about to be committed; its login was taken back. */
  readonly committing: boolean;
  readonly revoked: boolean;
}

/** One decision that could delete, and who stands behind it. */
export interface DeleteCapable {
  readonly index: number;
  readonly id: string;
  readonly time: string;
  readonly stage: 'issue' | 'exchange' | 'run' | 'forward';
  /** Null for a token, which by itself can do nothing, and for a request, which was forwarded once. */
  readonly lease: string | null;
  /** Names. */
  readonly agent: string;
  readonly connection: string;
  readonly environment: string;
  readonly operations: readonly string[];
  readonly grants: readonly { readonly grant: string; readonly signed_by: readonly Signer[] }[];
}

interface Forwarded {
  readonly agent: string;
  readonly uses: readonly string[];
  /** Milliseconds. */
  readonly at: number;
}

/** What an auditor should hear of though the ledger is as it must be. */
export interface Remark {
  readonly index: number;
  readonly id: string;
  readonly text: string;
}

/** What a statement answers is missing: no fault where a restored database says that it is lost. */
export interface Unanswered {
  readonly index: number;
  readonly id: string;
  readonly why: string;
}

/** Milliseconds after a token's end in which an exchange that began in time may yet be committed. */
const BEGUN_IN_TIME = 60_000;

/** Milliseconds within which a provider has said that it refused what was forwarded. */
const ANSWERED_IN_TIME = 3_600_000;

export class LedgerSoFar {
  readonly state: AuthorityState = emptyState();
  readonly grants = new GrantsThen(this.state);
  readonly leases = new Map<string, OpenLease>();
  /** Uses of limited grants that were not given back. */
  readonly uses = new Map<string, number>();
  /** Dry runs that are not finished, by decision: whose, and what they were for. */
  readonly dryRuns = new Map<string, { readonly human: string; readonly of: string }>();
  /** By entry: what a finished dry run, or a look at deletions, was for, and what it found. */
  readonly assessments = new Map<string, { readonly of: string; readonly found: string }>();
  /** Forwarded requests that took uses, by decision: whose may come back. */
  readonly #forwarded = new Map<string, Forwarded>();
  readonly requests = new Map<string, { readonly agent: string; readonly sender: string | null }>();

  /** Of the entries right before this one, if they were replayed. */
  unanswered: readonly Unanswered[] = [];

  readonly deleteCapable: DeleteCapable[] = [];
  readonly remarks: Remark[] = [];
  readonly decisions = { allowed: 0, denied: 0 };
  leasesMade = 0;

  readonly #tokens = new Map<string, IssuedToken>();
  readonly #unjudged = new Map<string, number>();

  addToken(jti: string, token: IssuedToken): boolean {
    if (this.#tokens.has(jti)) return false;
    this.#tokens.set(jti, token);
    return true;
  }

  /** A token that an exchange at this time (ms) may have begun with. */
  tokenAt(jti: string, at: number): IssuedToken | undefined {
    // The oldest stand first; what has ended among them is forgotten.
    for (const [oldest, { expiresAt }] of this.#tokens) {
      if (expiresAt + BEGUN_IN_TIME >= at) break;
      this.#tokens.delete(oldest);
    }
    const token = this.#tokens.get(jti);
    return token !== undefined && token.expiresAt + BEGUN_IN_TIME >= at ? token : undefined;
  }

  addForwarded(decision: string, forwarded: Forwarded): void {
    for (const [oldest, { at }] of this.#forwarded) {
      if (at + ANSWERED_IN_TIME >= forwarded.at) break;
      this.#forwarded.delete(oldest);
    }
    this.#forwarded.set(decision, forwarded);
  }

  /** The request of this decision whose uses did not come back yet; it can do so once. */
  takeForwarded(decision: string): Forwarded | undefined {
    const forwarded = this.#forwarded.get(decision);
    this.#forwarded.delete(decision);
    return forwarded;
  }

  /** After a leak no token stands. */
  endTokens(): void {
    this.#tokens.clear();
  }

  /** Law 4: counts a use of each; a sentence where one was left no more. */
  use(grants: readonly string[]): string | null {
    for (const id of grants) {
      const used = (this.uses.get(id) ?? 0) + 1;
      const most = this.state.grants.get(id)?.body.max_uses ?? 0;
      if (used > most) return `grant ${id} was used ${used} times, and ${most} is its limit`;
      this.uses.set(id, used);
    }
    return null;
  }

  giveBack(grants: readonly string[]): void {
    for (const id of grants) this.uses.set(id, (this.uses.get(id) ?? 0) - 1);
  }

  /** Counts what could not be judged here, so that nobody takes it for judged. */
  leaveOpen(what: string): void {
    this.#unjudged.set(what, (this.#unjudged.get(what) ?? 0) + 1);
  }

  get unjudged(): readonly { readonly what: string; readonly decisions: number }[] {
    return [...this.#unjudged].map(([what, decisions]) => ({ what, decisions }));
  }
}
