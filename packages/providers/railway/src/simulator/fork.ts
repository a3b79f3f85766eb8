/** Forks of environments: everything is copied in, volumes as new, empty instances of the same volume. */
import { type Context, stamp } from './context.ts';
import { deploy } from './deploy.ts';
import { putInstance } from './instances.ts';
import type { Environment } from './world/records.ts';

export function forkEnvironment(
  context: Context,
  source: Environment,
  fork: Environment,
  deploys: boolean,
): void {
  const { world } = context;
  const isInSource = (each: { environmentId: string }): boolean => each.environmentId === source.id;
  for (const each of world.where('variable', isInSource)) {
    world.put('variable', { ...each, ...stamp(context), environmentId: fork.id });
  }
  for (const each of world.where('volume-instance', isInSource)) {
    world.put('volume-instance', {
      ...each,
      ...stamp(context),
      environmentId: fork.id,
      contents: null,
    });
  }
  for (const each of world.where('service-instance', isInSource)) {
    const instance = putInstance(context, each.serviceId, fork.id, each.settings);
    if (deploys) deploy(context, instance);
  }
}
