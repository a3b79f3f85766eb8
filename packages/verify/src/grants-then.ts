/**
 * Where grants stand at one place of the ledger: after the entries before it, and before its own. What does
 * not depend on the clock is worked out once and kept until authority changes.
 */
import {
  type AuthorityState,
  type Connection,
  digestOfDocument,
  type Environment,
  type Grant,
  nameKey,
} from '@countersign/authority';
import { type Effect, isDeleteCapable, isNarrowed, worse } from '@countersign/core';
import { holds } from './containment.ts';
import { recordedThen } from './effects.ts';
import { quorumThen, type Signer, type Stops, stopsOf } from './signers.ts';

/** Seconds that a grant may stand: delete-capable, and where it can only reveal or execute outside of production. */
const LONGEST = 86_400;
const LONGEST_LENIENT = 30 * 86_400;

export interface Place {
  readonly connection: Connection;
  readonly environment: Environment;
}

/** What is so of a grant whatever the clock says. */
interface Standing {
  /** Why it would hold for nothing; null: it holds. */
  readonly problem: string | null;
  /** Approvers whose signatures carry it; empty unless it is delete-capable. */
  readonly signers: readonly Signer[];
}

export class GrantsThen {
  readonly #state: AuthorityState;
  #stops: Stops = new Set();
  readonly #standings = new Map<string, Standing>();
  readonly #effects = new Map<string, Effect | null>();

  constructor(state: AuthorityState) {
    this.#state = state;
  }

  /** Authority has changed: nothing of what was worked out is kept. */
  forget(): void {
    this.#stops = stopsOf(this.#state);
    this.#standings.clear();
    this.#effects.clear();
  }

  get stops(): Stops {
    return this.#stops;
  }

  /** By names, as an entry has them; or why there is no such place. */
  placeOf(connectionName: string, environmentName: string): Place | string {
    const { names, connections, environments } = this.#state;
    const connection = connections.get(names.get(nameKey('connection', connectionName)) ?? '');
    const environment = environments.get(names.get(nameKey('environment', environmentName)) ?? '');
    if (connection === undefined || connection.removedAt !== null) {
      return `there was no connection ${connectionName} then`;
    }
    if (environment === undefined) return `there was no environment ${environmentName} then`;
    return { connection, environment };
  }

  /** Why the grant allowed nothing to this agent at that time (ms); null where it did. */
  problemOf(id: string, agent: string, at: number): string | null {
    const grant = this.#state.grants.get(id);
    if (grant === undefined) return `no grant ${id} had been signed by enough`;
    if (grant.body.agent !== agent) return `grant ${id} is another agent's`;
    if (grant.revokedAt !== null) return `grant ${id} was revoked before`;
    // The writer's own bound: nothing is committed after the last instant of a grant.
    if (at > grant.until) return `the validity of grant ${id} was over`;
    if (at < grant.from) return `the cool-off of grant ${id} was not over`;
    const { problem } = this.#standingOf(grant);
    return problem === null ? null : `grant ${id} did not hold: ${problem}`;
  }

  /** Why what was begun under the grant could not be finished, whatever the clock says; null where it could. */
  problemOfBegun(id: string): string | null {
    const grant = this.#state.grants.get(id);
    if (grant === undefined || grant.revokedAt !== null) return `grant ${id} was revoked before`;
    const { problem } = this.#standingOf(grant);
    return problem === null ? null : `grant ${id} did not hold: ${problem}`;
  }

  signersOf(id: string): readonly Signer[] {
    const grant = this.#state.grants.get(id);
    return grant === undefined ? [] : this.#standingOf(grant).signers;
  }

  /**
   * The effect of one operation on one resource under the grant, there and then: the worse of signed and
   * recorded, the mildest of the permissions that hold it. Null: it holds it not.
   */
  effectUnder(id: string, place: Place, operation: string, resource: string): Effect | null {
    const grant = this.#state.grants.get(id);
    if (
      grant?.body.connection !== place.connection.id ||
      grant.body.environment !== place.environment.id
    ) {
      return null;
    }
    let mildest: Effect | null = null;
    for (const { operations, resources } of grant.body.permissions) {
      const signed = operations.find(({ name }) => name === operation)?.effect;
      if (signed === undefined) continue;
      if (!resources.some((granted) => holds(operation, granted, resource))) continue;
      const recorded = this.#recorded(operation, resource, place.environment.rule.class);
      if (recorded === null) return null;
      const effect = worse(signed, recorded);
      if (mildest === null || worse(mildest, effect) === mildest) mildest = effect;
    }
    return mildest;
  }

