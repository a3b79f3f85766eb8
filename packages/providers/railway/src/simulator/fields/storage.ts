/** Volumes, their backups, and buckets. */
import type * as records from '../world/records.ts';
import { type Fields, pages, theOne } from './resolve.ts';

const CRON = { DAILY: '0 0 * * *', WEEKLY: '0 0 * * 0', MONTHLY: '0 0 1 * *' } as const;
const RETENTION_DAYS = { DAILY: 6, WEEKLY: 30, MONTHLY: 90 } as const;

export const Volume: Fields<records.Volume> = {
  project: theOne('project', 'projectId'),
  volumeInstances: pages('volume-instance', (each, { id }: records.Volume) => each.volumeId === id),
};

export const VolumeInstance: Fields<records.VolumeInstance> = {
  currentSizeMB: ({ contents, sizeMB }) => (contents === null ? 0 : sizeMB / 4),
  environment: theOne('environment', 'environmentId'),
  externalId: ({ id }) => `vol_${id.slice(0, 8)}`,
  // Not nullable at Railway either, so asking a detached volume for its service is an error.
  service: theOne('service', 'serviceId'),
  volume: theOne('volume', 'volumeId'),
};

export const VolumeInstanceBackup: Fields<records.Backup> = {
  externalId: ({ id }) => `bak_${id.slice(0, 8)}`,
  usedMB: ({ contents }) => (contents === null ? 0 : 1024),
};

export const VolumeInstanceBackupSchedule: Fields<records.BackupSchedule> = {
  kind: ({ scheduleKind }) => scheduleKind,
  name: ({ scheduleKind }) => scheduleKind.toLowerCase(),
  cron: ({ scheduleKind }) => CRON[scheduleKind],
  retentionSeconds: ({ scheduleKind }) => RETENTION_DAYS[scheduleKind] * 86_400,
};

export const Bucket: Fields<records.Bucket> = { project: theOne('project', 'projectId') };

export const BucketS3CompatibleCredentials: Fields<records.BucketInstance> = {
  bucketName: ({ bucketId }, _args, { world }) => world.get('bucket', bucketId)?.name,
  endpoint: () => 'https://storage.example',
  urlStyle: () => 'virtual',
};
