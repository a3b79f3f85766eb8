/** Volumes, their instances and backups, and buckets. */
import type { Rows } from './row.ts';

const INSTANCE = ['volume-instance', 'volumeInstanceId'] as const;
const BACKUP_ROW = {
  on: [['backup', 'volumeInstanceBackupId']],
  // Which of the two Railway goes by is not known, so both count.
  at: [INSTANCE, ['backup', 'volumeInstanceBackupId', 'volumeInstanceId']],
} as const;

export const STORAGE_QUERIES: Rows = {
  volumeInstance: {
    effect: 'read',
    summary: 'Shows where a volume is mounted in one environment, and how full it is.',
    on: [['volume-instance', 'id']],
    at: [['volume-instance', 'id']],
  },
  volumeInstanceBackupList: {
    effect: 'read',
    summary: 'Lists the backups of a volume in one environment.',
    on: [INSTANCE],
    at: [INSTANCE],
  },
  volumeInstanceBackupScheduleList: {
    effect: 'read',
    summary: 'Lists when backups of a volume are made in one environment.',
    on: [INSTANCE],
    at: [INSTANCE],
  },
  bucketInstanceDetails: {
    effect: 'read',
    summary: 'Shows how full a bucket is in one environment.',
    on: [['bucket', 'bucketId']],
    at: [['bucket-in', 'bucketId', 'environmentId']],
  },
  bucketS3Credentials: {
    effect: 'reveal',
    summary: 'Shows the secret key that opens a bucket.',
    on: [['bucket', 'bucketId']],
    at: [
      ['bucket-in', 'bucketId', 'environmentId'],
      ['project', 'projectId'],
    ],
  },
};

export const STORAGE_MUTATIONS: Rows = {
  volumeCreate: {
    effect: 'write',
    summary: 'Creates a volume, in every environment of the project where none is named.',
    on: [['project', 'input.projectId']],
    at: [
      ['environment-or-all', 'input.projectId', 'input.environmentId'],
      ['service-member', 'input.serviceId'],
    ],
  },
  volumeDelete: {
    effect: 'delete',
    summary: 'Deletes a volume with its data and backups, in every environment.',
    on: [['volume', 'volumeId']],
    at: [['volume', 'volumeId']],
  },
  volumeUpdate: {
    effect: 'write',
    summary: 'Renames a volume, which is the same in every environment.',
    on: [['volume', 'volumeId']],
    at: [['volume', 'volumeId']],
  },
  volumeInstanceUpdate: {
    effect: 'write',
    summary: 'Changes where a volume is mounted, in every environment where none is named.',
    on: [['volume', 'volumeId']],
    at: [
      ['volume-in', 'volumeId', 'environmentId'],
      // Law 2: whether Railway keeps the instances elsewhere nobody has seen, so each of them counts.
      ['volume', 'volumeId', undefined, 'input.state'],
      ['service-member', 'input.serviceId'],
    ],
    adds: [
      // DELETED and DELETING delete; what Railway does with the other values nobody says.
      { when: 'input.state', is: 'given', operation: 'volumeDelete', on: [['volume', 'volumeId']] },
      // Railway: without a service "the volume will be disconnected", so leaving it out says it too.
      {
        when: 'input.serviceId',
        is: 'always',
        operation: 'volumeDetach',
        on: [['volume', 'volumeId']],
      },
    ],
  },
  volumeInstanceBackupCreate: {
    effect: 'write',
    summary: 'Makes a backup of a volume in one environment.',
    on: [INSTANCE],
    at: [INSTANCE],
  },
  volumeInstanceBackupLock: {
    effect: 'write',
    summary: 'Keeps a backup beyond its end.',
    ...BACKUP_ROW,
  },
  volumeInstanceBackupDelete: {
    effect: 'delete',
    summary: 'Deletes a backup.',
    ...BACKUP_ROW,
  },
  volumeInstanceBackupRestore: {
    effect: 'delete',
    summary:
      'Overwrites all data of a volume with a backup, and empties the volumes it is told to.',
    on: [INSTANCE],
    at: [...BACKUP_ROW.at, ['service', 'wipeServiceIds'], ['service', 'replicaServiceIds']],
    adds: [
      {
        when: 'wipeServiceIds',
        is: 'given',
        operation: 'volumeWipe',
        on: [['service', 'wipeServiceIds']],
      },
      {
        when: 'replicaServiceIds',
        is: 'given',
        operation: 'volumeWipe',
        on: [['service', 'replicaServiceIds']],
      },
    ],
  },
  volumeInstanceBackupScheduleUpdate: {
    effect: 'delete',
    summary: 'Sets when backups of a volume are made; what is not named is switched off.',
    on: [INSTANCE],
    at: [INSTANCE],
  },
  volumeInstancePITRRestore: {
    effect: 'execute',
    summary: 'Starts a new service on the data of a volume at an earlier time.',
    on: [INSTANCE],
    at: [INSTANCE],
  },
  bucketCreate: {
    effect: 'write',
    summary: 'Creates a bucket, maybe in every environment where none is named.',
    on: [['project', 'input.projectId']],
    at: [['environment-or-all', 'input.projectId', 'input.environmentId']],
  },
  bucketUpdate: {
    effect: 'write',
    summary: 'Renames a bucket, which is the same in every environment.',
    on: [['bucket', 'id']],
    at: [['bucket', 'id']],
  },
  bucketCredentialsReset: {
    effect: 'escalate',
    summary: 'Makes a new secret key for a bucket and shows it; the old one no longer works.',
    on: [['bucket', 'bucketId']],
    at: [
      ['bucket-in', 'bucketId', 'environmentId'],
      ['project', 'projectId'],
    ],
  },
};
