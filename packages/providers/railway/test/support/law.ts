/**
 * The law that everything here is held to: what really happened at Railway, by its own record, is something that the
 * calls admit, and it happened in environments that were proven.
 */
import type { GatewayCall, ResolvedRequest } from '@countersign/provider-kit';
import { expect } from 'vitest';
import { catalog } from '../../src/catalog.ts';
import type { Effect } from '../../src/simulator/index.ts';
import { forward, type Gated } from './gateway.ts';

const EFFECTS = new Map(
  catalog.operations.map(({ name, effects }) => [name, effects.map(({ effect }) => effect)]),
);

function effectsOfCalls(calls: readonly GatewayCall[]): ReadonlySet<string> {
  return new Set(calls.flatMap(({ operation }) => EFFECTS.get(operation) ?? ['unknown']));
}

/** True when nothing in it needs a second human. */
export function isHarmless(calls: readonly GatewayCall[]): boolean {
  return [...effectsOfCalls(calls)].every((effect) => effect === 'read' || effect === 'write');
}

/** Objects that are the same in every environment: looking at one shows no environment. */
export const SHARED = /^(?:user|workspace|project|service|volume|bucket)\//;

/** What admits an effect; any of them does. Escalating admits all that the new power could do. */
const ADMITS: Readonly<Record<Effect['effect'], readonly string[]>> = {
  read: ['read', 'write', 'reveal', 'execute', 'delete', 'escalate'],
  created: ['write', 'execute', 'delete', 'escalate'],
  changed: ['write', 'execute', 'delete', 'escalate'],
  overwrote: ['delete'],
  executed: ['execute'],
  destroyed: ['delete'],
  revealed: ['reveal', 'escalate'],
  'created credential': ['escalate'],
};

/** Reveals of variables; each admits only those of the holder it is called on. */
const OF_VARIABLES: ReadonlySet<string> = new Set(
  ['environmentVariables', 'variables', 'variablesForServiceDeployment'].map(
    (each) => `railway:${each}`,
  ),
);

interface Held {
  readonly environmentId: string;
  readonly serviceId: string | null;
}

/** Whether one of the calls admits that this very variable is shown. */
function showsVariable(calls: readonly GatewayCall[], { environmentId, serviceId }: Held): boolean {
  const holder = serviceId === null ? `environment/${environmentId}` : `service/${serviceId}`;
  return calls.some(({ operation, resource }) => {
    const shows =
      EFFECTS.get(operation)?.some((each) => ADMITS['revealed'].includes(each)) ?? false;
    if (!OF_VARIABLES.has(operation)) return shows;
    const isWhole = operation === 'railway:environmentVariables';
    return (
      resource === holder ||
      (isWhole && !resource.startsWith('environment/')) ||
      (isWhole && resource === `environment/${environmentId}`)
    );
  });
}

/** Forwards it and holds what happened to the law. */
export async function expectLawful(
  gated: Gated,
  resolved: ResolvedRequest,
): Promise<{ readonly effects: readonly Effect[]; readonly answer: unknown }> {
  const before = gated.simulator.world.state;
  const { effects, answer, status } = await forward(gated, resolved);
  // What is rendered anew is as valid as what came.
  expect(status).toBe(200);
  const admitted = effectsOfCalls(resolved.calls);
  const words = resolved.calls.map(({ operation, resource }) => `${operation} ${resource}`).join();
  const mapped = (id: string): string => {
    const environment = before.environment.get(id);
    return environment?.isEphemeral === true && environment.sourceEnvironmentId !== null
      ? mapped(environment.sourceEnvironmentId)
      : id;
  };
  const replaced = new Set(
    effects
      .filter(({ effect, object }) => effect === 'created' && object.startsWith('deployment/'))
      .flatMap(({ environments }) => environments),
  );
  const isDeletingBase = resolved.calls.some(
    ({ operation }) => operation === 'railway:environmentDelete',
  );
  for (const { effect, object, environments } of effects) {
    const where = `${effect} ${object} by ${words}`;
    // Deploying replaces what ran, which is a write (domain: redeploys an existing deployment).
    const isReplaced =
      effect === 'destroyed' &&
      object.startsWith('deployment/') &&
      environments.every((id) => replaced.has(id));
    // An offer that is taken is used up.
    if (effect === 'destroyed' && object.startsWith('transfer/')) continue;
    // Overwriting one value is a write, overwriting everything at once deletes.
    const kind = effect === 'overwrote' && object.startsWith('variable/') ? 'changed' : effect;
    if (!isReplaced)
      expect(
        ADMITS[kind].some((each) => admitted.has(each)),
        where,
      ).toBe(true);
    if (effect === 'revealed') {
      const variable = before.variable.get(object.replace(/^variable\//, ''));
      if (variable !== undefined) expect(showsVariable(resolved.calls, variable), where).toBe(true);
    }
    if (effect === 'read' && SHARED.test(object)) continue;
    // A project forgets which environment was its base when that is deleted.
    if (effect === 'changed' && object.startsWith('project/') && isDeletingBase) continue;
    // What the request itself made was nowhere before.
    const touched = environments.filter((id) => before.environment.has(id)).map(mapped);
    for (const id of touched) expect(resolved.environments, where).toContain(id);
  }
  return { effects, answer };
}
