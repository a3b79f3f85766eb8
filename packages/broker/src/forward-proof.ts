/**
 * Law 2 at the gateway: a request is understood by its provider, and proven by the provider's own account to
 * stay where it may. What is asked once is asked once, however often authority moves meanwhile.
 */
import type { CoveredRight } from '@countersign/policy';
import {
  type ClassifiedRequest,
  type GatewayCall,
  type ProviderConnection,
  ProviderError,
  RequestRefusal,
  type ResolvedRequest,
} from '@countersign/provider-kit';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { createEnding, type Ending } from './ending.ts';
import type { ForwardRequest } from './forward-caller.ts';
import { type DeniedTarget, type Judging, modeOf } from './forward-judging.ts';
import { isObstacle, type Obstacle, obstacle, type Place } from './forward-place.ts';
import type { Held } from './ports.ts';

/** Milliseconds from the first question to a provider about a request, or its wait for a hold, to the last answer. */
const PATIENCE = 20_000;
/** Objects that one request may hold still at once. */
const MOST_HOLDS = 16;

interface Classified {
  /** That read it: another description of an API is another one. */
  readonly gateway: Place['gateway'];
  readonly opened: ProviderConnection;
  readonly request: ClassifiedRequest;
}

export interface Proven extends ResolvedRequest {
  readonly opened: ProviderConnection;
  readonly mode: ReturnType<typeof modeOf>;
  readonly held: Held | null;
}

export interface Proving {
  /** @throws CountersignError `broker_unavailable` when the connection was changed meanwhile */
  classify(place: Place): Promise<Classified | Obstacle>;
  /** Asks where the calls take place, but for calls that are covered. Holds what must hold still. */
  prove(
    place: Place,
    classified: Classified,
    cover: Judging['cover'],
  ): Promise<Proven | DeniedTarget | Obstacle>;
}

export function createProving(deps: Deps, request: ForwardRequest, ending: Ending): Proving {
  const agent = request.caller.claims.sub;
  let signal: AbortSignal | null = null;
  let classified: Classified | null = null;
  let proven: Proven | null = null;
  let isOverspent = false;
  let lastHold = createEnding();

  /** Made at the first need: most requests ask nothing, and a timer costs. */
  function givingUp(): AbortSignal {
    signal ??= AbortSignal.any([request.signal, AbortSignal.timeout(PATIENCE)]);
    return signal;
  }

  function spend(): AbortSignal {
    const end = deps.resolving.begin(agent);
    if (end === null) {
      isOverspent = true;
      throw new ProviderError('unavailable', 'Its agent has asked for too much.');
    }
    end();
    return givingUp();
  }

  async function resolve(
    { request: understood }: Classified,
    fresh: boolean,
  ): Promise<ResolvedRequest | Obstacle> {
    try {
      return await understood.resolve({ fresh, spend });
    } catch (error) {
      if (error instanceof RequestRefusal) return refusalOf(error, understood.calls);
      if (!(error instanceof ProviderError)) throw error;
      const { calls } = understood;
      return isOverspent
        ? obstacle(
            'rate_limited',
            'To prove where this takes place the provider would be asked more often than one agent may have it asked.',
            { calls },
          )
        : obstacle(
            'environment_unproven',
            'Where this would take place could not be proven: the provider gave no answer that proves it.',
            { reason: error.message, calls },
          );
    }
  }

  async function hold(
    place: Place,
    { holds: names, calls }: ResolvedRequest,
    mode: 'shared' | 'exclusive',
  ): Promise<Held | null | Obstacle> {
    if (names.length > MOST_HOLDS) {
      return obstacle('ambiguous_request', 'It concerns more at once than one request may.', {
        calls,
      });
    }
    if (names.length === 0) return null;
    // Refused before, and decided again: what it held then would stand in its own way.
    await lastHold.end();
    const holding = createEnding();
    lastHold = holding;
    ending.add(() => holding.end());
    const endShare = await deps.holding.take(agent, givingUp());
    if (endShare === null) {
      return obstacle(
        'rate_limited',
        'This agent has more changed at once than one agent may have.',
        { calls },
      );
    }
    holding.add(endShare);
    const { provider, endpoint } = place.connection.body;
    // By where it is: another connection may reach into the same project.
    const held = await deps.holds.hold(
      names.map((name) => `${provider} ${endpoint} ${name}`),
      mode,
    );
    holding.add(() => held.release());
    return { lost: held.lost, release: () => holding.end() };
  }

  return {
    async classify(place) {
      const { opened } = await deps.opened.of(deps, place.connection);
      if (classified !== null) {
        // What it means was read by what the connection was then.
        if (classified.opened.id !== opened.id || classified.gateway !== place.gateway) {
          throw UNAVAILABLE();
        }
        return classified;
      }
      try {
        const understood = await place.gateway.classify(opened, request.inbound);
        if (understood.calls.length === 0) {
          return obstacle('unparseable_request', 'Nothing is asked for in this request.');
        }
        classified = { gateway: place.gateway, opened, request: understood };
        return classified;
      } catch (error) {
        if (error instanceof RequestRefusal) return refusalOf(error, []);
        if (!(error instanceof ProviderError)) throw error;
        const isRefused = error.kind === 'refused' || error.kind === 'misconfigured';
        return isRefused
          ? obstacle(
              'provider_refused',
              'The provider refused what is needed to understand requests. An admin can see why.',
              { reason: error.message },
            )
          : obstacle(
              'provider_unavailable',
              'The provider could not be asked what requests mean.',
              {
                reason: error.message,
              },
            );
      }
    },

    async prove(place, known, cover) {
      if (proven !== null) return proven;
      const before = cover(known.request.calls);
      if (!isCovered(before)) return before;
      const first = await resolve(known, false);
      if (isObstacle(first)) return first;
      const covered = cover(first.calls);
      if (!isCovered(covered)) return covered;
      const mode = modeOf([...before, ...covered]);
      if (mode === 'none') {
        proven = { ...first, opened: known.opened, mode, held: null };
        return proven;
      }
      const held = await hold(place, first, mode);
      if (held !== null && isObstacle(held)) return held;
      if (mode === 'shared') {
        proven = { ...first, opened: known.opened, mode, held };
        return proven;
      }
      // What can delete is asked afresh, once nothing of it can move any more.
      const again = await resolve(known, true);
      if (isObstacle(again)) return again;
      if (again.holds.some((name) => !first.holds.includes(name))) {
        return obstacle(
          'environment_unproven',
          'It moved while it was asked about. Nothing was done.',
          {
            calls: again.calls,
          },
        );
      }
      proven = { ...again, opened: known.opened, mode, held };
      return proven;
    },
  };
}

function isCovered(covering: ReturnType<Judging['cover']>): covering is readonly CoveredRight[] {
  return Array.isArray(covering);
}

function refusalOf(
  { code, message, calls }: RequestRefusal,
  otherwise: readonly GatewayCall[],
): Obstacle {
  return obstacle(code, message, { calls: calls.length > 0 ? calls : otherwise });
}
