/** What operations on volumes, their instances and their backups do. */
import { backup, DISK, type Row, s } from '../support/rows.ts';

export const STORAGE: readonly Row[] = [
  {
    does: 'volumeDelete takes every instance in every environment, and every backup',
    mutation: ({ rental }) => `volumeDelete(volumeId: ${s(rental.volumes.bookings.id)})`,
    effects: [...DISK, ...DISK, 'destroyed volume'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'volumeDelete of a volume in staging alone stays there',
    mutation: ({ rental }) => `volumeDelete(volumeId: ${s(rental.volumes.stagingUploads.id)})`,
    effects: [...DISK, 'destroyed volume'],
  },
  {
    does: 'volumeInstanceUpdate without an environment changes all instances',
    mutation: ({ rental }) =>
      `volumeInstanceUpdate(volumeId: ${s(rental.volumes.bookings.id)}, input: { mountPath: "/x" })`,
    effects: ['changed volume-instance', 'changed volume-instance'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'volumeInstanceUpdate with a null environment too',
    mutation: ({ rental }) =>
      `volumeInstanceUpdate(volumeId: ${s(rental.volumes.bookings.id)}, environmentId: null, input: { serviceId: null })`,
    effects: ['changed volume-instance', 'changed volume-instance'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'volumeInstanceUpdate to the state DELETED deletes',
    mutation: ({ rental }) =>
      `volumeInstanceUpdate(volumeId: ${s(rental.volumes.bookings.id)}, environmentId: ${s(rental.staging.id)}, input: { state: DELETED })`,
    effects: DISK,
  },
  {
    does: 'volumeInstanceUpdate to the state DELETING everywhere takes the volume as well',
    mutation: ({ rental }) =>
      `volumeInstanceUpdate(volumeId: ${s(rental.volumes.bookings.id)}, input: { state: DELETING })`,
    effects: [...DISK, ...DISK, 'destroyed volume'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'volumeUpdate renames',
    mutation: ({ rental }) =>
      `volumeUpdate(volumeId: ${s(rental.volumes.bookings.id)}, input: { name: "x" }) { id }`,
    effects: ['changed volume'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'volumeCreate without an environment makes an instance in each',
    mutation: ({ rental }) =>
      `volumeCreate(input: { projectId: ${s(rental.projectId)}, mountPath: "/x" }) { id }`,
    effects: ['created volume', 'created volume-instance', 'created volume-instance'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'volumeCreate with a null environment makes none',
    mutation: ({ rental }) =>
      `volumeCreate(input: { projectId: ${s(rental.projectId)}, mountPath: "/x", environmentId: null }) { id }`,
    effects: ['created volume'],
    reaches: [],
  },
  {
    does: 'volumeInstanceBackupCreate makes a backup',
    mutation: ({ rental }) =>
      `volumeInstanceBackupCreate(volumeInstanceId: ${s(rental.disks.bookings.staging.id)}, name: "x") { workflowId }`,
    effects: ['created backup'],
  },
  {
    does: 'volumeInstanceBackupDelete takes one backup',
    mutation: (railway) =>
      `volumeInstanceBackupDelete(volumeInstanceId: ${s(railway.rental.disks.bookings.staging.id)}, volumeInstanceBackupId: ${backup(railway)}) { workflowId }`,
    effects: ['destroyed backup'],
  },
  {
    does: 'volumeInstanceBackupRestore overwrites, and empties what it is told to wipe, backups included',
    mutation: (railway) =>
      `volumeInstanceBackupRestore(volumeInstanceId: ${s(railway.rental.disks.bookings.staging.id)}, volumeInstanceBackupId: ${backup(railway)}, wipeServiceIds: [${s(railway.rental.services.api)}]) { workflowId }`,
    effects: [
      'destroyed backup',
      'destroyed backup',
      'destroyed volume-instance',
      'overwrote volume-instance',
    ],
  },
  {
    does: 'volumeInstanceBackupScheduleUpdate without kinds switches backups off',
    mutation: ({ rental }) =>
      `volumeInstanceBackupScheduleUpdate(volumeInstanceId: ${s(rental.disks.bookings.staging.id)}, kinds: [])`,
    effects: ['destroyed backup-schedule'],
  },
  {
    does: 'volumeInstancePITRRestore makes a new service and leaves the source as it is',
    mutation: ({ rental }) =>
      `volumeInstancePITRRestore(volumeInstanceId: ${s(rental.disks.bookings.production.id)}, targetTimestamp: "2026-04-24T00:00:00Z") { workflowId }`,
    effects: [
      'created service',
      'created service-instance',
      'created volume',
      'created volume-instance',
    ],
    reaches: ['production'],
  },
  {
    does: 'disablePitrForHaCluster ends the archiving',
    mutation: ({ rental }) =>
      `disablePitrForHaCluster(input: { projectId: ${s(rental.projectId)}, environmentId: ${s(rental.production.id)}, rootServiceId: ${s(rental.services.postgres)} }) { projectId }`,
    effects: ['destroyed archive'],
    reaches: ['production'],
  },
  {
    does: 'volumeInstanceBackupLock keeps a backup for good',
    given: ({ simulator }) => {
      const { world } = simulator;
      for (const each of world.where('backup')) {
        world.put('backup', { ...each, expiresAt: '2026-05-01T00:00:00.000Z' });
      }
    },
    mutation: (railway) =>
      `volumeInstanceBackupLock(volumeInstanceId: ${s(railway.rental.disks.bookings.staging.id)}, volumeInstanceBackupId: ${backup(railway)})`,
    effects: ['changed backup'],
  },
  {
    does: 'volumeInstanceBackupDelete takes the backup that is named, whatever instance is named beside it',
    mutation: ({ rental, simulator }) => {
      const { production } = rental.disks.bookings;
      const theirs = simulator.world.find(
        'backup',
        (each) => each.volumeInstanceId === production.id,
      );
      return `volumeInstanceBackupDelete(volumeInstanceId: ${s(rental.disks.bookings.staging.id)}, volumeInstanceBackupId: ${s(theirs?.id ?? '')}) { workflowId }`;
    },
    effects: ['destroyed backup'],
    reaches: ['production'],
  },
];
