/** What a decision is made of. Everything it may look at is here; it looks at nothing else. */
import type { AuthorityState, Connection } from '@countersign/authority';
import type { DenialCode, Effect } from '@countersign/core';
import type { GuardrailEngine } from './guardrail-engine.ts';

/** How a provider reads its own resource ids. Pure functions of the provider, no I/O. */
export interface ResourceRules {
  /** Canonical form, or null when it is no resource of that operation. */
  canonical(operation: string, resource: string): string | null;
  /** Whether a grant on `granted` covers `requested`; both canonical. */
  covers(operation: string, granted: string, requested: string): boolean;
  /** What a canonical resource is, or is part of: resources that cover one another share it. */
  whole(resource: string): string;
  /** Whether credentials may be minted for the operation. */
  exchangeable(operation: string): boolean;
  /** Whether the broker itself runs scripts for it, instead of minting anything. */
  runnable(operation: string): boolean;
  /** Whether the broker forwards requests that do it, and adds the credential. */
  forwardable(operation: string): boolean;
}

export interface Right {
  readonly operation: string;
  /** Canonical. */
  readonly resource: string;
}

export interface Facts {
  readonly authority: AuthorityState;
  /** Uses so far of limited grants; absent means none. */
  readonly uses: ReadonlyMap<string, number>;
  /** Rules by provider name; an absent provider is unknown. */
  readonly rules: ReadonlyMap<string, ResourceRules>;
  /**
   * Law 2: the provider ids that these rights would touch, as the provider's own facts prove them;
   * null when the proof could not be had, empty (of a forwarded request only) when they touch none.
   */
  readonly provenIds: (
    connection: Connection,
    rights: readonly Right[],
  ) => readonly string[] | null;
  /** Evaluates guardrails; null: there is none, and where a guardrail stands everything is denied. */
  readonly guardrails: GuardrailEngine | null;
}

export interface Question {
  /** Agent id. */
  readonly agent: string;
  /** Thumbprint of the key the caller has shown (DPoP), or null. */
  readonly sender: string | null;
  /** Connection and environment names, as asked. */
  readonly connection: string;
  readonly environment: string;
  /** Each the full product of its operations and resources; together their union. */
  readonly asks: readonly Ask[];
  /** What it is for: a credential, a script that the broker runs, a request it forwards, or (a token) any. */
  readonly use: 'credential' | 'script' | 'gateway' | 'either';
  /** Only these grants may cover it (those a token names); null: any. */
  readonly grants: readonly string[] | null;
}

/** As asked, not yet canonical. Null: whatever is granted (never delete-capable operations). */
export interface Ask {
  readonly operations: readonly string[] | null;
  readonly resources: readonly string[] | null;
}

/** Stands for "whatever resource" where an operation was named and none is granted for it. */
export const ANY_RESOURCE = '*';

/** One step of the decision, in domain order, for the ledger and `explain`. */
export interface Step {
  readonly step:
    | 'agent'
    | 'freeze'
    | 'connection'
    | 'operation'
    | 'grant'
    | 'sender'
    | 'environment'
    | 'guardrail'
    | 'verdict';
  readonly ok: boolean;
  /** One sentence. For humans and the ledger; an agent sees only the code and what it asked for. */
  readonly text: string;
}

/** A right with the grant that covers it. */
export interface CoveredRight extends Right {
  readonly grant: string;
  readonly effect: Effect;
}

export interface Allowed {
  readonly allowed: true;
  readonly steps: readonly Step[];
  readonly connection: Connection;
  /** Environment id. */
  readonly environment: string;
  readonly rights: readonly CoveredRight[];
  readonly obligations: Obligations;
}

/** What the caller must hold to when it acts on an allowed verdict. */
export interface Obligations {
  readonly deleteCapable: boolean;
  /** Seconds: longest life of one lease. */
  readonly ttl: number;
  /** Milliseconds: nothing made from this lives longer. */
  readonly until: number;
  /** Grants whose uses are counted, with their limit. */
  readonly uses: readonly { readonly grant: string; readonly max: number }[];
}

export interface Denied {
  readonly allowed: false;
  readonly code: DenialCode;
  readonly steps: readonly Step[];
  /** What the agent asked for, canonical where it could be read; for its access request. */
  readonly asked: readonly Right[];
  /** Which guardrail forbade it, for the ledger and never for an agent; null where none did. */
  readonly guardrail: ForbiddenBy | null;
}

/** A guardrail, and the policy in it by `@id` or place; null where the whole could not be evaluated. */
export interface ForbiddenBy {
  readonly id: string;
  readonly name: string;
  readonly policy: string | null;
}

export type Verdict = Allowed | Denied;
