/** The part of a patch that is about one service in the environment. */
import { type Arguments, isObject, optionalText } from '../args.ts';
import { SETTING_PLACES } from '../config.ts';
import { type Context, change, stamp } from '../context.ts';
import { deploy, instanceOf, redeploy } from '../deploy.ts';
import { badInput } from '../errors.ts';
import { putInstance } from '../instances.ts';
import { destroyService } from '../world/cascade.ts';
import type { Environment, ServiceInstance } from '../world/records.ts';
import { patchNetworking } from './networking.ts';
import { setSchedules } from './schedules.ts';
import { isDeletion, section } from './section.ts';
import { patchVariables } from './variables.ts';

function patchMounts(context: Context, instance: ServiceInstance, patch: Arguments): boolean {
  const { world } = context;
  for (const [volumeId, mount] of section(patch, 'volumeMounts')) {
    const disk = world.find(
      'volume-instance',
      (each) => each.volumeId === volumeId && each.environmentId === instance.environmentId,
    );
    if (disk === undefined)
      throw badInput(`Volume ${volumeId} has no instance in this environment`);
    if (isDeletion(mount)) {
      change(context, 'volume-instance', disk, { serviceId: null });
      continue;
    }
    const mountPath = isObject(mount) ? optionalText(mount, 'mountPath') : undefined;
    change(context, 'volume-instance', disk, {
      serviceId: instance.serviceId,
      ...(mountPath === undefined ? {} : { mountPath }),
    });
    const kinds = isObject(mount) ? mount['backupSchedules'] : undefined;
    if (kinds === null) setSchedules(context, disk.id, []);
    else if (Array.isArray(kinds)) setSchedules(context, disk.id, kinds.map(scheduleName));
  }
  return patch['volumeMounts'] !== undefined;
}

/** A schedule stands in a patch as its kind, or as an object that has one. */
function scheduleName(entry: unknown): string {
  const kind = isObject(entry) ? entry['kind'] : entry;
  return String(kind).toUpperCase();
}

function patchSettings(context: Context, instance: ServiceInstance, patch: Arguments): boolean {
  const settings: Record<string, unknown> = { ...instance.settings };
  let changed = false;
  for (const [place, names] of Object.entries(SETTING_PLACES)) {
    const part = patch[place];
    if (part === undefined) continue;
    for (const name of names) {
      const value = part === null ? null : isObject(part) ? part[name] : undefined;
      if (value === undefined) continue;
      settings[name] = value;
      changed = true;
    }
  }
  if (patch['configFile'] !== undefined) {
    settings['railwayConfigFile'] = patch['configFile'];
    changed = true;
  }
  if (changed) change(context, 'service-instance', instance, { settings });
  return changed;
}

export function patchService(
  context: Context,
  environment: Environment,
  serviceId: string,
  patch: unknown,
  deploys: boolean,
): void {
  const { world } = context;
  let instance = instanceOf(context, serviceId, environment.id);
  if (isDeletion(patch)) {
    if (instance !== undefined) destroyService(world, serviceId, [environment.id]);
    return;
  }
  if (!isObject(patch)) throw badInput('Invalid environment config: services');
  if (instance === undefined) {
    const service = world.get('service', serviceId);
    if (service !== undefined && service.projectId !== environment.projectId) {
      throw badInput(`Service ${serviceId} is not part of this project`);
    }
    if (service === undefined) {
      if (patch['isCreated'] !== true) throw badInput(`Service ${serviceId} not found`);
      world.put('service', {
        ...stamp(context),
        id: serviceId,
        projectId: environment.projectId,
        name: optionalText(patch, 'name') ?? `service-${serviceId.slice(0, 4)}`,
        icon: null,
        groupId: optionalText(patch, 'groupId') ?? null,
      });
    }
    instance = putInstance(context, serviceId, environment.id, {});
  }
  const isFirst = patch['isCreated'] === true;
  const touched = [
    patchSettings(context, instance, patch),
    patchVariables(context, environment, serviceId, section(patch, 'variables')),
    patchMounts(context, instance, patch),
    patchNetworking(context, environment, serviceId, patch['networking']),
  ].some(Boolean);
  const present = instanceOf(context, serviceId, environment.id);
  if (!deploys || present === undefined) return;
  if (isFirst) deploy(context, present);
  else if (touched) redeploy(context, present);
}
