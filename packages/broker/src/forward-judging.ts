/** What policy says of a request: before anybody is asked where it would take place, and after. */
import { CountersignError, isDeleteCapable } from '@countersign/core';
import {
  type Allowed,
  type CoveredRight,
  coveredRights,
  type Denied,
  decide,
  type Facts,
} from '@countersign/policy';
import type { GatewayCall } from '@countersign/provider-kit';
import type { AccessTokenClaims } from '@countersign/tokens';
import type { Target, TargetVerdict } from './deciding.ts';
import type { Deps } from './deps.ts';
import { isObstacle, type Obstacle, obstacle, type Place } from './forward-place.ts';
import type { Proven } from './forward-proof.ts';
import { grouped } from './mint-lease.ts';
import { heldBy } from './subject-token.ts';
import { withinToken } from './within-token.ts';

/** Policy's no, and the words it was asked with. */
export interface DeniedTarget {
  readonly target: Target;
  readonly verdict: Denied;
}

interface Asking {
  readonly claims: AccessTokenClaims;
  readonly place: Place;
}

type Covering = { readonly covered: readonly CoveredRight[] } | DeniedTarget | Obstacle;

type Asked = Asking & { readonly calls: readonly GatewayCall[] };

export interface Judging {
  /**
   * The rights that cover these calls in any environment of the token: what no grant covers costs no question
   * to the provider. Of several refusals the one that came furthest.
   */
  cover(calls: readonly GatewayCall[]): readonly CoveredRight[] | DeniedTarget | Obstacle;
  /** Whether the calls are granted in the environment that was proven; without one, in any of the token. */
  judge(proven: Proven): { readonly target: Target; readonly verdict: Allowed | Denied } | Obstacle;
}

/**
 * Policy on one request, as the facts are at `now` (milliseconds since the epoch). What covers the same calls in the
 * same environment is looked for once.
 */
export function createJudging(deps: Deps, facts: Facts, asking: Asking, now: number): Judging {
  const known = new Map<string, Covering>();

  function coverIn(calls: readonly GatewayCall[], environment: string): Covering {
    const named = calls.flatMap(({ operation, resource }) => [operation, resource]);
    const key = JSON.stringify([environment, ...named]);
    const covering =
      known.get(key) ?? coveringIn(deps, facts, { ...asking, calls }, environment, now);
    known.set(key, covering);
    return covering;
  }

  return {
    cover(calls) {
      const found = environmentsOf(asking).map((name) => coverIn(calls, name));
      const covered = found.flatMap((each) => ('covered' in each ? each.covered : []));
      if (covered.length > 0) return covered;
      const refused = found.flatMap((each) => ('covered' in each ? [] : each));
      return furthest(refused) ?? notInToken({ ...asking, calls });
    },

    judge(proven) {
      const asked = { ...asking, calls: proven.calls };
      const environment = environmentOf(deps, asked, proven.environments);
      if (environment !== null && typeof environment !== 'string') return environment;
      const environments = environment === null ? environmentsOf(asking) : [environment];
      const provenFacts = { ...facts, provenIds: () => proven.environments };
      const refused: (DeniedTarget | Obstacle)[] = [];
      for (const name of environments) {
        const covering = coverIn(proven.calls, name);
        if (!('covered' in covering)) {
          refused.push(covering);
          continue;
        }
        const target = targetIn(asked, name);
        const verdict = decide(provenFacts, questionOf(asking, target), now);
        if (verdict.allowed) return { target, verdict };
        refused.push({ target, verdict });
      }
      return furthest(refused) ?? notInToken(asked);
    },
  };
}

/** Names that the token has for this connection, in its own order. */
function environmentsOf({ claims, place }: Asking): readonly string[] {
  const here = claims.authorization_details.filter(
    ({ connection }) => connection === place.connection.name,
  );
  return [...new Set(here.map(({ environment }) => environment))];
}

function targetIn({ place, calls }: Asked, environment: string): Target {
  const asks = calls.map(({ operation, resource }) => ({
    operations: [operation],
    resources: [resource],
  }));
  return { connection: place.connection.name, environment, asks, grant: null };
}

/** Only the grants the token names may cover it: a pointer to authority, never authority itself. */
function questionOf({ claims }: Asking, { connection, environment, asks }: Target) {
  const { sub: agent, cnf, grants } = claims;
  const sender = cnf?.jkt ?? null;
  return { agent, sender, connection, environment, asks, grants, use: 'gateway' as const };
}

