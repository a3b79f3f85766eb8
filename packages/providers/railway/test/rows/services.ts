/** What operations on services, deployments, variables and environments do. */
import {
  deployment,
  INSTANCE,
  instance,
  NEW_DEPLOYMENT,
  place,
  type Row,
  s,
} from '../support/rows.ts';

export const SERVICES: readonly Row[] = [
  {
    does: 'serviceDelete in an environment that is no fork deletes in every such environment',
    mutation: ({ rental }) =>
      `serviceDelete(id: ${s(rental.services.worker)}, environmentId: ${s(rental.staging.id)})`,
    effects: [...INSTANCE, ...INSTANCE, 'destroyed service'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'serviceInstanceUpdate in an environment that is no fork changes every such instance',
    mutation: ({ rental }) =>
      `serviceInstanceUpdate(serviceId: ${s(rental.services.worker)}, environmentId: ${s(rental.staging.id)}, input: { startCommand: "rm -rf /" })`,
    effects: ['changed service-instance', 'changed service-instance'],
    reaches: ['production', 'staging'],
  },
  {
    does: 'serviceConnect runs another source in every environment',
    mutation: ({ rental }) =>
      `serviceConnect(id: ${s(rental.services.worker)}, input: { image: "evil" }) { id }`,
    effects: [
      'changed service-instance',
      'changed service-instance',
      ...NEW_DEPLOYMENT,
      ...NEW_DEPLOYMENT,
      'executed deployment',
      'executed deployment',
    ],
    reaches: ['production', 'staging'],
  },
  {
    does: 'serviceInstanceRedeploy runs again what ran',
    mutation: (railway) => `serviceInstanceRedeploy(${instance(railway)})`,
    effects: NEW_DEPLOYMENT,
  },
  {
    does: 'serviceInstanceDeployV2 at a commit runs that commit',
    mutation: (railway) => `serviceInstanceDeployV2(${instance(railway)}, commitSha: "abc")`,
    effects: ['changed service-instance', ...NEW_DEPLOYMENT, 'executed deployment'],
  },
  {
    does: 'deploymentRemove takes down what runs',
    mutation: (railway) => `deploymentRemove(id: ${deployment(railway)})`,
    effects: ['destroyed deployment'],
  },
  {
    does: 'deploymentStop stops it',
    mutation: (railway) => `deploymentStop(id: ${deployment(railway)})`,
    effects: ['changed deployment'],
  },
  {
    does: 'deploymentRestart restarts it',
    mutation: (railway) => `deploymentRestart(id: ${deployment(railway)})`,
    effects: ['changed deployment'],
  },
  {
    does: 'deploymentRollback runs an older one again',
    mutation: (railway) => `deploymentRollback(id: ${deployment(railway)})`,
    effects: NEW_DEPLOYMENT,
  },
  {
    does: 'variableUpsert overwrites a value and deploys',
    mutation: (railway) =>
      `variableUpsert(input: { ${place(railway)}, serviceId: ${s(railway.rental.services.api)}, name: "API_KEY", value: "x" })`,
    effects: [...NEW_DEPLOYMENT, 'overwrote variable'],
  },
  {
    does: 'variableUpsert of what a runtime obeys runs that',
    mutation: (railway) =>
      `variableUpsert(input: { ${place(railway)}, serviceId: ${s(railway.rental.services.api)}, name: "NODE_OPTIONS", value: "--require=/tmp/x" })`,
    effects: [...NEW_DEPLOYMENT, 'created variable', 'executed deployment'],
  },
  {
    does: 'variableCollectionUpsert of what a loader obeys runs that',
    mutation: (railway) =>
      `variableCollectionUpsert(input: { ${place(railway)}, serviceId: ${s(railway.rental.services.api)}, variables: { LD_PRELOAD: "/tmp/x" } })`,
    effects: [...NEW_DEPLOYMENT, 'created variable', 'executed deployment'],
  },
  {
    does: 'variableCollectionUpsert adds',
    mutation: (railway) =>
      `variableCollectionUpsert(input: { ${place(railway)}, serviceId: ${s(railway.rental.services.api)}, skipDeploys: true, variables: { NEW: "x" } })`,
    effects: ['created variable'],
  },
  {
    does: 'variableCollectionUpsert with replace removes all others',
    mutation: (railway) =>
      `variableCollectionUpsert(input: { ${place(railway)}, serviceId: ${s(railway.rental.services.api)}, skipDeploys: true, replace: true, variables: { NEW: "x" } })`,
    effects: ['created variable', 'destroyed variable', 'destroyed variable'],
  },
  {
    does: 'variableDelete removes one',
    mutation: (railway) => `variableDelete(input: { ${place(railway)}, name: "SENTRY_DSN" })`,
    effects: ['destroyed variable'],
  },
  {
    does: 'observabilityDashboardReset empties it',
    mutation: ({ simulator, rental }) =>
      `observabilityDashboardReset(id: ${s(simulator.world.find('dashboard', (each) => each.environmentId === rental.staging.id)?.id ?? '')})`,
    effects: ['destroyed dashboard'],
  },
  {
    does: 'serviceDomainCreate makes a domain',
    mutation: (railway) => `serviceDomainCreate(input: { ${instance(railway)} }) { id }`,
    effects: ['created service-domain'],
  },
  {
    does: 'purgeServiceCache purges',
    mutation: (railway) => `purgeServiceCache(input: { ${instance(railway)}, scope: ALL })`,
    effects: ['created edge-cache'],
  },
];