  #recorded(operation: string, resource: string, environmentClass: string): Effect | null {
    // A resource counts as whole or as a part, and by nothing else of its name.
    const key = `${operation} ${isNarrowed(resource)} ${environmentClass}`;
    const known = this.#effects.get(key);
    if (known !== undefined) return known;
    const effect = recordedThen(this.#state, operation, resource, environmentClass);
    this.#effects.set(key, effect);
    return effect;
  }

  #standingOf(grant: Grant): Standing {
    const known = this.#standings.get(grant.id);
    if (known !== undefined) return known;
    const standing = this.#workOut(grant);
    this.#standings.set(grant.id, standing);
    return standing;
  }

  #workOut({ id, body, unpinnedAt }: Grant): Standing {
    const state = this.#state;
    const [connection, record] = [state.connections.get(body.connection), state.statements.get(id)];
    const holdsNot = (problem: string): Standing => ({ problem, signers: [] });
    if (connection === undefined || connection.removedAt !== null) {
      return holdsNot('its connection was removed');
    }
    if (record === undefined) return holdsNot('no statement stands behind it');
    const pins = this.#brokenPin(body, connection) ?? changedBack(unpinnedAt);
    if (pins !== null) return holdsNot(pins);
    const worst = this.#worstOf(body);
    if (!isDeleteCapable(worst)) return { problem: null, signers: [] };
    const bound = this.#brokenBound(body, worst);
    if (bound !== null) return holdsNot(bound);
    const { signers, missing } = quorumThen(state, this.#stops, body.environment, record);
    return missing === null
      ? { problem: null, signers }
      : { problem: `its signatures did not suffice (${missing})`, signers };
  }

  #worstOf(body: Grant['body']): Effect {
    const environmentClass = this.#state.environments.get(body.environment)?.rule.class ?? '';
    let worst: Effect = 'read';
    for (const { operations, resources } of body.permissions) {
      const whole = resources.find((resource) => !isNarrowed(resource));
      const part = resources.find(isNarrowed);
      for (const { name, effect } of operations) {
        for (const resource of [whole, part]) {
          if (resource === undefined) continue;
          // What no catalog knows any more is as bad as can be.
          const recorded = this.#recorded(name, resource, environmentClass) ?? 'escalate';
          worst = worse(worst, worse(effect, recorded));
        }
      }
    }
    return worst;
  }

  #brokenBound(body: Grant['body'], worst: Effect): string | null {
    const isProduction =
      this.#state.environments.get(body.environment)?.rule.class === 'production';
    const isLenient = (worst === 'reveal' || worst === 'execute') && !isProduction;
    if (body.valid_for > (isLenient ? LONGEST_LENIENT : LONGEST)) return 'it stands too long';
    if (body.max_uses === null && !isLenient) return 'its uses have no limit';
    if (body.pins === null) return 'it pins nothing';
    return body.sender === null ? 'it names no key' : null;
  }

  #brokenPin({ pins, agent, environment }: Grant['body'], connection: Connection): string | null {
    if (pins === null) return null;
    const credentials = this.#state.agents.get(agent)?.credentials ?? [];
    if (credentials.join() !== pins.agent_credentials.join()) {
      return "the agent's credentials are not those it pins";
    }
    const { provider, endpoint, account, config, mapping } = connection.body;
    const pinned = {
      connection: connection.id,
      provider,
      endpoint,
      account,
      config,
      mapping: mapping[environment] ?? [],
    };
    return digestOfDocument(pinned) === pins.connection
      ? null
      : 'the connection is not as it pins it';
  }
}

/** Once a pin broke, nothing but another grant holds, though all be as it was again. */
function changedBack(unpinnedAt: string | null): string | null {
  return unpinnedAt === null ? null : 'what it pins was changed, and changed back';
}
