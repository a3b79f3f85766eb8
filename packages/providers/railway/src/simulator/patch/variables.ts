/** Writing variables, for patches and for the operations that name them. */
import { isObject } from '../args.ts';
import { encrypted } from '../config.ts';
import { type Context, change, stamp } from '../context.ts';
import { badInput } from '../errors.ts';
import type { Environment } from '../world/records.ts';

/** Sets and, by a null, removes variables. A value as `Environment.config` hides it leaves what is there. */
export function patchVariables(
  context: Context,
  environment: Environment,
  serviceId: string | null,
  variables: readonly [string, unknown][],
): boolean {
  const { world } = context;
  let changed = false;
  for (const [name, entry] of variables) {
    const present = world.find(
      'variable',
      (each) =>
        each.environmentId === environment.id && each.serviceId === serviceId && each.name === name,
    );
    if (entry === null) {
      if (present !== undefined) world.drop('variable', present.id);
      changed ||= present !== undefined;
      continue;
    }
    const value = isObject(entry) ? entry['value'] : entry;
    if (typeof value !== 'string') throw badInput(`Invalid variable ${name}`);
    if (present !== undefined && value === encrypted(present)) continue;
    if (present !== undefined) change(context, 'variable', present, { value });
    else {
      world.put('variable', {
        ...stamp(context),
        projectId: environment.projectId,
        environmentId: environment.id,
        serviceId,
        name,
        value,
      });
    }
    changed = true;
  }
  return changed;
}
