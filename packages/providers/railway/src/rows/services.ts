/** Services, what of them stands in an environment, deployments and variables. */
import type { Addition, Rows, Target } from './row.ts';

const INSTANCE_AT = [
  ['environment', 'environmentId'],
  ['service-member', 'serviceId'],
] as const;
const INPUT_AT = [
  ['environment', 'input.environmentId'],
  ['service-member', 'input.serviceId'],
] as const;
const PLACED_AT = [...INPUT_AT, ['project', 'input.projectId']] as const;
const DEPLOYMENT = { on: [['deployment', 'id']], at: [['deployment', 'id']] } as const;
const LOGS_OF_DEPLOYMENT = {
  on: [['deployment', 'deploymentId']],
  at: [['deployment', 'deploymentId']],
} as const;
const VARIABLE_AT = [
  ['environment', 'environmentId'],
  ['service-member', 'serviceId'],
  ['project', 'projectId'],
] as const;
const VARIABLE: readonly Target[] = [
  ['variable', 'input.name', 'input.serviceId', 'input.environmentId'],
];
const HOLDER: readonly Target[] = [
  ['service', 'input.serviceId'],
  ['environment', 'input.environmentId'],
];

/** What an agent lets a service run by naming it. Named with null it is another one too: the default. */
const CODE = [
  'buildCommand',
  'builder',
  'cronSchedule',
  'dockerfilePath',
  'nixpacksPlan',
  'preDeployCommand',
  'railwayConfigFile',
  'rootDirectory',
  'startCommand',
  'watchPatterns',
];

const ON_SERVICE: readonly Target[] = [['service', 'serviceId']];

const SETTINGS: readonly Addition[] = [
  ...CODE.map(
    (name): Addition => ({
      when: `input.${name}`,
      is: 'named',
      operation: 'serviceCode',
      on: ON_SERVICE,
    }),
  ),
  ...['source', 'registryCredentials'].map(
    (name): Addition => ({
      when: `input.${name}`,
      is: 'named',
      operation: 'serviceConnect',
      on: ON_SERVICE,
    }),
  ),
  ...['region', 'multiRegionConfig'].map(
    (name): Addition => ({
      when: `input.${name}`,
      is: 'named',
      operation: 'placementChange',
      on: ON_SERVICE,
    }),
  ),
  { when: 'input.source', is: 'nulls', operation: 'serviceDisconnect', on: ON_SERVICE },
  { when: 'input.numReplicas', is: 'zero or null', operation: 'deploymentStop', on: ON_SERVICE },
];

export const SERVICE_QUERIES: Rows = {
  service: {
    effect: 'read',
    summary: 'Shows a service.',
    on: [['service', 'id']],
    at: [['service-member', 'id']],
  },
  serviceInstance: {
    effect: 'read',
    summary: 'Shows how a service is set up in one environment.',
    on: [['service', 'serviceId']],
    at: INSTANCE_AT,
  },
  deployment: { effect: 'read', summary: 'Shows a deployment.', ...DEPLOYMENT },
  deployments: {
    effect: 'read',
    summary: 'Lists deployments, of every environment where none is named.',
    on: [
      ['service', 'input.serviceId'],
      ['environment', 'input.environmentId'],
      ['project', 'input.projectId'],
      ['account'],
    ],
    at: [
      ['environment-or-all', 'input.projectId', 'input.environmentId'],
      ['service-member', 'input.serviceId'],
    ],
  },
  deploymentTriggers: {
    effect: 'read',
    summary: 'Lists what lets a repository deploy a service.',
    on: [['service', 'serviceId']],
    at: VARIABLE_AT,
  },
  deploymentLogs: {
    effect: 'reveal',
    summary: 'Shows what a deployment wrote, which often holds secrets.',
    ...LOGS_OF_DEPLOYMENT,
  },
  buildLogs: {
    effect: 'reveal',
    summary: 'Shows what a build wrote, which often holds secrets.',
    ...LOGS_OF_DEPLOYMENT,
  },
  environmentLogs: {
    effect: 'reveal',
    summary: 'Shows what every service of an environment wrote, which often holds secrets.',
    on: [['environment', 'environmentId']],
    at: [['environment', 'environmentId']],
  },
  variables: {
    effect: 'reveal',
    summary: 'Shows the values of variables: of a service, or those that its environment shares.',
    on: [
      ['service', 'serviceId'],
      ['environment', 'environmentId'],
    ],
    at: VARIABLE_AT,
  },
  variablesForServiceDeployment: {
    effect: 'reveal',
    summary: 'Shows the values of all variables that a service is given.',
    on: [['service', 'serviceId']],
    at: VARIABLE_AT,
    adds: [
      {
        when: 'environmentId',
        is: 'always',
        operation: 'variables',
        on: [['environment', 'environmentId']],
      },
    ],
  },
};

