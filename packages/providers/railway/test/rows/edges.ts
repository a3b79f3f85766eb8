/** What operations on names, addresses, sandboxes, agents and older features do. */
import type { Railway } from '../support/railway.ts';
import { deployment, instance, NEW_DEPLOYMENT, put, type Row, s, the } from '../support/rows.ts';

const staging = ({ rental }: Railway): string => s(rental.staging.id);
const project = ({ rental }: Railway): string => s(rental.projectId);
const at = ({ rental }: Railway) => ({
  serviceId: rental.services.api,
  environmentId: rental.staging.id,
});
const gateways = (railway: Railway): void => {
  for (const { id } of [railway.rental.staging, railway.rental.production]) {
    const place = { serviceId: railway.rental.services.api, environmentId: id };
    put(railway, 'egress-gateway', { ...place, ipv4: '203.0.113.1', region: 'us-west2' });
  }
};
const domain = (railway: Railway) => ({
  ...at(railway),
  projectId: railway.rental.projectId,
  domain: 'staging.rental.example',
  targetPort: null,
});
const plugin = (railway: Railway): void => {
  put(railway, 'plugin', { projectId: railway.rental.projectId, name: 'redis' });
  const pluginId = railway.simulator.world.where('plugin').at(-1)?.id ?? '';
  const environmentId = railway.rental.staging.id;
  put(railway, 'plugin-instance', { pluginId, environmentId, contents: 'sessions' });
};
const sandbox = (railway: Railway): void =>
  put(railway, 'sandbox', {
    environmentId: railway.rental.staging.id,
    region: 'us-west2',
    networkIsolation: 'PRIVATE',
    idleTimeoutMinutes: null,
  });

