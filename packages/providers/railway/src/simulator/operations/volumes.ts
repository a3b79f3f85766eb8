/** Volumes, their instances and their backups. */
import { type Arguments, input, isObject, optionalText, text, texts } from '../args.ts';
import { type Context, change, now, type Operations, stamp } from '../context.ts';
import { badInput, notAuthorized, notFound } from '../errors.ts';
import { setSchedules } from '../patch/schedules.ts';
import { destroyVolume, destroyVolumeInstance } from '../world/cascade.ts';
import type { Backup, VolumeInstance } from '../world/records.ts';

export const volumeQueries: Operations = {
  volumeInstance: (args, { caller }) => caller.need('volume-instance', text(args, 'id'), 'read'),

  // By its name for Railway's own staff.
  adminVolumeInstancesForVolume: (args, { caller }) => {
    caller.need('volume', text(args, 'volumeId'), 'read');
    throw notAuthorized();
  },

  volumeInstanceBackupList: (args, { caller, world }) => {
    const { id } = caller.need('volume-instance', text(args, 'volumeInstanceId'), 'read');
    return world.where('backup', (each) => each.volumeInstanceId === id);
  },

  volumeInstanceBackupScheduleList: (args, { caller, world }) => {
    const { id } = caller.need('volume-instance', text(args, 'volumeInstanceId'), 'read');
    return world.where('backup-schedule', (each) => each.volumeInstanceId === id);
  },
};

function workflow({ sequence }: Context): { workflowId: string } {
  return { workflowId: `workflow/${sequence.id()}` };
}

/**
 * The backup that is named. Nobody has seen Railway compare it with the instance named beside it, so the worst is
 * assumed: the backup alone decides.
 */
function backupOf({ caller }: Context, args: Arguments): Backup {
  caller.need('volume-instance', text(args, 'volumeInstanceId'), 'write');
  return caller.need('backup', text(args, 'volumeInstanceBackupId'), 'write');
}

function putDisk(
  context: Context,
  of: Pick<VolumeInstance, 'volumeId' | 'environmentId' | 'serviceId' | 'mountPath' | 'region'>,
): VolumeInstance {
  return context.world.put('volume-instance', {
    ...stamp(context),
    ...of,
    state: 'READY',
    sizeMB: 5000,
    contents: null,
    isPendingDeletion: false,
    deletedAt: null,
  });
}

