/** Environments, and the ways in which a patch of one takes effect. */
import { neverForwarded, type Rows } from './row.ts';

const HERE = {
  on: [['environment', 'environmentId']],
  at: [['environment', 'environmentId']],
} as const;

/** Both environments are shown, and one of them is changed. */
const DRAWN = {
  on: [['environment', 'targetEnvironmentId']],
  at: [
    ['environment', 'sourceEnvironmentId'],
    ['environment', 'targetEnvironmentId'],
  ],
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
  environmentHasLegacyStaticEgress: {
    effect: 'read',
    summary: 'Tells whether services of an environment reach out from fixed addresses.',
    ...HERE,
  },
  canvasViewMergePreview: {
    effect: 'read',
    summary: 'Shows how the drawing of an environment would change.',
    ...DRAWN,
  },
  // Its id is not an environment's, and its outcome may hold the values of variables.
  ...neverForwarded('unplaced', 'reveal', {
    environmentChangeSetApply: 'Shows what a change set did, maybe with the values of variables.',
  }),
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
  // Forwarded as a patch, it says the same, and is judged.
  ...neverForwarded('content', 'delete', {
    environmentApplyChangeSet: 'Changes an environment as a change set says.',
  }),
  environmentTriggersDeploy: {
    effect: 'write',
    summary: 'Deploys a service from the branch that humans configured.',
    on: [['service', 'input.serviceId']],
    at: [
      ['environment', 'input.environmentId'],
      ['service-member', 'input.serviceId'],
      ['project', 'input.projectId'],
    ],
  },
  environmentUnskipService: {
    effect: 'write',
    summary: 'Deploys a service that was left out of an environment, and what it needs.',
    on: [['environment', 'environmentId']],
    at: [
      ['environment', 'environmentId'],
      ['service-member', 'serviceId'],
    ],
  },
  canvasViewMerge: {
    effect: 'write',
    summary: 'Changes the drawing of an environment to that of another.',
    ...DRAWN,
  },
  environmentPreviewChangeSet: {
    effect: 'reveal',
    summary: 'Shows what a change set would do, maybe with the values of variables.',
    ...HERE,
  },
};