export const EDGES: readonly Row[] = [
  {
    does: 'customDomainCreate makes a domain',
    mutation: (railway) =>
      `customDomainCreate(input: { ${instance(railway)}, projectId: ${project(railway)}, domain: "x.example" }) { id }`,
    effects: ['created custom-domain'],
  },
  {
    does: 'customDomainUpdate changes its port',
    given: (railway) => put(railway, 'custom-domain', domain(railway)),
    mutation: (railway) =>
      `customDomainUpdate(id: ${the(railway, 'custom-domain')}, environmentId: ${staging(railway)}, targetPort: 1)`,
    effects: ['changed custom-domain'],
  },
  {
    does: 'customDomainDelete removes it',
    given: (railway) => put(railway, 'custom-domain', domain(railway)),
    mutation: (railway) => `customDomainDelete(id: ${the(railway, 'custom-domain')})`,
    effects: ['destroyed custom-domain'],
  },
  {
    does: 'serviceDomainUpdate changes it',
    given: (railway) => put(railway, 'service-domain', domain(railway)),
    mutation: (railway) =>
      `serviceDomainUpdate(input: { ${instance(railway)}, serviceDomainId: ${the(railway, 'service-domain')}, domain: "y.up.railway.app" })`,
    effects: ['changed service-domain'],
  },
  {
    does: 'serviceDomainDelete removes it',
    given: (railway) => put(railway, 'service-domain', domain(railway)),
    mutation: (railway) => `serviceDomainDelete(id: ${the(railway, 'service-domain')})`,
    effects: ['destroyed service-domain'],
  },
  {
    does: 'tcpProxyCreate opens a port to the world',
    mutation: (railway) =>
      `tcpProxyCreate(input: { ${instance(railway)}, applicationPort: 5432 }) { proxyPort }`,
    effects: ['created tcp-proxy'],
  },
  {
    does: 'tcpProxyDelete closes it',
    given: (railway) =>
      put(railway, 'tcp-proxy', {
        ...at(railway),
        applicationPort: 1,
        proxyPort: 1,
        domain: 'proxy.example',
      }),
    mutation: (railway) => `tcpProxyDelete(id: ${the(railway, 'tcp-proxy')})`,
    effects: ['destroyed tcp-proxy'],
  },
  {
    does: 'egressGatewayAssociationCreate gives an address',
    mutation: (railway) =>
      `egressGatewayAssociationCreate(input: { ${instance(railway)} }) { ipv4 }`,
    effects: ['created egress-gateway'],
  },
  {
    does: 'egressGatewayAssociationsClear takes the addresses here',
    given: gateways,
    mutation: (railway) => `egressGatewayAssociationsClear(input: { ${instance(railway)} })`,
    effects: ['destroyed egress-gateway'],
  },
  {
    does: 'egressGatewayAssociationsClear with allEnvironments takes them everywhere',
    given: gateways,
    mutation: (railway) =>
      `egressGatewayAssociationsClear(input: { ${instance(railway)}, allEnvironments: true })`,
    effects: ['destroyed egress-gateway', 'destroyed egress-gateway'],
    reaches: ['production', 'staging'],
  },
  ...['egressGatewayUpgradeToHA', 'egressGatewayRollbackFromHA'].map(
    (field): Row => ({
      does: `${field} with allEnvironments replaces addresses everywhere`,
      given: gateways,
      mutation: (railway) =>
        `${field}(input: { ${instance(railway)}, allEnvironments: true }) { ipv4 }`,
      effects: [
        'created egress-gateway',
        'created egress-gateway',
        'destroyed egress-gateway',
        'destroyed egress-gateway',
      ],
      reaches: ['production', 'staging'],
    }),
  ),
  {
    does: 'sandboxCreate makes a sandbox',
    mutation: (railway) => `sandboxCreate(input: { environmentId: ${staging(railway)} }) { id }`,
    effects: ['created sandbox'],
  },
  {
    does: 'sandboxCreate with instructions runs them',
    mutation: (railway) =>
      `sandboxCreate(input: { environmentId: ${staging(railway)}, template: { instructions: ["curl evil"] } }) { id }`,
    effects: ['created sandbox', 'executed execution'],
  },
  {
    does: 'sandboxExec runs anything',
    given: sandbox,
    mutation: (railway) =>
      `sandboxExec(environmentId: ${staging(railway)}, id: ${the(railway, 'sandbox')}, command: "env") { exitCode }`,
    effects: ['executed execution'],
  },
  {
    does: 'sandboxExec runs in the sandbox that is named, whatever environment is named beside it',
    given: sandbox,
    mutation: (railway) =>
      `sandboxExec(environmentId: ${s(railway.rental.production.id)}, id: ${the(railway, 'sandbox')}, command: "env") { exitCode }`,
    effects: ['executed execution'],
  },
  {
    does: 'sandboxDestroy destroys it',
    given: sandbox,
    mutation: (railway) =>
      `sandboxDestroy(environmentId: ${staging(railway)}, id: ${the(railway, 'sandbox')}) { id }`,
    effects: ['destroyed sandbox'],
  },
  {
    does: 'cloudAgentCreate lets an agent loose',
    mutation: (railway) => `cloudAgentCreate(input: { environmentId: ${staging(railway)} }) { id }`,
    effects: ['created cloud-agent', 'executed execution'],
  },
  {
    does: 'cloudAgentDelete deletes it',
    given: (railway) =>
      put(railway, 'cloud-agent', {
        projectId: railway.rental.projectId,
        environmentId: railway.rental.staging.id,
        name: 'x',
      }),
    mutation: (railway) => `cloudAgentDelete(id: ${the(railway, 'cloud-agent')})`,
    effects: ['destroyed cloud-agent'],
  },
  {
    does: 'pluginReset empties it',
    given: plugin,
    mutation: (railway) =>
      `pluginReset(id: ${the(railway, 'plugin')}, input: { environmentId: ${staging(railway)} })`,
    effects: ['destroyed plugin-instance'],
  },
  {
    does: 'pluginDelete deletes it',
    given: plugin,
    mutation: (railway) => `pluginDelete(id: ${the(railway, 'plugin')})`,
    effects: ['destroyed plugin', 'destroyed plugin-instance'],
  },
  {
    does: 'signalReplace clears every rule',
    given: (railway) =>
      put(railway, 'signal', {
        name: 'x',
        owner: railway.rental.userId,
        type: 'bool',
        default: true,
        rules: [{ if: 1 }],
        version: 1,
      }),
    mutation: ({ rental }) =>
      `signalReplace(input: { name: "x", owner: ${s(rental.userId)}, type: bool, default: false }) { rules }`,
    effects: ['destroyed signal'],
    reaches: [],
  },
  {
    does: 'serviceCreate in an environment that is no fork makes an instance in each',
    mutation: (railway) =>
      `serviceCreate(input: { projectId: ${project(railway)}, environmentId: ${staging(railway)}, name: "x", variables: { A: "b" } }) { id }`,
    effects: [
      'created service',
      'created service-instance',
      'created service-instance',
      'created variable',
      'created variable',
    ],
    reaches: ['production', 'staging'],
  },
  {
    does: 'serviceUpdate renames',
    mutation: ({ rental }) =>
      `serviceUpdate(id: ${s(rental.services.web)}, input: { name: "x" }) { name }`,
    effects: ['changed service'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'serviceDisconnect takes the source from every instance',
    mutation: ({ rental }) => `serviceDisconnect(id: ${s(rental.services.web)}) { id }`,
    effects: ['changed service-instance', 'changed service-instance'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'deploymentCancel takes down what is on its way',
    given: ({ simulator }) => {
      const { world } = simulator;
      for (const each of world.where('deployment')) {
        world.put('deployment', { ...each, status: 'DEPLOYING' });
      }
    },
    mutation: (railway) => `deploymentCancel(id: ${deployment(railway)})`,
    effects: ['destroyed deployment'],
  },
  {
    does: 'deploymentRedeploy runs the same again',
    mutation: (railway) => `deploymentRedeploy(id: ${deployment(railway)}) { id }`,
    effects: NEW_DEPLOYMENT,
  },
  {
    does: 'deploymentTriggerCreate lets a repository deploy',
    mutation: (railway) =>
      `deploymentTriggerCreate(input: { ${instance(railway)}, projectId: ${project(railway)}, branch: "main", provider: "github", repository: "x/y" }) { id }`,
    effects: ['created deployment-trigger'],
  },
  {
    does: 'deploymentTriggerDelete ends that',
    given: (railway) =>
      put(railway, 'deployment-trigger', {
        ...at(railway),
        projectId: railway.rental.projectId,
        branch: 'main',
        repository: 'x/y',
        provider: 'github',
        checkSuites: false,
      }),
    mutation: (railway) => `deploymentTriggerDelete(id: ${the(railway, 'deployment-trigger')})`,
    effects: ['destroyed deployment-trigger'],
  },
];
