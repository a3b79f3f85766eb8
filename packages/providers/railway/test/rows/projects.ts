/** What operations on projects and environments do. */

import type { Railway } from '../support/railway.ts';
import { DISK, INSTANCE, NEW_DEPLOYMENT, put, type Row, s, the } from '../support/rows.ts';

const environment = ({ rental }: Railway): string => s(rental.staging.id);
const project = ({ rental }: Railway): string => s(rental.projectId);

const ALL_OF_AN_ENVIRONMENT = [
  ...INSTANCE,
  ...INSTANCE,
  ...INSTANCE,
  ...INSTANCE,
  ...DISK,
  ...DISK,
].concat('destroyed variable', 'destroyed dashboard', 'destroyed environment');
const ALL = [
  ...ALL_OF_AN_ENVIRONMENT,
  ...ALL_OF_AN_ENVIRONMENT,
  ...Array.from({ length: 4 }, () => 'destroyed service'),
  ...Array.from({ length: 3 }, () => 'destroyed volume'),
  'destroyed archive',
  'destroyed bucket',
  'destroyed bucket-instance',
  'destroyed custom-domain',
  'destroyed project',
  'destroyed token',
];
const BOTH = ['production', 'staging'] as const;

const otherWorkspace = (railway: Railway): void =>
  put(railway, 'workspace', {
    name: 'Other',
    plan: 'HOBBY',
    members: [{ userId: railway.rental.userId, role: 'ADMIN' }],
  });

const scheduled = ({ simulator, rental }: Railway): void => {
  const present = simulator.world.get('project', rental.projectId);
  if (present === undefined) throw new Error('no project');
  simulator.world.put('project', { ...present, deletedAt: '2026-04-25T00:00:00.000Z' });
};

