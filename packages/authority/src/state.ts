/**
 * What humans have signed, folded (Law 1). Only `fold.ts` changes it; everyone else reads. Objects are
 * replaced, never edited in place, so a reader that holds one holds a consistent view of it.
 */
import type { FreezeTarget, RestoredBody, Role, StatementOf } from '@countersign/contract';
import type { Catalog, Effect } from '@countersign/core';
import { digestOfDocument } from './canonical.ts';
import type { DecodedStatement, DeviceKey } from './envelope.ts';

export interface Human {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly groups: readonly string[];
  /** Since which entry, by `role/<role>` and `group/<group>`: what was signed before does not count as theirs. */
  readonly since: Readonly<Record<string, number>>;
  /** Thumbprint of the key that their recovery code stands for. */
  readonly recovery: string | null;
  /** Vouched for by one person alone; shown wherever their signature is. */
  readonly vouchedByOne: boolean;
  readonly enrolledAt: string;
  readonly removedAt: string | null;
}

interface HumanKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly human: string;
  readonly type: 'passphrase' | 'user-verified';
  readonly jwk: DeviceKey;
  readonly addedAt: string;
  readonly revokedAt: string | null;
}

export interface Environment {
  readonly id: string;
  readonly name: string;
  readonly rule: StatementOf<'environment.set'>['body'];
}

export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly auth: StatementOf<'agent.register'>['body']['auth'];
  /**
   * What a delete-capable grant pins: RFC 7638 thumbprints of its registered keys, ascending; for an agent
   * that has none, the digest of its `auth`. Which of them are keys is for `registeredKeys` to say.
   */
  readonly credentials: readonly string[];
  readonly requireDpop: boolean;
  readonly disabledAt: string | null;
}

export interface Connection {
  readonly id: string;
  readonly name: string;
  readonly body: StatementOf<'connection.set'>['body'];
  /** The statement whose credential is the present one. */
  readonly setBy: string;
  /** Instant since when it is as it is. */
  readonly since: string;
  /** As it was before, oldest first: what was made then is taken back there. */
  readonly former: readonly FormerConnection[];
  /** Removed for good. It stays known by its id, so that its last leases can be taken back. */
  readonly removedAt: string | null;
}

export interface FormerConnection extends Pick<Connection, 'body' | 'setBy' | 'since'> {
  /** Instant. */
  readonly until: string;
}

/** Effects as humans adopted them: a catalog, and their own word on single operations. */
export interface Adoption {
  readonly digest: string;
  readonly effects: ReadonlyMap<string, Effect>;
  /** Digests recorded before it: they count no more, whoever records them again. */
  readonly superseded: readonly string[];
}

/** The first parts of a catalog that is larger than an entry. */
export interface CatalogParts {
  /** How many there will be. */
  readonly parts: number;
  /** base64url, in order. */
  readonly bytes: readonly string[];
}

/** A never-allow rule above every grant. */
export interface Guardrail {
  readonly id: string;
  readonly name: string;
  /** Cedar. */
  readonly policy: string;
  readonly reason: string;
  /** The human who proposed the present text, and when it took effect. */
  readonly author: string;
  readonly at: string;
  /** Until then its author changes or removes it alone; null once two humans have changed it. */
  readonly soleUntil: string | null;
  readonly removedAt: string | null;
}

/** An emergency stop. Its target is frozen while any freeze on it stands. */
export interface Freeze {
  readonly id: string;
  readonly target: FreezeTarget;
  readonly reason: string;
  /** The human on whose word it took effect. */
  readonly author: string;
  readonly at: string;
  /** Another human who signed it too; null while its author can lift it alone. */
  readonly secondedBy: string | null;
  readonly liftedAt: string | null;
}

export interface Grant {
  readonly id: string;
  readonly body: StatementOf<'grant.create'>['body'];
  /** Milliseconds: the time of the entry that completed it. */
  readonly completedAt: number;
  /** Milliseconds, cool-off included. */
  readonly from: number;
  readonly until: number;
  readonly revokedAt: string | null;
  /** Instant when something that it pins changed first: nothing but another grant brings it back. */
  readonly unpinnedAt: string | null;
}

/** Once the database was restored, and went on as another line of the ledger than its mirror has. */
export interface Restoration extends RestoredBody {
  /** Of its entry. */
  readonly index: number;
  /** Instant. */
  readonly at: string;
}

/** One signature that was counted. It goes on counting only while key, human and role stay valid. */
export interface CountedSignature {
  readonly kid: string;
  readonly human: string;
  readonly at: string;
  /** Index of the entry that holds it: two entries may share an instant, and only one of them is the first. */
  readonly entry: number;
}

/** cooling_off: signed by enough, and in effect only with an entry once its delay is over. */
export type StatementStatus = 'pending' | 'cooling_off' | 'complete' | 'rejected';

export interface StatementRecord {
  readonly decoded: DecodedStatement;
  readonly status: StatementStatus;
  readonly signatures: readonly CountedSignature[];
  readonly proposedAt: string;
  /** What it would change, as it was when it was proposed (`basisOf`). */
  readonly basis: string | null;
  /** When it was signed by enough, or rejected. */
  readonly settledAt: string | null;
  /** From when on it can take effect; null where nothing delays it. */
  readonly effectiveFrom: string | null;
  /** Who rejected it, in which statement, with which words. */
  readonly rejection: { readonly human: string; readonly reason: string } | null;
}

/** The place and the instant of an entry. */
export interface At {
  readonly index: number;
  readonly time: string;
}

