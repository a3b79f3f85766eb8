/** Everything the use cases stand on, wired once by the server. */
import type { Finding } from '@countersign/contract';
import type { Clock, Random } from '@countersign/core';
import type { NoteSigner } from '@countersign/ledger';
import type { GuardrailEngine, ResourceRules } from '@countersign/policy';
import type { Provider, Upstream } from '@countersign/provider-kit';
import type { AuthorityCache } from './authority-cache.ts';
import type { ClientSecrets } from './client-secrets.ts';
import type { ConnectionChecks } from './connection-checks.ts';
import type { DenialLog } from './denial-log.ts';
import type { Descriptions } from './live-providers.ts';
import type { Mirroring } from './mirroring.ts';
import type { OpenedConnections } from './opened-connections.ts';
import type { Pace } from './pace.ts';
import type {
  AccessRequests,
  Codes,
  Holds,
  Journal,
  Leases,
  ReplayIds,
  SealedCredentials,
  Usage,
  Uses,
} from './ports.ts';
import type { Pulse } from './pulse.ts';
import type { Revoker } from './revoker.ts';
import type { Shares } from './shares.ts';
import type { SnapshotKeeping } from './snapshot-keeping.ts';
import type { TokenKeys } from './token-keys.ts';

/** What the broker tells an operator; never a secret, never an upstream's words to an agent. */
export interface BrokerLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Deps {
  readonly issuer: string;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: BrokerLog;
  readonly journal: Journal;
  readonly leases: Leases;
  readonly accessRequests: AccessRequests;
  readonly codes: Codes;
  readonly replay: ReplayIds;
  readonly uses: Uses;
  readonly usage: Usage;
  readonly sealed: SealedCredentials;
  readonly tokenKeys: TokenKeys;
  readonly clientSecrets: ClientSecrets;
  readonly ledgerSigner: NoteSigner;
  /** The ledger key as genesis names it. */
  readonly ledgerKey: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
  /** By name: those that are built in, and those that humans described and adopted. Live. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** How each provider reads its resources, by its name. */
  readonly rules: ReadonlyMap<string, ResourceRules>;
  readonly descriptions: Descriptions;
  /** Evaluates the humans' guardrails. */
  readonly guardrails: GuardrailEngine;
  readonly authority: AuthorityCache;
  readonly snapshots: SnapshotKeeping;
  readonly denials: DenialLog;
  /** How much one agent may ask for. */
  readonly pace: Pace;
  /** How many questions to providers one agent may cause. */
  readonly resolving: Pace;
  /** How many requests of one agent are forwarded at once. */
  readonly shares: Shares;
  /** How many of these hold something still at once. */
  readonly holding: Shares;
  readonly holds: Holds;
  /** How requests are sent to providers. */
  readonly upstream: Upstream;
  readonly opened: OpenedConnections;
  readonly revoker: Revoker;
  readonly pulse: Pulse;
  readonly checks: ConnectionChecks;
  /** What this server's own machine and configuration leave open. */
  readonly examineHost: () => Promise<readonly Finding[]>;
  /** Keeps the ledger outside the database too; null where no mirror is configured. */
  readonly mirroring: Mirroring | null;
  /** Wakes those who long-poll; called after anything they wait for may have changed. */
  readonly changes: Changes;
}

/** A tiny in-process signal: wait for the next change, or until told to stop. */
export interface Changes {
  notify(): void;
  /** Resolves at the next `notify`, after `ms`, or when `signal` aborts. */
  next(ms: number, signal: AbortSignal): Promise<void>;
}
