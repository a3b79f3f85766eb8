/** What operations on sandboxes, agents, jobs and dashboards do. */
import type { Railway } from '../support/railway.ts';
import { put, type Row, s, the } from '../support/rows.ts';

const staging = ({ rental }: Railway): string => s(rental.staging.id);
const production = ({ rental }: Railway): string => s(rental.production.id);
const sandbox = (railway: Railway): void =>
  put(railway, 'sandbox', {
    environmentId: railway.rental.staging.id,
    region: 'us-west2',
    networkIsolation: 'PRIVATE',
    idleTimeoutMinutes: null,
  });
const checkpoint = (railway: Railway): void =>
  put(railway, 'checkpoint', { environmentId: railway.rental.staging.id, key: 'x' });
const agent = (railway: Railway): void => {
  const { projectId, staging } = railway.rental;
  put(railway, 'cloud-agent', { projectId, environmentId: staging.id, name: 'x' });
};
const running = (railway: Railway): void => {
  agent(railway);
  const id = railway.simulator.world.where('cloud-agent').at(-1)?.id;
  put(railway, 'execution', {
    environmentId: railway.rental.staging.id,
    where: `cloud-agent/${id}`,
    command: 'a migration',
  });
};
const dashboard = (railway: Railway): void =>
  put(railway, 'dashboard', { environmentId: railway.rental.staging.id, items: ['a', 'b'] });
const job = ({ simulator, rental }: Railway): string =>
  s(
    simulator.world.find(
      'service-instance',
      (each) => each.environmentId === rental.staging.id && each.serviceId === rental.services.api,
    )?.id ?? '',
  );

export const MACHINES: readonly Row[] = [
  {
    does: 'sandboxCheckpointCreate keeps a disk',
    given: sandbox,
    mutation: (railway) =>
      `sandboxCheckpointCreate(environmentId: ${staging(railway)}, sandboxId: ${the(railway, 'sandbox')}, name: "x") { id }`,
    effects: ['created checkpoint'],
  },
  {
    does: 'sandboxCheckpointCreate keeps the sandbox that is named, whatever environment is named beside it',
    given: sandbox,
    mutation: (railway) =>
      `sandboxCheckpointCreate(environmentId: ${production(railway)}, sandboxId: ${the(railway, 'sandbox')}, name: "x") { id }`,
    effects: ['created checkpoint'],
  },
  {
    does: 'sandboxCheckpointRename renames it',
    given: checkpoint,
    mutation: (railway) =>
      `sandboxCheckpointRename(environmentId: ${staging(railway)}, id: ${the(railway, 'checkpoint')}, name: "y") { id }`,
    effects: ['changed checkpoint'],
  },
  {
    does: 'sandboxCheckpointDelete deletes it',
    given: checkpoint,
    mutation: (railway) =>
      `sandboxCheckpointDelete(environmentId: ${staging(railway)}, id: ${the(railway, 'checkpoint')})`,
    effects: ['destroyed checkpoint'],
  },
  {
    does: 'sandboxCheckpointDelete deletes what is named, whatever environment is named beside it',
    given: checkpoint,
    mutation: (railway) =>
      `sandboxCheckpointDelete(environmentId: ${production(railway)}, id: ${the(railway, 'checkpoint')})`,
    effects: ['destroyed checkpoint'],
  },
  {
    does: 'sandboxHeartbeat keeps it alive',
    given: sandbox,
    mutation: (railway) =>
      `sandboxHeartbeat(environmentId: ${staging(railway)}, id: ${the(railway, 'sandbox')}) { id }`,
    effects: [],
    reaches: [],
  },
  {
    does: 'cloudAgentSleep ends what an agent runs',
    given: running,
    mutation: (railway) => `cloudAgentSleep(id: ${the(railway, 'cloud-agent')}) { id }`,
    effects: ['destroyed execution'],
  },
  {
    does: 'cloudAgentWake runs its entrypoint',
    given: agent,
    mutation: (railway) => `cloudAgentWake(id: ${the(railway, 'cloud-agent')}) { id }`,
    effects: ['executed execution'],
  },
  {
    does: 'deploymentInstanceExecutionCreate runs a job',
    mutation: (railway) =>
      `deploymentInstanceExecutionCreate(input: { serviceInstanceId: ${job(railway)} })`,
    effects: ['executed execution'],
  },
  {
    does: 'observabilityDashboardCreate makes a dashboard',
    mutation: (railway) =>
      `observabilityDashboardCreate(input: { environmentId: ${staging(railway)} })`,
    effects: ['created dashboard'],
  },
  {
    does: 'observabilityDashboardUpdate replaces what stands on it',
    given: dashboard,
    mutation: (railway) =>
      `observabilityDashboardUpdate(id: ${the(railway, 'dashboard')}, input: [{ id: "c", displayConfig: {}, dashboardItem: { id: "c", name: "c", type: SERVICE_LOGS_ITEM, config: {} } }])`,
    effects: ['overwrote dashboard'],
  },
  {
    does: 'observabilityDashboardUpdate with nothing takes everything from it',
    given: dashboard,
    mutation: (railway) =>
      `observabilityDashboardUpdate(id: ${the(railway, 'dashboard')}, input: [])`,
    effects: ['destroyed dashboard'],
  },
];