export interface AuthorityState {
  /** Fingerprint of genesis; null before it. */
  broker: string | null;
  ledgerKey: DeviceKey | null;
  /** Entries of any type folded in so far; the next authority entry has at least this index. */
  size: number;
  /** Instant of the latest folded entry. */
  time: string;
  readonly humans: Map<string, Human>;
  readonly keys: Map<string, HumanKey>;
  readonly environments: Map<string, Environment>;
  readonly agents: Map<string, Agent>;
  readonly connections: Map<string, Connection>;
  readonly grants: Map<string, Grant>;
  readonly statements: Map<string, StatementRecord>;
  /** Ids of those that are pending or cooling off, so that nobody looks through all that ever were. */
  readonly unsettled: Map<string, true>;
  /** The statement that last changed a human, environment, connection, guardrail, or a provider's catalog. */
  readonly changedBy: Map<string, string>;
  /** Every catalog ever recorded, by digest, and the latest digest per provider. */
  readonly catalogs: Map<string, Catalog>;
  readonly latestCatalog: Map<string, string>;
  /** Catalogs of which some parts are there, by digest. */
  readonly catalogParts: Map<string, CatalogParts>;
  /** Names in use or ever used, per kind of thing: names are never reused. */
  readonly names: Map<string, string>;
  /** Provider ids → connection and environment; disjoint across all connections. */
  readonly mapped: Map<string, { readonly connection: string; readonly environment: string }>;
  /** Environments in which a provider id was ever mapped, by any connection. */
  readonly everMapped: Map<string, readonly string[]>;
  /** By provider, where humans adopted a catalog. */
  readonly adopted: Map<string, Adoption>;
  readonly guardrails: Map<string, Guardrail>;
  /** Grant ids by agent, for the hot path. */
  readonly grantsOfAgent: Map<string, readonly string[]>;
  readonly freezes: Map<string, Freeze>;
  /** Freezes that stand, by what they stop, for the hot path. */
  readonly frozen: Map<string, readonly string[]>;
  /** By connection: object → digest of each way around its rights that two humans accepted. */
  readonly acceptedEscapes: Map<string, ReadonlyMap<string, string>>;
  /** By the id of the line, oldest first. */
  readonly restorations: Map<string, Restoration>;
}

export function emptyState(): AuthorityState {
  return {
    broker: null,
    ledgerKey: null,
    size: 0,
    time: '1970-01-01T00:00:00.000Z',
    humans: new Map(),
    keys: new Map(),
    environments: new Map(),
    agents: new Map(),
    connections: new Map(),
    grants: new Map(),
    statements: new Map(),
    unsettled: new Map(),
    changedBy: new Map(),
    catalogs: new Map(),
    latestCatalog: new Map(),
    catalogParts: new Map(),
    names: new Map(),
    mapped: new Map(),
    everMapped: new Map(),
    adopted: new Map(),
    guardrails: new Map(),
    grantsOfAgent: new Map(),
    freezes: new Map(),
    frozen: new Map(),
    acceptedEscapes: new Map(),
    restorations: new Map(),
  };
}

/** The key under which a name is held for ever, per kind of thing. */
export function nameKey(
  kind: 'human' | 'environment' | 'agent' | 'connection' | 'guardrail',
  name: string,
): string {
  return `${kind}/${name}`;
}

/** True while the human is enrolled. */
export function isPresent(human: Human | undefined): human is Human {
  return human !== undefined && human.removedAt === null;
}

/**
 * Whether a connection would reach something else, or by another way: its endpoint, its account, or its
 * config, which names the authority that vouches for the endpoint, and the cluster behind it.
 */
export function isElsewhere(
  present: Connection | undefined,
  body: StatementOf<'connection.set'>['body'],
): boolean {
  return (
    present?.body.endpoint !== body.endpoint ||
    present.body.account !== body.account ||
    digestOfDocument(present.body.config) !== digestOfDocument(body.config)
  );
}

/** A connection that was not removed. */
export function presentConnection(state: AuthorityState, id: string): Connection | undefined {
  const connection = state.connections.get(id);
  return connection?.removedAt === null ? connection : undefined;
}

/**
 * A key that is not revoked, of a human who is still enrolled. Enough to sign in, to read and to veto;
 * whether its signature counts is `countingHuman`'s, since a freeze suspends it.
 */
export function signingHuman(state: AuthorityState, kid: string): Human | null {
  const key = state.keys.get(kid);
  if (key === undefined || key.revokedAt !== null) return null;
  const human = state.humans.get(key.human);
  return isPresent(human) ? human : null;
}

/** Enrolled humans who hold a role and at least one key that is not revoked. */
export function holdersOf(state: AuthorityState, role: Role): Human[] {
  return [...state.humans.values()].filter(
    (human) =>
      isPresent(human) &&
      human.roles.includes(role) &&
      [...state.keys.values()].some((key) => key.human === human.id && key.revokedAt === null),
  );
}

/** Whether a second human was ever enrolled, removed since or not. */
export function secondHumanEver(state: AuthorityState): boolean {
  return state.humans.size > 1;
}

/** A key that was the agent's and is no more: nothing that it proves counts. */
export function isFormerKey(state: AuthorityState, agent: string, kid: string): boolean {
  const isTheirs = state.names.get(`agent-key/${kid}`) === agent;
  return isTheirs && !registeredKeys(state.agents.get(agent)).includes(kid);
}

/** Thumbprints of the agent's own keys, that tokens can be bound to; a secret is no key. */
export function registeredKeys(agent: Agent | undefined): readonly string[] {
  return agent?.auth.method === 'private_key_jwt' ? agent.credentials : [];
}
