/** Putting services into environments. */
import { type Context, stamp } from './context.ts';
import type { ServiceInstance, Settings } from './world/records.ts';

export function putInstance(
  context: Context,
  serviceId: string,
  environmentId: string,
  settings: Settings,
): ServiceInstance {
  return context.world.put('service-instance', {
    ...stamp(context),
    serviceId,
    environmentId,
    settings,
  });
}

/**
 * The environments that an operation on a service means by an environment id: a fork means itself, any other means
 * all that are not forks. The reason why `environmentId: staging` reaches production.
 */
export function environmentsMeant(
  { world }: Context,
  projectId: string,
  environmentId: string | undefined,
): string[] {
  const named = environmentId === undefined ? undefined : world.get('environment', environmentId);
  if (named?.sourceEnvironmentId != null || named?.isEphemeral === true) return [named.id];
  return world
    .where(
      'environment',
      (each) => each.projectId === projectId && each.sourceEnvironmentId === null,
    )
    .map(({ id }) => id);
}