export const SERVICE_MUTATIONS: Rows = {
  serviceCreate: {
    effect: 'write',
    summary: 'Creates a service, in every environment unless the one it names is a fork.',
    on: [['project', 'input.projectId']],
    at: [['fork-or-all', 'input.projectId', 'input.environmentId']],
    adds: [
      ...['source', 'branch', 'registryCredentials', 'templateId', 'templateServiceId'].map(
        (name): Addition => ({
          when: `input.${name}`,
          is: 'given',
          operation: 'serviceConnect',
          on: [['project', 'input.projectId']],
        }),
      ),
      {
        when: 'input.variables',
        is: 'chooses code',
        operation: 'serviceCode',
        on: [['project', 'input.projectId']],
      },
    ],
  },
  serviceUpdate: {
    effect: 'write',
    summary: 'Renames a service, which is the same in every environment.',
    on: [['service', 'id']],
    at: [['service', 'id']],
  },
  serviceDelete: {
    effect: 'delete',
    summary: 'Deletes a service, in every environment unless the one it names is a fork.',
    on: [['service', 'id']],
    at: [['service-in', 'id', 'environmentId']],
  },
  serviceConnect: {
    effect: 'execute',
    summary: 'Lets a service run another image, repository or branch, in every environment.',
    on: [['service', 'id']],
    at: [['service', 'id']],
    adds: [{ when: 'input', is: 'nulls', operation: 'serviceDisconnect', on: [['service', 'id']] }],
  },
  serviceDisconnect: {
    effect: 'delete',
    summary: 'Takes from a service the source it is deployed from, in every environment.',
    on: [['service', 'id']],
    at: [['service', 'id']],
  },
  serviceInstanceUpdate: {
    effect: 'write',
    summary:
      'Changes how a service is run, in every environment unless the one it names is a fork.',
    on: [['service', 'serviceId']],
    at: [['service-in', 'serviceId', 'environmentId']],
    adds: SETTINGS,
  },
  serviceInstanceDeploy: {
    effect: 'write',
    summary: 'Deploys a service as humans configured it.',
    on: [['service', 'serviceId']],
    at: INSTANCE_AT,
    adds: [{ when: 'commitSha', is: 'named', operation: 'serviceCode', on: ON_SERVICE }],
  },
  serviceInstanceDeployV2: {
    effect: 'write',
    summary: 'Deploys a service as humans configured it.',
    on: [['service', 'serviceId']],
    at: INSTANCE_AT,
    adds: [{ when: 'commitSha', is: 'named', operation: 'serviceCode', on: ON_SERVICE }],
  },
  serviceInstanceRedeploy: {
    effect: 'write',
    summary: 'Runs again what a service ran last.',
    on: [['service', 'serviceId']],
    at: INSTANCE_AT,
  },
  deploymentRedeploy: { effect: 'write', summary: 'Runs a deployment again.', ...DEPLOYMENT },
  deploymentRestart: { effect: 'write', summary: 'Restarts a deployment.', ...DEPLOYMENT },
  deploymentRollback: {
    effect: 'execute',
    summary: 'Runs the code of an earlier deployment in the place of what runs now.',
    ...DEPLOYMENT,
  },
  deploymentRemove: { effect: 'delete', summary: 'Takes down a deployment.', ...DEPLOYMENT },
  deploymentStop: {
    effect: 'delete',
    summary: 'Stops what runs.',
    on: [['deployment', 'id']],
    at: [['deployment', 'id']],
  },
  deploymentCancel: {
    effect: 'delete',
    summary: 'Ends a deployment before it is done.',
    ...DEPLOYMENT,
  },
  deploymentTriggerCreate: {
    effect: 'execute',
    summary: 'Lets a repository deploy a service, now and with every push.',
    on: [['service', 'input.serviceId']],
    at: PLACED_AT,
  },
  deploymentTriggerDelete: {
    effect: 'delete',
    summary: 'Ends that a repository deploys a service.',
    on: [['deployment-trigger', 'id']],
    at: [['deployment-trigger', 'id']],
  },
  variableUpsert: {
    effect: 'write',
    summary: 'Sets a variable, overwrites what it was, and redeploys.',
    on: VARIABLE,
    at: PLACED_AT,
    adds: [{ when: 'input.name', is: 'chooses code', operation: 'serviceCode', on: HOLDER }],
  },
  variableCollectionUpsert: {
    effect: 'write',
    summary: 'Sets variables, overwrites what they were, and redeploys.',
    on: HOLDER,
    at: PLACED_AT,
    adds: [
      { when: 'input.replace', is: 'true', operation: 'variableDelete', on: HOLDER },
      { when: 'input.variables', is: 'nulls', operation: 'variableDelete', on: HOLDER },
    ],
    content: { as: 'variables', path: 'input.variables' },
  },
  variableDelete: {
    effect: 'delete',
    summary: 'Removes a variable, and redeploys.',
    on: VARIABLE,
    at: PLACED_AT,
  },
};
