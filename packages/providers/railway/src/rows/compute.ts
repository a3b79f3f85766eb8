/** Machines and jobs beside services: sandboxes, cloud agents, cron runs, clusters of databases; and plugins that were. */
import { neverForwarded, type Row, type Rows, type Target } from './row.ts';

const SANDBOX = {
  on: [['sandbox', 'id']],
  at: [['sandbox', 'id', 'environmentId']],
} as const;
const CHECKPOINT = {
  on: [['checkpoint', 'id']],
  at: [['checkpoint', 'id', 'environmentId']],
} as const;
const AGENT = { on: [['cloud-agent', 'id']], at: [['cloud-agent', 'id']] } as const;
const HERE = {
  on: [['environment', 'environmentId']],
  at: [['environment', 'environmentId']],
} as const;
const INPUT_HERE = {
  on: [['environment', 'input.environmentId']],
  at: [['environment', 'input.environmentId']],
} as const;
const CLUSTER = {
  on: [['service', 'rootServiceId']],
  at: [
    ['environment', 'environmentId'],
    ['service-member', 'rootServiceId'],
  ],
} as const;
const INPUT_CLUSTER_AT = [
  ['environment', 'input.environmentId'],
  ['service-member', 'input.rootServiceId'],
  ['project', 'input.projectId'],
] as const;
const INPUT_CLUSTER: readonly Target[] = [['service', 'input.rootServiceId']];

/** What was a database before there were volumes. */
const PLUGIN_SUMMARIES = {
  pluginDelete: 'Deletes a plugin with its data.',
  pluginReset: 'Empties a plugin.',
} as const;

export const COMPUTE_QUERIES: Rows = {
  sandbox: { effect: 'read', summary: 'Shows a sandbox.', ...SANDBOX },
  sandboxes: { effect: 'read', summary: 'Lists the sandboxes of an environment.', ...HERE },
  sandboxCheckpoints: {
    effect: 'read',
    summary: 'Lists what was kept of sandboxes in an environment.',
    ...HERE,
  },
  sandboxSessions: {
    effect: 'reveal',
    summary: 'Lists the commands that run in a sandbox, which often hold secrets.',
    ...SANDBOX,
  },
  // Of the same name as the mutation, so no less than that; which of the two ids Railway goes by is not known.
  sandboxTemplateBuild: {
    effect: 'execute',
    summary: 'Runs commands to build what sandboxes start from; as a query, shows how far that is.',
    ...HERE,
  },
  cloudAgent: {
    effect: 'read',
    summary: 'Shows an agent that runs at Railway.',
    on: [['cloud-agent', 'id']],
    at: [
      ['environment', 'environmentId'],
      ['cloud-agent', 'id'],
    ],
  },
  cloudAgents: { effect: 'read', summary: 'Lists the agents of an environment.', ...HERE },
  cloudAgentConsoleSessions: {
    effect: 'reveal',
    summary: 'Lists the commands that an agent runs, which often hold secrets.',
    on: [['cloud-agent', 'cloudAgentId']],
    at: [['cloud-agent', 'cloudAgentId']],
  },
  deploymentSessions: {
    effect: 'reveal',
    summary: 'Lists the commands that somebody runs beside a deployment.',
    on: [['deployment', 'deploymentId']],
    at: [['deployment', 'deploymentId']],
  },
  deploymentInstanceExecutions: {
    effect: 'read',
    summary: 'Lists when the job of a service ran in one environment.',
    on: [['service', 'input.serviceId']],
    at: [
      ['environment', 'input.environmentId'],
      ['service-member', 'input.serviceId'],
    ],
  },
  pitrHaClusterReplicationHealth: {
    effect: 'read',
    summary: 'Shows how well a cluster of databases is.',
    ...CLUSTER,
  },
  pitrHaWorkflowProgress: {
    effect: 'read',
    summary: 'Shows how far a change to a cluster of databases is.',
    ...CLUSTER,
  },
  ...neverForwarded('retired', 'read', { plugin: 'Shows a plugin.' }),
  ...neverForwarded('retired', 'reveal', {
    pluginLogs: 'Shows what a plugin wrote, which often holds secrets.',
  }),
};