function coveringIn(
  deps: Deps,
  facts: Facts,
  asked: Asked,
  environment: string,
  now: number,
): Covering {
  const target = targetIn(asked, environment);
  const question = questionOf(asked, target);
  const covered = coveredRights(facts, question, now);
  if ('code' in covered) {
    // Granted, but to another token: asking humans again would not help.
    const granted = coveredRights(facts, { ...question, grants: null }, now);
    return 'code' in granted ? { target, verdict: covered } : notInToken(asked);
  }
  try {
    withinToken(deps, heldBy(asked.claims), [target]);
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    return notInToken(asked);
  }
  return { covered };
}

function notInToken({ place, calls }: Asked): Obstacle {
  const what = [...new Set(calls.map(({ operation }) => operation))].join(', ');
  return obstacle(
    'not_granted',
    `This token does not cover ${what} on ${place.connection.name}. Get one that names it.`,
    { calls },
  );
}

function furthest(
  refused: readonly (DeniedTarget | Obstacle)[],
): DeniedTarget | Obstacle | undefined {
  const reached = (each: DeniedTarget | Obstacle): number =>
    isObstacle(each) ? Number.POSITIVE_INFINITY : each.verdict.steps.length;
  return refused.toSorted((a, b) => reached(b) - reached(a))[0];
}

/**
 * Law 2: the one environment of ours that all of these ids are mapped into, by name; null where there are
 * none. A request is judged in one environment.
 */
function environmentOf(deps: Deps, asked: Asked, ids: readonly string[]): string | null | Obstacle {
  const { calls, place } = asked;
  const { mapping } = place.connection.body;
  const found = new Set<string>();
  for (const id of ids) {
    const environment = Object.keys(mapping).find((each) => mapping[each]?.includes(id) === true);
    const known = deps.authority.state.environments.get(environment ?? '');
    if (known === undefined) {
      return obstacle(
        'environment_mismatch',
        'It concerns an environment of the provider that this connection does not map.',
        { reason: `${id} is not mapped by ${place.connection.name}.`, calls },
      );
    }
    found.add(known.name);
  }
  const [name, ...others] = found;
  if (others.length > 0) {
    return obstacle(
      'environment_mismatch',
      calls.length > 1
        ? 'It concerns several environments at once. Send what concerns each by itself.'
        : 'What it concerns belongs to several environments, and no grant is for more than one.',
      { reason: `It concerns ${[...found].join(', ')}: ${ids.join(', ')}.`, calls },
    );
  }
  if (name === undefined) return null;
  return environmentsOf(asked).includes(name)
    ? name
    : obstacle('environment_mismatch', 'It concerns another environment than this token is for.', {
        reason: `${ids.join(', ')} is ${name}.`,
        calls,
      });
}

/** Law 3: one use is one classified call, and two that share a grant for single uses would be one use. */
export function oneCallPerUse(calls: readonly GatewayCall[], verdict: Allowed): Obstacle | null {
  for (const { grant } of verdict.obligations.uses) {
    const drawing = calls.filter(({ operation, resource }) =>
      verdict.rights.some(
        (right) =>
          right.grant === grant && right.operation === operation && right.resource === resource,
      ),
    );
    if (drawing.length > 1) {
      return obstacle(
        'ambiguous_request',
        `It is ${drawing.length} calls at once under a grant whose uses are counted. Send them one by one.`,
        { calls },
      );
    }
  }
  return null;
}

/** How still what it concerns has to hold while it goes on (Law 2). */
export function modeOf(rights: readonly CoveredRight[]): 'none' | 'shared' | 'exclusive' {
  if (rights.some(({ effect }) => isDeleteCapable(effect))) return 'exclusive';
  return rights.some(({ effect }) => effect !== 'read') ? 'shared' : 'none';
}

/** The entry that allows a request: which grant covers which call, and where it was proven to stay. */
export function forwardDecision(
  claims: Pick<AccessTokenClaims, 'sub' | 'jti' | 'cnf'>,
  { target, verdict }: TargetVerdict,
  proven: Pick<Proven, 'environments'>,
) {
  return {
    verdict: 'allowed',
    stage: 'forward',
    agent: claims.sub,
    token: claims.jti,
    jkt: claims.cnf?.jkt ?? null,
    connection: target.connection,
    environment: target.environment,
    rights: grouped(verdict.rights),
    grants: [...new Set(verdict.rights.map((right) => right.grant))].sort(),
    uses: verdict.obligations.uses.map((use) => use.grant),
    provider_ids: [...new Set(proven.environments)].sort(),
  };
}
