/** Buckets, and the credentials that open them. */
import { type Arguments, input, optionalText, text } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { notFound } from '../errors.ts';
import type { BucketInstance } from '../world/records.ts';

function instanceInReach(
  args: Arguments,
  context: Context,
  need: 'read' | 'write',
): BucketInstance {
  const { caller, world } = context;
  const bucket = caller.need('bucket', text(args, 'bucketId'), need);
  const environment = caller.need('environment', text(args, 'environmentId'), need);
  const found = world.find(
    'bucket-instance',
    (each) => each.bucketId === bucket.id && each.environmentId === environment.id,
  );
  if (found === undefined) throw notFound('Bucket');
  return found;
}

export const bucketQueries: Operations = {
  bucketInstanceDetails: (args, context) => {
    const instance = instanceInReach(args, context, 'read');
    const size = instance.contents?.length ?? 0;
    return { objectCount: size === 0 ? 0 : 1, sizeBytes: size };
  },

  bucketS3Credentials: (args, context) => [instanceInReach(args, context, 'read')],
};

export const bucketMutations: Operations = {
  // Its environment argument is not implemented at Railway either: instances come by a patch.
  bucketCreate: (args, context) => {
    const given = input(args);
    const project = context.caller.need('project', text(given, 'projectId'), 'create');
    const name = optionalText(given, 'name') ?? 'bucket';
    return context.world.put('bucket', {
      ...stamp(context),
      projectId: project.id,
      name,
      groupId: null,
    });
  },

  bucketUpdate: (args, context) => {
    const bucket = context.caller.need('bucket', text(args, 'id'), 'write');
    return change(context, 'bucket', bucket, { name: text(input(args), 'name') });
  },

  bucketCredentialsReset: (args, context) => {
    const instance = instanceInReach(args, context, 'write');
    return change(context, 'bucket-instance', instance, {
      accessKeyId: `AK${context.sequence.secret().slice(0, 18)}`,
      secretAccessKey: context.sequence.secret(),
    });
  },
};