/** What is done with the commands or variables that a sandbox is given. */
const FROM: Pick<Row, 'on' | 'at'> = {
  on: [['environment', 'input.environmentId']],
  at: [
    ['environment', 'input.environmentId'],
    ['sandbox', 'input.sourceSandboxId', 'input.environmentId'],
  ],
};

export const COMPUTE_MUTATIONS: Rows = {
  sandboxCreate: {
    effect: 'execute',
    summary: 'Starts a machine in an environment, with whatever variables of it are named.',
    ...FROM,
  },
  sandboxExec: { effect: 'execute', summary: 'Runs a command in a sandbox.', ...SANDBOX },
  sandboxDestroy: { effect: 'delete', summary: 'Destroys a sandbox with its disk.', ...SANDBOX },
  sandboxHeartbeat: { effect: 'write', summary: 'Lets a sandbox live longer.', ...SANDBOX },
  sandboxCheckpointCreate: {
    effect: 'write',
    summary: 'Keeps the disk of a sandbox under a name.',
    on: [['sandbox', 'sandboxId']],
    at: [['sandbox', 'sandboxId', 'environmentId']],
  },
  sandboxCheckpointRename: {
    effect: 'write',
    summary: 'Renames what was kept of a sandbox.',
    ...CHECKPOINT,
  },
  sandboxCheckpointDelete: {
    effect: 'delete',
    summary: 'Deletes what was kept of a sandbox.',
    ...CHECKPOINT,
  },
  sandboxTemplateBuild: {
    effect: 'execute',
    summary: 'Runs commands to build what sandboxes start from; as a query, shows how far that is.',
    ...HERE,
  },
  cloudAgentCreate: {
    effect: 'execute',
    summary: 'Starts an agent that runs what it likes in an environment.',
    ...INPUT_HERE,
  },
  cloudAgentWake: { effect: 'execute', summary: 'Starts an agent again.', ...AGENT },
  cloudAgentSleep: { effect: 'delete', summary: 'Ends whatever an agent runs.', ...AGENT },
  cloudAgentDelete: { effect: 'delete', summary: 'Deletes an agent with its disk.', ...AGENT },
  cloudAgentStateReport: {
    effect: 'write',
    summary: 'Says what an agent is doing.',
    on: [['cloud-agent', 'input.cloudAgentId']],
    at: [['cloud-agent', 'input.cloudAgentId']],
  },
  deploymentInstanceExecutionCreate: {
    effect: 'execute',
    summary: 'Runs the job of a service now.',
    on: [['service-instance', 'input.serviceInstanceId']],
    at: [['service-instance', 'input.serviceInstanceId']],
  },
  enablePitrForHaCluster: {
    effect: 'execute',
    summary: 'Redeploys a cluster of databases so that it can be restored to any time.',
    on: INPUT_CLUSTER,
    at: INPUT_CLUSTER_AT,
  },
  disablePitrForHaCluster: {
    effect: 'delete',
    summary: 'Ends that a cluster of databases can be restored to any time.',
    on: INPUT_CLUSTER,
    at: INPUT_CLUSTER_AT,
  },
  cancelPitrHaWorkflow: {
    effect: 'delete',
    summary: 'Ends a change to a cluster of databases halfway.',
    ...CLUSTER,
  },
  clearPitrHaWorkflowProgress: {
    effect: 'delete',
    summary: 'Forgets how a change to a cluster of databases went.',
    ...CLUSTER,
  },
  ...neverForwarded('retired', 'delete', PLUGIN_SUMMARIES),
  ...neverForwarded('retired', 'escalate', {
    pluginResetCredentials: 'Makes a new password for a plugin and shows it.',
  }),
  ...neverForwarded('retired', 'execute', {
    pluginCreate: 'Starts a plugin.',
    pluginRestart: 'Restarts a plugin.',
    pluginStart: 'Starts a plugin.',
    pluginUpdate: 'Renames a plugin.',
  }),
};
