/** How services are set up beyond what they run: limits, triggers, shared variables, what Railway does on its own. */
import type { Rows, Target } from './row.ts';

const INSTANCE = {
  on: [['service', 'serviceId']],
  at: [
    ['environment', 'environmentId'],
    ['service-member', 'serviceId'],
  ],
} as const;
const INPUT_INSTANCE = {
  on: [['service', 'input.serviceId']],
  at: [
    ['environment', 'input.environmentId'],
    ['service-member', 'input.serviceId'],
  ],
} as const;

export const SETTINGS_QUERIES: Rows = {
  deploymentSnapshot: {
    effect: 'reveal',
    summary: 'Shows the values of the variables that a deployment was given.',
    on: [['deployment', 'deploymentId']],
    at: [['deployment', 'deploymentId']],
  },
  serviceInstanceAutoDeployStatus: {
    effect: 'read',
    summary: 'Tells whether a service is deployed with every push.',
    on: [['service', 'serviceId']],
    at: [...INSTANCE.at, ['project', 'projectId']],
  },
  serviceInstanceIsUpdatable: {
    effect: 'read',
    summary: 'Tells whether the template of a service has changed.',
    ...INSTANCE,
  },
  serviceInstanceLimitOverride: {
    effect: 'read',
    summary: 'Shows what a service may use in one environment.',
    ...INSTANCE,
  },
  serviceInstanceLimits: {
    effect: 'read',
    summary: 'Shows what a service may use in one environment.',
    ...INSTANCE,
  },
};

const ENABLED: readonly Target[] = [['service', 'input.enabledServiceIds']];
const DISABLED: readonly Target[] = [['service', 'input.disabledServiceIds']];

export const SETTINGS_MUTATIONS: Rows = {
  baseEnvironmentOverride: {
    effect: 'execute',
    summary: 'Lets pull requests run with what another environment holds.',
    on: [['deployment-trigger', 'id']],
    at: [
      ['deployment-trigger', 'id'],
      ['environment', 'input.baseEnvironmentOverrideId'],
    ],
  },
  deploymentApprove: {
    effect: 'escalate',
    summary: 'Runs what waited for a human to look at it.',
    on: [['deployment', 'id']],
    at: [['deployment', 'id']],
    adds: [{ when: 'id', is: 'always', operation: 'serviceCode', on: [['deployment', 'id']] }],
  },
  deploymentTriggerUpdate: {
    effect: 'execute',
    summary: 'Lets another repository or branch deploy a service, or without checks.',
    on: [['deployment-trigger', 'id']],
    at: [['deployment-trigger', 'id']],
  },
  serviceDuplicate: {
    effect: 'execute',
    summary: 'Runs a copy of a service, with its variables and the data of its volumes.',
    on: [['service', 'serviceId']],
    at: [
      ['environment', 'environmentId'],
      ['service', 'serviceId'],
    ],
  },
  serviceFeatureFlagAdd: {
    effect: 'escalate',
    summary: 'Switches a feature on for a service, in every environment.',
    on: [['service', 'input.serviceId']],
    at: [['service', 'input.serviceId']],
  },
  serviceFeatureFlagRemove: {
    effect: 'delete',
    summary: 'Switches a feature off for a service, in every environment.',
    on: [['service', 'input.serviceId']],
    at: [['service', 'input.serviceId']],
  },
  serviceInstanceAutoDeployUpdate: {
    effect: 'write',
    summary:
      'Has a service deployed with every push to the branch humans configured, or no longer.',
    ...INPUT_INSTANCE,
    at: [...INPUT_INSTANCE.at, ['project', 'input.projectId']],
  },
  serviceInstanceLimitsUpdate: {
    effect: 'delete',
    summary: 'Sets what a service may use; with too little it stops.',
    ...INPUT_INSTANCE,
  },
  serviceInstanceVulnRemediationDismiss: {
    effect: 'delete',
    summary: 'Leaves a database without an update that makes it secure.',
    ...INSTANCE,
  },
  serviceInstanceVulnRemediationPatchNow: {
    effect: 'execute',
    summary: 'Runs another image of a database, that Railway chose.',
    ...INSTANCE,
  },
  serviceRemoveUpstreamUrl: {
    effect: 'delete',
    summary: 'Ends that a service follows its template, in every environment.',
    on: [['service', 'id']],
    at: [['service', 'id']],
  },
  sharedVariableConfigure: {
    effect: 'write',
    summary: 'Chooses which services are given a variable that their environment shares.',
    on: [['variable', 'input.name', 'input.environmentId']],
    at: [
      ['environment', 'input.environmentId'],
      ['project', 'input.projectId'],
      ['service-member', 'input.enabledServiceIds'],
      ['service-member', 'input.disabledServiceIds'],
    ],
    adds: [
      {
        when: 'input.enabledServiceIds',
        is: 'some',
        operation: 'sharedVariableConfigure',
        on: ENABLED,
      },
      { when: 'input.disabledServiceIds', is: 'some', operation: 'variableDelete', on: DISABLED },
      { when: 'input.name', is: 'chooses code', operation: 'serviceCode', on: ENABLED },
      { when: 'input.name', is: 'chooses code', operation: 'serviceCode', on: DISABLED },
    ],
  },
};
