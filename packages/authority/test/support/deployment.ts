/**
 * A broker's authority in a test: people, their keys, and a ledger that is fed to the fold entry by
 * entry. Everything it signs is signed with node:crypto over canonical JSON of its own.
 */
import type { Catalog } from '@countersign/core';
import { type AuthorityEntry, emptyState, judge, parseEnvelope } from '../../src/index.ts';
import {
  agentBody,
  type Body,
  CATALOG,
  connectionBody,
  digestOfCatalog,
  enrollBody,
  environmentBody,
  genesisBody,
  grantBody,
  pinsFor,
} from './bodies.ts';
import { base64url, canonicalText, keyOf, signed, type TestKey } from './device-keys.ts';
import { snapshot } from './snapshot.ts';

const START = Date.parse('2026-11-20T09:00:00.000Z');
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A statement about to be signed. Loosely typed: tests draft what no schema would let pass. */
export interface Draft {
  readonly v: unknown;
  readonly kind: string;
  readonly id: string;
  readonly broker: string | null;
  readonly issued_at: string;
  readonly sign_by: string;
  readonly body: Body;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly key: TestKey;
}

/** What people sign with, in their order. */
export function keys(...people: readonly Person[]): TestKey[] {
  return people.map(({ key }) => key);
}

export type Outcome =
  | {
      readonly ok: true;
      readonly status: 'pending' | 'cooling_off' | 'complete';
      readonly missing: string;
    }
  | { readonly ok: false; readonly code: string; readonly message: string };

export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

export function payloadOf(statement: unknown): string {
  return base64url(canonicalText(statement));
}

export class Deployment {
  readonly state = emptyState();
  /** Every entry that was accepted, in order. */
  readonly ledger: AuthorityEntry[] = [];
  now = START;
  #made = 0;

  newId(): string {
    this.#made += 1;
    const time = this.now.toString(16).padStart(12, '0');
    const count = this.#made.toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${count}`;
  }

  draft(kind: string, body: Body, change: Partial<Draft> = {}): Draft {
    return {
      v: 1,
      kind,
      id: this.newId(),
      broker: this.state.broker,
      issued_at: instant(this.now),
      sign_by: instant(this.now + DAY),
      body,
      ...change,
    };
  }

  /** Feeds an entry. A refused one must have left the state as it was, and nothing may throw. */
  async feed(type: AuthorityEntry['type'], body: unknown): Promise<Outcome> {
    const before = snapshot(this.state);
    const entry = { index: this.state.size, time: instant(this.now), type, body };
    const judgement = await judge(this.state, entry);
    if (snapshot(this.state) !== before) throw new Error('judging changed the state');
    if (!judgement.ok) {
      return { ok: false, code: judgement.refusal.code, message: judgement.refusal.message };
    }
    judgement.apply();
    this.ledger.push(entry);
    const missing = judgement.progress?.missing.join('; ') ?? '';
    return { ok: true, status: judgement.status, missing };
  }

  async propose(statement: unknown, ...by: readonly TestKey[]): Promise<Outcome> {
    return await this.proposePayload(payloadOf(statement), ...by);
  }

  async proposePayload(payload: string, ...by: readonly TestKey[]): Promise<Outcome> {
    const signatures = by.map((key) => signed(payload, key));
    return await this.feed('statement.proposed', {
      envelope: parseEnvelope({ payload, signatures, assertions: [] }),
    });
  }

  async sign(statement: Draft, ...by: readonly TestKey[]): Promise<Outcome> {
    const signatures = by.map((key) => signed(payloadOf(statement), key));
    return await this.feed('statement.signed', {
      statement: statement.id,
      signatures,
      assertions: [],
    });
  }

  /** The end of a delay, at the present time. */
  async takeEffect(statement: string): Promise<Outcome> {
    return await this.feed('statement.effective', { statement });
  }

  /** Proposes what must complete at once. @returns the statement's id */
  async done(statement: Draft, ...by: readonly TestKey[]): Promise<string> {
    const outcome = await this.propose(statement, ...by);
    if (!outcome.ok) throw new Error(`refused: ${outcome.code} ${outcome.message}`);
    if (outcome.status !== 'complete') throw new Error(`pending: ${outcome.missing}`);
    return statement.id;
  }

  async record(catalog: Catalog): Promise<Outcome> {
    return await this.feed('catalog.recorded', { digest: digestOfCatalog(catalog), catalog });
  }

  async begin(name: string): Promise<Person> {
    const key = keyOf(name);
    const draft = this.draft('genesis', genesisBody(name, key, keyOf('ledger')));
    return { id: await this.done(draft, key), name, key };
  }

  /** The first of `vouching` is the sponsor. */
  async enrol(name: string, roles: string[], vouching: readonly Person[]): Promise<Person> {
    const key = keyOf(name);
    const draft = this.draft('human.enroll', enrollBody(name, key, vouching[0]?.id ?? '', roles));
    const id = await this.done(draft, key, ...vouching.map((person) => person.key));
    return { id, name, key };
  }
}

export interface Team {
  readonly broker: Deployment;
  /** Admin and approver, the first human. */
  readonly alice: Person;
  /** Approver. */
  readonly bob: Person;
  /** Approver. */
  readonly carol: Person;
  /** Auditor. */
  readonly dave: Person;
  /** Admin, no approver. */
  readonly erin: Person;
  readonly agentKey: TestKey;
  readonly agent: string;
  readonly production: string;
  readonly staging: string;
  /** Maps `prod-1` into production and `stage-1` into staging. */
  readonly connection: string;
}

/** Five humans, one agent, two environments, one connection, one catalog. */
export async function team(): Promise<Team> {
  const broker = new Deployment();
  const alice = await broker.begin('alice');
  await broker.record(CATALOG);
  const bob = await broker.enrol('bob', ['approver'], [alice]);
  const carol = await broker.enrol('carol', ['approver'], [alice, bob]);
  const dave = await broker.enrol('dave', ['auditor'], [alice, bob]);
  const erin = await broker.enrol('erin', ['admin'], [alice, bob]);
  const production = await broker.done(
    broker.draft('environment.set', environmentBody('production', 'production')),
    alice.key,
  );
  const staging = await broker.done(
    broker.draft('environment.set', environmentBody('staging', 'staging')),
    alice.key,
  );
  const agentKey = keyOf('agent');
  const agent = await broker.done(
    broker.draft('agent.register', agentBody('ci', agentKey)),
    alice.key,
  );
  const mapping = { [production]: ['prod-1'], [staging]: ['stage-1'] };
  const connection = await broker.done(
    broker.draft('connection.set', connectionBody('main', mapping)),
    alice.key,
    bob.key,
  );
  return {
    broker,
    alice,
    bob,
    carol,
    dave,
    erin,
    agentKey,
    agent,
    production,
    staging,
    connection,
  };
}

/** A delete-capable grant body that keeps every bound: one use, one hour, pinned, bound to the agent's key. */
export function dangerousGrant(
  { broker, agent, connection, agentKey }: Team,
  environment: string,
  permissions: readonly Body[],
  change: Body = {},
): Body {
  return {
    ...grantBody({ agent, connection, environment }, permissions),
    max_uses: 1,
    pins: pinsFor(broker.state, agent, connection, environment),
    sender: agentKey.kid,
    ...change,
  };
}
