/** The parts of a patch that are about volumes and buckets in the environment. */
import { isObject, optionalNumber, optionalText } from '../args.ts';
import { type Context, change, stamp } from '../context.ts';
import { badInput } from '../errors.ts';
import { destroyBucketInstance, destroyVolumeInstance } from '../world/cascade.ts';
import type { Environment } from '../world/records.ts';
import { isDeletion } from './section.ts';

export function patchVolume(
  context: Context,
  environment: Environment,
  volumeId: string,
  patch: unknown,
): void {
  const { world } = context;
  const disk = world.find(
    'volume-instance',
    (each) => each.volumeId === volumeId && each.environmentId === environment.id,
  );
  if (isDeletion(patch)) {
    if (disk === undefined) return;
    destroyVolumeInstance(world, disk.id);
    const left = world.find('volume-instance', (each) => each.volumeId === volumeId);
    if (left === undefined) world.drop('volume', volumeId);
    return;
  }
  if (!isObject(patch)) throw badInput('Invalid environment config: volumes');
  const sizeMB = optionalNumber(patch, 'sizeMB') ?? optionalNumber(patch, 'sizeMb');
  const region = optionalText(patch, 'region');
  if (disk === undefined) {
    const volume = world.get('volume', volumeId);
    if (
      volume === undefined
        ? patch['isCreated'] !== true
        : volume.projectId !== environment.projectId
    ) {
      throw badInput(`Volume ${volumeId} not found`);
    }
    const { projectId } = environment;
    const name = optionalText(patch, 'name') ?? `volume-${volumeId.slice(0, 4)}`;
    if (volume === undefined)
      world.put('volume', { ...stamp(context), id: volumeId, projectId, name });
    world.put('volume-instance', {
      ...stamp(context),
      volumeId,
      environmentId: environment.id,
      serviceId: null,
      mountPath: '/data',
      state: 'READY',
      region: region ?? 'us-west2',
      sizeMB: sizeMB ?? 5000,
      contents: null,
      isPendingDeletion: false,
      deletedAt: null,
    });
    return;
  }
  const shrinks = sizeMB !== undefined && sizeMB < disk.sizeMB && disk.contents !== null;
  change(context, 'volume-instance', disk, {
    ...(sizeMB === undefined ? {} : { sizeMB }),
    ...(region === undefined ? {} : { region }),
    ...(shrinks ? { contents: `${disk.contents}, cut off at ${sizeMB} MB` } : {}),
  });
}

export function patchBucket(
  context: Context,
  environment: Environment,
  bucketId: string,
  patch: unknown,
): void {
  const { world } = context;
  const present = world.find(
    'bucket-instance',
    (each) => each.bucketId === bucketId && each.environmentId === environment.id,
  );
  if (isDeletion(patch)) {
    if (present !== undefined) destroyBucketInstance(world, present);
    return;
  }
  if (!isObject(patch)) throw badInput('Invalid environment config: buckets');
  if (present !== undefined) return;
  const { projectId } = environment;
  const bucket = world.get('bucket', bucketId);
  if (bucket === undefined ? patch['isCreated'] !== true : bucket.projectId !== projectId) {
    throw badInput(`Bucket ${bucketId} not found`);
  }
  if (bucket === undefined) {
    world.put('bucket', {
      ...stamp(context),
      id: bucketId,
      projectId,
      name: 'bucket',
      groupId: null,
    });
  }
  world.put('bucket-instance', {
    ...stamp(context),
    bucketId,
    environmentId: environment.id,
    region: optionalText(patch, 'region') ?? 'sjc',
    accessKeyId: `AK${context.sequence.secret().slice(0, 18)}`,
    secretAccessKey: context.sequence.secret(),
    contents: null,
  });
}
