/** What operations do that let services run something by another way, or stand between them and their visitors. */
import type { Railway } from '../support/railway.ts';
import {
  deployment,
  instance,
  NEW_DEPLOYMENT,
  place,
  put,
  type Row,
  s,
  the,
} from '../support/rows.ts';

const staging = ({ rental }: Railway): string => s(rental.staging.id);
const at = ({ rental }: Railway) => ({
  serviceId: rental.services.api,
  environmentId: rental.staging.id,
});
const edge = (railway: Railway): void =>
  put(railway, 'edge-config', { ...at(railway), rules: ['block'], challenges: true });
const trigger = (railway: Railway): void =>
  put(railway, 'deployment-trigger', {
    ...at(railway),
    projectId: railway.rental.projectId,
    branch: 'main',
    repository: 'x/y',
    provider: 'github',
    checkSuites: false,
  });
const shared = (name: string) => (railway: Railway) => {
  const { simulator, rental } = railway;
  const [variable] = simulator.world.where('variable');
  if (variable === undefined) throw new Error('the rental has no variable');
  for (const serviceId of [null, rental.services.web]) {
    const id = simulator.sequence.id();
    simulator.world.put('variable', {
      ...variable,
      id,
      environmentId: rental.staging.id,
      serviceId,
      name,
      value: 'x',
    });
  }
};
const share = (railway: Railway, name: string): string =>
  `sharedVariableConfigure(input: { ${place(railway)}, name: ${s(name)}, enabledServiceIds: [${s(railway.rental.services.api)}], disabledServiceIds: [${s(railway.rental.services.web)}] }) { name }`;

const RUNS_ANEW = [
  'created deployment',
  'created service',
  'created service-instance',
  'executed deployment',
];

export const SETTINGS: readonly Row[] = [
  {
    does: 'enableServiceCdn puts a cache before a service',
    mutation: (railway) => `enableServiceCdn(input: { ${instance(railway)} }) { enabled }`,
    effects: ['created edge-config'],
  },
  {
    does: 'disableServiceCdn takes it away with its rules',
    given: edge,
    mutation: (railway) => `disableServiceCdn(input: { ${instance(railway)} })`,
    effects: ['destroyed edge-config'],
  },
  {
    does: 'updateServiceEdgeRules with null clears every rule',
    given: edge,
    mutation: (railway) =>
      `updateServiceEdgeRules(input: { ${instance(railway)}, edgeRules: null }) { id }`,
    effects: ['destroyed edge-config'],
  },
  {
    does: 'updateServiceEdgeRules replaces every rule',
    given: edge,
    mutation: (railway) =>
      `updateServiceEdgeRules(input: { ${instance(railway)}, edgeRules: ["redirect"] }) { id }`,
    effects: ['overwrote edge-config'],
  },
  {
    does: 'setServiceUnderAttackMode ends the challenge',
    given: edge,
    mutation: (railway) =>
      `setServiceUnderAttackMode(input: { ${instance(railway)}, enabled: false }) { id }`,
    effects: ['destroyed edge-config'],
  },
  {
    does: 'privateNetworkCreateOrGet makes a network',
    mutation: (railway) =>
      `privateNetworkCreateOrGet(input: { ${place(railway)}, name: "x", tags: [] }) { publicId }`,
    effects: ['created private-network'],
  },
  {
    does: 'privateNetworksForEnvironmentDelete deletes each of an environment',
    given: (railway) => {
      const { projectId, staging, production } = railway.rental;
      for (const { id } of [staging, staging, production]) {
        put(railway, 'private-network', { projectId, environmentId: id, name: 'x' });
      }
    },
    mutation: (railway) =>
      `privateNetworksForEnvironmentDelete(environmentId: ${staging(railway)})`,
    effects: ['destroyed private-network', 'destroyed private-network'],
  },
  {
    does: 'githubRepoDeploy runs any repository',
    mutation: (railway) => `githubRepoDeploy(input: { ${place(railway)}, repo: "evil/miner" })`,
    effects: RUNS_ANEW,
  },
  {
    does: 'githubRepoDeploy without an environment runs it in each',
    mutation: ({ rental }) =>
      `githubRepoDeploy(input: { projectId: ${s(rental.projectId)}, repo: "evil/miner" })`,
    effects: [...RUNS_ANEW, ...RUNS_ANEW.filter((each) => each !== 'created service')],
    reaches: ['production', 'staging'],
  },
  {
    does: 'githubRepoUpdate runs what the template became',
    mutation: (railway) =>
      `githubRepoUpdate(input: { ${place(railway)}, serviceId: ${s(railway.rental.services.api)} })`,
    effects: [...NEW_DEPLOYMENT, 'changed service-instance', 'executed deployment'],
  },
  {
    does: 'templateDeploy runs what somebody put together',
    mutation: (railway) =>
      `templateDeploy(input: { ${place(railway)}, services: [] }) { projectId }`,
    effects: RUNS_ANEW,
  },
  {
    does: 'templateDeployV2 runs what somebody put together',
    mutation: (railway) =>
      `templateDeployV2(input: { ${place(railway)}, templateId: "x", serializedConfig: {} }) { projectId }`,
    effects: RUNS_ANEW,
  },
  {
    does: 'serviceInstanceVulnRemediationPatchNow runs another image',
    mutation: (railway) => `serviceInstanceVulnRemediationPatchNow(${instance(railway)})`,
    effects: [...NEW_DEPLOYMENT, 'changed service-instance', 'executed deployment'],
  },
  {
    does: 'serviceDuplicate runs a copy',
    mutation: (railway) => `serviceDuplicate(${instance(railway)}) { id }`,
    effects: RUNS_ANEW,
    reaches: ['staging'],
  },
  {
    does: 'deploymentApprove runs what waited',
    mutation: (railway) => `deploymentApprove(id: ${deployment(railway)})`,
    effects: [...NEW_DEPLOYMENT, 'executed deployment'],
  },
  {
    does: 'deploymentTriggerUpdate lets another repository deploy',
    given: trigger,
    mutation: (railway) =>
      `deploymentTriggerUpdate(id: ${the(railway, 'deployment-trigger')}, input: { repository: "evil/miner" }) { id }`,
    effects: ['changed deployment-trigger'],
  },
  {
    does: 'environmentTriggersDeploy deploys what is configured',
    mutation: (railway) =>
      `environmentTriggersDeploy(input: { ${place(railway)}, serviceId: ${s(railway.rental.services.api)} })`,
    effects: NEW_DEPLOYMENT,
  },
  {
    does: 'environmentUnskipService deploys what is configured',
    mutation: (railway) => `environmentUnskipService(${instance(railway)})`,
    effects: NEW_DEPLOYMENT,
  },
  {
    does: 'serviceInstanceLimitsUpdate leaves a service little',
    mutation: (railway) =>
      `serviceInstanceLimitsUpdate(input: { ${instance(railway)}, memoryGB: 0.01 })`,
    effects: ['changed service-instance'],
  },
  {
    does: 'sharedVariableConfigure gives a variable to one service and takes it from another',
    given: shared('REGION'),
    mutation: (railway) => share(railway, 'REGION'),
    effects: ['created variable', 'destroyed variable', ...NEW_DEPLOYMENT],
  },
  {
    does: 'sharedVariableConfigure with a variable that chooses what runs',
    given: shared('NODE_OPTIONS'),
    mutation: (railway) => share(railway, 'NODE_OPTIONS'),
    effects: ['created variable', 'destroyed variable', ...NEW_DEPLOYMENT, 'executed deployment'],
  },
];
