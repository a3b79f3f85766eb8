/** Environments, and the ways in which a patch of one takes effect. */
import type { Rows } from './row.ts';

const HERE = {
  on: [['environment', 'environmentId']],
  at: [['environment', 'environmentId']],
} as const;

export const ENVIRONMENT_QUERIES: Rows = {
  environment: {
    effect: 'read',
    summary: 'Shows an environment.',
    on: [['environment', 'id']],
    at: [
      ['environment', 'id'],
      ['project', 'projectId'],
    ],
  },
  environments: {
    effect: 'read',
    summary: 'Lists every environment of a project.',
    on: [['project', 'projectId']],
    at: [['everywhere', 'projectId']],
  },
  environmentPatch: {
    effect: 'read',
    summary: 'Shows a change to an environment, with the values of variables hidden.',
    on: [['patch', 'id']],
    at: [['patch', 'id']],
  },
  environmentPatches: {
    effect: 'read',
    summary: 'Lists changes to an environment, with the values of variables hidden.',
    ...HERE,
  },
  environmentStagedChanges: {
    effect: 'read',
    summary: 'Shows what is staged in an environment, with the values of variables hidden.',
    ...HERE,
  },
};

export const ENVIRONMENT_MUTATIONS: Rows = {
  environmentCreate: {
    effect: 'write',
    summary: 'Creates an environment.',
    on: [['project', 'input.projectId']],
    at: [
      ['project', 'input.projectId'],
      ['environment', 'input.sourceEnvironmentId'],
    ],
    adds: [
      {
        when: 'input.sourceEnvironmentId',
        is: 'given',
        operation: 'environmentFork',
        on: [['environment', 'input.sourceEnvironmentId']],
      },
    ],
  },
  environmentRename: {
    effect: 'escalate',
    summary: 'Gives an environment the name by which humans and their rules know it.',
    on: [['environment', 'id']],
    at: [['environment', 'id']],
  },
  environmentDelete: {
    effect: 'delete',
    summary: 'Deletes an environment with all that stands in it, data and backups too.',
    on: [['environment', 'id']],
    at: [['environment', 'id']],
  },
  environmentPatchCommit: {
    effect: 'write',
    summary: 'Changes an environment as a patch says, whose contents are judged one by one.',
    ...HERE,
    content: { as: 'patch', path: 'patch' },
  },
  environmentStageChanges: {
    effect: 'write',
    summary: 'Keeps a patch to be committed, whose contents are judged one by one.',
    ...HERE,
    content: { as: 'patch', path: 'input' },
  },
  environmentPatchCommitStaged: {
    effect: 'write',
    summary: 'Changes an environment as was staged; judged by, and forwarded as, what was staged.',
    ...HERE,
    content: { as: 'staged' },
  },
  environmentPreviewChangeSet: {
    effect: 'reveal',
    summary: 'Shows what a change set would do, maybe with the values of variables.',
    ...HERE,
  },
};
