/** An exchange never widens (RFC 8693): what is asked must be covered by what the token says. */
import { nameKey } from '@countersign/authority';
import { CountersignError } from '@countersign/core';
import type { Ask } from '@countersign/policy';
import type { Target } from './deciding.ts';
import type { Deps } from './deps.ts';

/** @throws CountersignError `not_granted` when any of it is not in the token */
export function withinToken(
  deps: Deps,
  held: readonly Target[],
  asked: readonly Target[],
): readonly Target[] {
  return asked.map((target) => {
    const holder = held.find(
      (each) => each.connection === target.connection && each.environment === target.environment,
    );
    if (holder === undefined) {
      throw new CountersignError(
        'not_granted',
        `The token does not cover ${target.environment} on ${target.connection}.`,
      );
    }
    return { ...target, asks: target.asks.flatMap((ask) => narrow(deps, holder, target, ask)) };
  });
}

/** One ask against the token's own: what is left out means what the token has. */
function narrow(deps: Deps, holder: Target, target: Target, ask: Ask): readonly Ask[] {
  const rights = holder.asks.flatMap((each) =>
    (each.operations ?? []).flatMap((operation) =>
      (each.resources ?? []).map((resource) => ({ operation, resource })),
    ),
  );
  const operations = ask.operations ?? [...new Set(rights.map((right) => right.operation))];
  const found: Ask[] = [];
  for (const operation of operations) {
    const heldResources = rights
      .filter((right) => right.operation === operation)
      .map((right) => right.resource);
    if (ask.resources === null) {
      if (heldResources.length === 0) throw outside(operation, target);
      found.push({ operations: [operation], resources: heldResources });
      continue;
    }
    const { state } = deps.authority;
    const connection = state.connections.get(
      state.names.get(nameKey('connection', target.connection)) ?? '',
    );
    const provider = deps.providers.get(connection?.body.provider ?? '');
    for (const resource of ask.resources) {
      const canonical = provider?.canonicalResource(operation, resource) ?? null;
      const covered =
        canonical !== null &&
        heldResources.some((each) => provider?.covers(operation, each, canonical) === true);
      if (!covered) {
        // An operation that was not named is simply not asked for on a resource the token lacks.
        if (ask.operations === null) continue;
        throw outside(`${operation} on ${resource}`, target);
      }
      found.push({ operations: [operation], resources: [canonical] });
    }
  }
  if (found.length === 0) throw outside('what was asked for', target);
  return found;
}

function outside(what: string, target: Target): CountersignError {
  return new CountersignError(
    'not_granted',
    `The token does not cover ${what} in ${target.environment} on ${target.connection}.`,
  );
}
