/** Services, their instances, domains, deployments and variables. */
import type { Context } from '../context.ts';
import type * as records from '../world/records.ts';
import { type Field, type Fields, pages, theOne } from './resolve.ts';

function deploymentsOf(
  instance: records.ServiceInstance,
  { world }: Context,
): records.Deployment[] {
  return world.where(
    'deployment',
    (each) =>
      each.serviceId === instance.serviceId && each.environmentId === instance.environmentId,
  );
}

const setting =
  (name: string, otherwise: unknown = null): Field<records.ServiceInstance> =>
  ({ settings }) =>
    settings[name] ?? otherwise;

export const Service: Fields<records.Service> = {
  project: theOne('project', 'projectId'),
  isRestricted: () => false,
  deployments: pages('deployment', (each, { id }: records.Service) => each.serviceId === id),
  serviceInstances: pages(
    'service-instance',
    (each, { id }: records.Service) => each.serviceId === id,
  ),
  repoTriggers: pages(
    'deployment-trigger',
    (each, { id }: records.Service) => each.serviceId === id,
  ),
};

const SETTINGS = [
  'buildCommand',
  'cronSchedule',
  'dockerfilePath',
  'drainingSeconds',
  'healthcheckPath',
  'healthcheckTimeout',
  'ipv6EgressEnabled',
  'numReplicas',
  'overlapSeconds',
  'preDeployCommand',
  'railwayConfigFile',
  'region',
  'rootDirectory',
  'sleepApplication',
  'startCommand',
];

export const ServiceInstance: Fields<records.ServiceInstance> = {
  ...Object.fromEntries(SETTINGS.map((name) => [name, setting(name)])),
  builder: setting('builder', 'RAILPACK'),
  restartPolicyType: setting('restartPolicyType', 'ON_FAILURE'),
  restartPolicyMaxRetries: setting('restartPolicyMaxRetries', 10),
  watchPatterns: setting('watchPatterns', []),
  isUpdatable: () => false,
  service: theOne('service', 'serviceId'),
  serviceName: ({ serviceId }, _args, { world }) => world.get('service', serviceId)?.name,
  source: ({ settings }) =>
    settings.image == null && settings.repo == null
      ? null
      : { image: settings.image ?? null, repo: settings.repo ?? null },
  activeDeployments: (instance, _args, context) =>
    deploymentsOf(instance, context).filter(
      ({ status, stopped }) => status === 'SUCCESS' && !stopped,
    ),
  latestDeployment: (instance, _args, context) => deploymentsOf(instance, context).at(-1) ?? null,
  domains: (instance) => instance,
};

/** `AllDomains` of whatever names a service and an environment. */
export const AllDomains: Fields<{ serviceId: string; environmentId: string }> = {
  customDomains: (of, _args, { world }) =>
    world.where(
      'custom-domain',
      (each) => each.serviceId === of.serviceId && each.environmentId === of.environmentId,
    ),
  serviceDomains: (of, _args, { world }) =>
    world.where(
      'service-domain',
      (each) => each.serviceId === of.serviceId && each.environmentId === of.environmentId,
    ),
};

export const CustomDomain: Fields<records.CustomDomain> = {
  isRailwayDomain: () => false,
  syncStatus: () => 'ACTIVE',
  status: () => ({
    verified: true,
    certificateStatus: 'CERTIFICATE_STATUS_TYPE_VALID',
    dnsRecords: [],
  }),
};

export const Deployment: Fields<records.Deployment> = {
  environment: theOne('environment', 'environmentId'),
  service: theOne('service', 'serviceId'),
  canRedeploy: ({ status }) => status !== 'REMOVED',
  canRollback: () => true,
  deploymentStopped: ({ stopped, status }) => stopped || status === 'REMOVED',
  instances: ({ id, stopped, status }) =>
    status === 'REMOVED' ? [] : [{ id, status: stopped ? 'EXITED' : 'RUNNING' }],
  meta: ({ runs }) => ({ image: runs.image ?? null, repo: runs.repo ?? null }),
  statusUpdatedAt: ({ updatedAt }) => updatedAt,
  suggestAddServiceDomain: () => false,
};

export const DeploymentTrigger: Fields<records.DeploymentTrigger> = { validCheckSuites: () => 0 };

export const Variable: Fields<records.Variable> = {
  environment: theOne('environment', 'environmentId'),
  service: theOne('service', 'serviceId'),
  isSealed: () => false,
  references: () => [],
};