export const volumeMutations: Operations = {
  // No environment: it goes in each, with every backup.
  volumeDelete: (args, context) => {
    const { caller, world, clock, volumeDeletionGrace } = context;
    const { id } = caller.need('volume', text(args, 'volumeId'), 'delete');
    if (volumeDeletionGrace === 0) {
      destroyVolume(world, id);
      return true;
    }
    const deletedAt = now({ clock: { now: () => clock.now() + volumeDeletionGrace } });
    for (const each of world.where('volume-instance', ({ volumeId }) => volumeId === id)) {
      const pending = { isPendingDeletion: true, deletedAt, state: 'DELETING' };
      change(context, 'volume-instance', each, pending);
    }
    return true;
  },

  volumeUpdate: (args, context) => {
    const volume = context.caller.need('volume', text(args, 'volumeId'), 'write');
    const name = optionalText(input(args), 'name');
    return name === undefined ? volume : change(context, 'volume', volume, { name });
  },

  // No environment argument means all, null means none.
  volumeCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const project = caller.need('project', text(given, 'projectId'), 'create');
    const environmentId = optionalText(given, 'environmentId');
    if (environmentId !== undefined) caller.need('environment', environmentId, 'write');
    const serviceId = optionalText(given, 'serviceId') ?? null;
    if (serviceId !== null) caller.need('service', serviceId, 'write');
    const made = stamp(context);
    const name = `volume-${made.id.slice(0, 4)}`;
    const volume = world.put('volume', { ...made, projectId: project.id, name });
    const everywhere = given['environmentId'] === undefined;
    for (const { id, projectId } of world.where('environment')) {
      if (projectId !== project.id || !(everywhere || id === environmentId)) continue;
      putDisk(context, {
        volumeId: volume.id,
        environmentId: id,
        serviceId,
        mountPath: text(given, 'mountPath'),
        region: optionalText(given, 'region') ?? 'us-west2',
      });
    }
    return volume;
  },

  // Without an environment, every instance changes; a state of DELETED deletes.
  volumeInstanceUpdate: (args, context) => {
    const { caller, world } = context;
    const volume = caller.need('volume', text(args, 'volumeId'), 'write');
    const environmentId = optionalText(args, 'environmentId');
    if (environmentId !== undefined) caller.need('environment', environmentId, 'write');
    const given = input(args);
    const meant = world.where(
      'volume-instance',
      (each) =>
        each.volumeId === volume.id &&
        (environmentId === undefined || each.environmentId === environmentId),
    );
    if (meant.length === 0) throw notFound('Volume instance');
    const state = optionalText(given, 'state');
    const mountPath = optionalText(given, 'mountPath');
    const serviceId = given['serviceId'];
    if (typeof serviceId === 'string') caller.need('service', serviceId, 'write');
    for (const each of meant) {
      if (state === 'DELETED' || state === 'DELETING') {
        destroyVolumeInstance(world, each.id);
        continue;
      }
      change(context, 'volume-instance', each, {
        ...(mountPath === undefined ? {} : { mountPath }),
        ...(state === undefined ? {} : { state }),
        // Not provided, "the volume will be disconnected".
        serviceId: typeof serviceId === 'string' ? serviceId : null,
      });
    }
    if (world.find('volume-instance', (each) => each.volumeId === volume.id) === undefined) {
      world.drop('volume', volume.id);
    }
    return true;
  },

  volumeInstanceBackupCreate: (args, context) => {
    const { caller, world } = context;
    const instance = caller.need('volume-instance', text(args, 'volumeInstanceId'), 'write');
    world.put('backup', {
      ...stamp(context),
      volumeInstanceId: instance.id,
      name: optionalText(args, 'name') ?? null,
      expiresAt: null,
      scheduleId: null,
      contents: instance.contents,
    });
    return workflow(context);
  },

  volumeInstanceBackupDelete: (args, context) => {
    context.world.drop('backup', backupOf(context, args).id);
    return workflow(context);
  },

  volumeInstanceBackupLock: (args, context) => {
    change(context, 'backup', backupOf(context, args), { expiresAt: null });
    return true;
  },

  // Overwrites the instance, and empties the disks of the services it is told to wipe.
  volumeInstanceBackupRestore: (args, context) => {
    const { caller, world } = context;
    const instance = caller.need('volume-instance', text(args, 'volumeInstanceId'), 'write');
    const backup = backupOf(context, args);
    const source = world.get('volume-instance', backup.volumeInstanceId);
    if (source?.environmentId !== instance.environmentId) {
      throw badInput('A backup is restored into its own environment only');
    }
    change(context, 'volume-instance', instance, {
      contents: `${backup.contents ?? 'nothing'}, restored from backup ${backup.id}`,
    });
    for (const id of [...texts(args, 'wipeServiceIds'), ...texts(args, 'replicaServiceIds')]) {
      caller.need('service', id, 'write');
      for (const each of world.where('volume-instance', ({ serviceId }) => serviceId === id)) {
        if (each.id === instance.id || each.environmentId !== instance.environmentId) continue;
        change(context, 'volume-instance', each, { contents: null });
        for (const gone of world.where('backup', (one) => one.volumeInstanceId === each.id)) {
          world.drop('backup', gone.id);
        }
      }
    }
    return workflow(context);
  },

  volumeInstanceBackupScheduleUpdate: (args, context) => {
    const instance = context.caller.need(
      'volume-instance',
      text(args, 'volumeInstanceId'),
      'write',
    );
    setSchedules(context, instance.id, texts(args, 'kinds'));
    return true;
  },

  // A new service with a new disk; the source stays as it is.
  volumeInstancePITRRestore: (args, context) => {
    const { caller, world } = context;
    const instance = caller.need('volume-instance', text(args, 'volumeInstanceId'), 'write');
    const source =
      instance.serviceId === null ? undefined : world.get('service', instance.serviceId);
    const archived = world.find(
      'archive',
      (each) =>
        each.serviceId === instance.serviceId && each.environmentId === instance.environmentId,
    );
    if (source === undefined || archived === undefined) {
      throw badInput('Point-in-time recovery is not enabled for this volume');
    }
    const { projectId } = source;
    const name = optionalText(args, 'newServiceName') ?? `${source.name}-restored`;
    const service = world.put('service', { ...source, ...stamp(context), name });
    const { environmentId, mountPath, region } = instance;
    world.put('service-instance', {
      ...stamp(context),
      serviceId: service.id,
      environmentId,
      settings: {},
    });
    const volume = world.put('volume', { ...stamp(context), projectId, name: `${name}-volume` });
    const disk = putDisk(context, {
      volumeId: volume.id,
      environmentId,
      serviceId: service.id,
      mountPath,
      region,
    });
    const at = args['targetTimestamp'];
    const moment = isObject(at) ? '' : String(at);
    change(context, 'volume-instance', disk, {
      contents: `${instance.contents ?? ''} as of ${moment}`,
    });
    return workflow(context);
  },
};