export const PROJECTS: readonly Row[] = [
  {
    does: 'environmentCreate as a fork copies variables and runs everything again, on empty disks',
    mutation: (railway) =>
      `environmentCreate(input: { projectId: ${project(railway)}, sourceEnvironmentId: ${environment(railway)}, name: "fork", ephemeral: true }) { isEphemeral }`,
    effects: [
      'created environment',
      ...Array.from({ length: 4 }, () => 'created deployment'),
      // Nothing ran there before, so whatever runs is new there.
      ...Array.from({ length: 4 }, () => 'executed deployment'),
      ...Array.from({ length: 4 }, () => 'created service-instance'),
      ...Array.from({ length: 9 }, () => 'created variable'),
      ...Array.from({ length: 2 }, () => 'created volume-instance'),
    ],
    reaches: ['fork'],
  },
  {
    does: 'environmentCreate makes an empty environment',
    mutation: (railway) =>
      `environmentCreate(input: { projectId: ${project(railway)}, name: "fork" }) { id }`,
    effects: ['created environment'],
    reaches: ['fork'],
  },
  {
    does: 'environmentDelete takes what stands in no other environment as well',
    mutation: (railway) => `environmentDelete(id: ${environment(railway)})`,
    effects: [...ALL_OF_AN_ENVIRONMENT, 'destroyed token', 'destroyed volume'],
  },
  {
    does: 'environmentRename changes a name',
    mutation: (railway) =>
      `environmentRename(id: ${environment(railway)}, input: { name: "production-2" }) { id }`,
    effects: ['changed environment'],
  },
  {
    does: 'environmentPatchCommit without a patch only notes a commit',
    mutation: (railway) => `environmentPatchCommit(environmentId: ${environment(railway)})`,
    effects: ['created patch'],
  },
  {
    does: 'environmentStageChanges keeps a patch',
    mutation: (railway) =>
      `environmentStageChanges(environmentId: ${environment(railway)}, input: { sharedVariables: { SENTRY_DSN: null } }) { id }`,
    effects: ['created patch'],
  },
  {
    does: 'environmentPatchCommitStaged does what was staged',
    given: (railway) =>
      put(railway, 'patch', {
        environmentId: railway.rental.staging.id,
        status: 'STAGED',
        patch: { sharedVariables: { SENTRY_DSN: null } },
        message: null,
        appliedAt: null,
      }),
    mutation: (railway) => `environmentPatchCommitStaged(environmentId: ${environment(railway)})`,
    effects: ['changed patch', 'destroyed variable'],
  },
  {
    does: 'environmentApplyChangeSet deletes by address',
    mutation: (railway) =>
      `environmentApplyChangeSet(environmentId: ${environment(railway)}, input: { version: 1, changes: [{ kind: "resource.delete", address: "volume.uploads-staging" }] }) { status }`,
    effects: ['created change-set-apply', ...DISK, 'destroyed volume'],
  },
  {
    does: 'environmentPreviewChangeSet does nothing',
    mutation: (railway) =>
      `environmentPreviewChangeSet(environmentId: ${environment(railway)}, input: { version: 1, changes: [{ kind: "resource.delete", address: "volume.uploads-staging" }] }) { effects }`,
    effects: [],
    reaches: [],
  },
  {
    does: 'projectCreate makes a project with an environment',
    mutation: () => 'projectCreate(input: { name: "x" }) { id }',
    effects: ['created environment', 'created project'],
    reaches: ['fork'],
  },
  {
    does: 'projectUpdate changes it',
    mutation: (railway) =>
      `projectUpdate(id: ${project(railway)}, input: { isPublic: true }) { id }`,
    effects: ['changed project'],
    reaches: BOTH,
  },
  {
    does: 'projectDelete takes all of it',
    mutation: (railway) => `projectDelete(id: ${project(railway)})`,
    effects: ALL,
    reaches: BOTH,
  },
  {
    does: 'projectScheduleDelete only sets a date',
    mutation: (railway) => `projectScheduleDelete(id: ${project(railway)})`,
    effects: ['destroyed project'],
    reaches: BOTH,
  },
  {
    does: 'projectScheduleDeleteCancel takes the date back',
    given: scheduled,
    mutation: (railway) => `projectScheduleDeleteCancel(id: ${project(railway)})`,
    effects: ['changed project'],
    reaches: BOTH,
  },
  {
    does: 'projectScheduleDeleteForce waits for no date',
    given: scheduled,
    mutation: (railway) => `projectScheduleDeleteForce(id: ${project(railway)})`,
    effects: ALL,
    reaches: BOTH,
  },
  {
    does: 'projectTransfer moves it to another workspace',
    given: otherWorkspace,
    mutation: (railway) =>
      `projectTransfer(projectId: ${project(railway)}, input: { workspaceId: ${the(railway, 'workspace')} })`,
    effects: ['changed project'],
    reaches: BOTH,
  },
  {
    does: 'projectTransferToTeam does the same',
    given: otherWorkspace,
    mutation: (railway) =>
      `projectTransferToTeam(id: ${project(railway)}, input: { teamId: ${the(railway, 'workspace')} })`,
    effects: ['changed project'],
    reaches: BOTH,
  },
  {
    does: 'projectClaim does the same',
    given: otherWorkspace,
    mutation: (railway) =>
      `projectClaim(id: ${project(railway)}, workspaceId: ${the(railway, 'workspace')}) { id }`,
    effects: ['changed project'],
    reaches: BOTH,
  },
  {
    does: 'projectTransferInitiate offers it to somebody',
    mutation: (railway) =>
      `projectTransferInitiate(input: { projectId: ${project(railway)}, memberId: ${s(railway.rental.userId)} })`,
    effects: ['created transfer'],
    reaches: [],
  },
  {
    does: 'projectTransferConfirm moves what was offered',
    given: (railway) => {
      otherWorkspace(railway);
      const { projectId, userId } = railway.rental;
      put(railway, 'transfer', { projectId, memberId: userId });
    },
    mutation: (railway) =>
      `projectTransferConfirm(input: { projectId: ${project(railway)}, ownershipTransferId: ${the(railway, 'transfer')}, destinationWorkspaceId: ${the(railway, 'workspace')} })`,
    effects: ['changed project', 'destroyed transfer'],
    reaches: BOTH,
  },
  {
    does: 'workspaceDelete takes every project of it',
    mutation: ({ rental }) => `workspaceDelete(id: ${s(rental.workspaceId)})`,
    effects: [...ALL, 'destroyed token', 'destroyed workspace'],
    reaches: BOTH,
  },
  {
    does: 'userDelete takes every workspace that is theirs alone',
    mutation: () => 'userDelete',
    effects: [
      ...ALL,
      'destroyed token',
      'destroyed token',
      'destroyed user',
      'destroyed workspace',
    ],
    reaches: BOTH,
  },
  {
    does: 'templateRevert deletes the rest of its group here',
    given: ({ simulator, rental }) => {
      const { world } = simulator;
      for (const id of [rental.services.worker, rental.services.web]) {
        const service = world.get('service', id);
        if (service !== undefined) world.put('service', { ...service, groupId: 'ha' });
      }
    },
    mutation: (railway) =>
      `templateRevert(input: { projectId: ${project(railway)}, environmentId: ${environment(railway)}, rootServiceId: ${s(railway.rental.services.web)}, groupId: "ha", templateCode: "x" }) { projectId }`,
    effects: INSTANCE,
  },
  {
    does: 'enablePitrForHaCluster begins to archive',
    mutation: (railway) =>
      `enablePitrForHaCluster(input: { projectId: ${project(railway)}, environmentId: ${environment(railway)}, rootServiceId: ${s(railway.rental.services.postgres)} }) { projectId }`,
    effects: ['created archive'],
  },
  {
    does: 'serviceInstanceDeploy runs it',
    mutation: (railway) =>
      `serviceInstanceDeploy(serviceId: ${s(railway.rental.services.api)}, environmentId: ${environment(railway)})`,
    effects: NEW_DEPLOYMENT,
  },
];
