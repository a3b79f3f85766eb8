/**
 * What a patch of an environment's configuration does. It deletes without saying so: `isDeleted` in an entry, or a
 * null in the place of one, removes what the entry names.
 */
import { type Arguments, isObject } from '../args.ts';
import { type Context, now, stamp } from '../context.ts';
import { badInput } from '../errors.ts';
import type { Environment } from '../world/records.ts';
import { section } from './section.ts';
import { patchService } from './service.ts';
import { patchBucket, patchVolume } from './storage.ts';
import { patchVariables } from './variables.ts';

/** Does to one environment all that the patch says. @throws bad input, in which case nothing may be kept of it. */
export function applyPatch(
  context: Context,
  environment: Environment,
  patch: unknown,
  { deploys }: { deploys: boolean },
): void {
  if (!isObject(patch)) throw badInput('Invalid environment config');
  for (const [id, each] of section(patch, 'services')) {
    patchService(context, environment, id, each, deploys);
  }
  patchVariables(context, environment, null, section(patch, 'sharedVariables'));
  for (const [id, each] of section(patch, 'volumes')) patchVolume(context, environment, id, each);
  for (const [id, each] of section(patch, 'buckets')) patchBucket(context, environment, id, each);
}

/** Notes a patch as committed, and gives its id. */
export function recordCommit(
  context: Context,
  environmentId: string,
  patch: Arguments,
  message: string | null,
): string {
  return context.world.put('patch', {
    ...stamp(context),
    environmentId,
    status: 'COMMITTED',
    patch,
    message,
    appliedAt: now(context),
  }).id;
}
