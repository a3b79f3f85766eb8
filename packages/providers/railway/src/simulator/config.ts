/** An environment as one JSON document, the way `Environment.config` shows it and patches write it. */
import { createHash } from 'node:crypto';
import type { ServiceInstance, Settings, Variable } from './world/records.ts';
import type { World } from './world/world.ts';

/** Which part of the document holds a setting, and under which name. */
export const SETTING_PLACES = {
  source: ['image', 'repo', 'branch', 'rootDirectory', 'commitSha'],
  build: ['buildCommand', 'builder', 'dockerfilePath', 'nixpacksPlan', 'watchPatterns'],
  deploy: [
    'startCommand',
    'preDeployCommand',
    'cronSchedule',
    'numReplicas',
    'region',
    'healthcheckPath',
    'healthcheckTimeout',
    'restartPolicyType',
    'restartPolicyMaxRetries',
    'sleepApplication',
    'multiRegionConfig',
    'overlapSeconds',
    'drainingSeconds',
    'ipv6EgressEnabled',
  ],
} as const;

/** What stands for a variable's value where it is not decrypted. */
export function encrypted({ id, value }: Pick<Variable, 'id' | 'value'>): string {
  return `*${createHash('sha256').update(`${id}/${value}`).digest('base64url').slice(0, 20)}`;
}

type Named<Value> = Record<string, Value>;

function variablesOf(variables: readonly Variable[], decrypt: boolean): Named<{ value: string }> {
  return Object.fromEntries(
    variables.map((each) => [each.name, { value: decrypt ? each.value : encrypted(each) }]),
  );
}

function partOf(settings: Settings, names: readonly string[]): Named<unknown> {
  return Object.fromEntries(
    names.filter((name) => settings[name] != null).map((name) => [name, settings[name]]),
  );
}

function serviceOf(world: World, instance: ServiceInstance, decrypt: boolean): Named<unknown> {
  const { serviceId, environmentId, settings } = instance;
  const isOfIt = (each: { serviceId: string | null; environmentId: string }): boolean =>
    each.serviceId === serviceId && each.environmentId === environmentId;
  const domains = (kind: 'custom-domain' | 'service-domain') =>
    Object.fromEntries(
      world.where(kind, isOfIt).map((each) => [each.domain, { port: each.targetPort }]),
    );
  const mounts = world.where('volume-instance', isOfIt).map((each) => {
    const kinds = world
      .where('backup-schedule', ({ volumeInstanceId }) => volumeInstanceId === each.id)
      .map(({ scheduleKind }) => scheduleKind);
    return [each.volumeId, { mountPath: each.mountPath, backupSchedules: kinds }];
  });
  const proxies = world
    .where('tcp-proxy', isOfIt)
    .map((each) => [String(each.applicationPort), { proxyPort: each.proxyPort }]);
  return {
    source: partOf(settings, SETTING_PLACES.source),
    build: partOf(settings, SETTING_PLACES.build),
    deploy: partOf(settings, SETTING_PLACES.deploy),
    ...(settings.railwayConfigFile == null ? {} : { configFile: settings.railwayConfigFile }),
    variables: variablesOf(world.where('variable', isOfIt), decrypt),
    networking: {
      customDomains: domains('custom-domain'),
      serviceDomains: domains('service-domain'),
      tcpProxies: Object.fromEntries(proxies),
    },
    volumeMounts: Object.fromEntries(mounts),
  };
}

/** The document of one environment. Values of variables stand in it only if it is decrypted. */
export function configOf(world: World, environmentId: string, decrypt: boolean): Named<unknown> {
  const isIn = (each: { environmentId: string }): boolean => each.environmentId === environmentId;
  const services = world
    .where('service-instance', isIn)
    .map((each) => [each.serviceId, serviceOf(world, each, decrypt)]);
  const shared = world.where('variable', (each) => isIn(each) && each.serviceId === null);
  const volumes = world
    .where('volume-instance', isIn)
    .map((each) => [each.volumeId, { sizeMB: each.sizeMB, region: each.region }]);
  const buckets = world
    .where('bucket-instance', isIn)
    .map((each) => [each.bucketId, { region: each.region }]);
  return {
    services: Object.fromEntries(services),
    sharedVariables: variablesOf(shared, decrypt),
    volumes: Object.fromEntries(volumes),
    buckets: Object.fromEntries(buckets),
  };
}

/** Another value after any change of the document. */
export function configEtag(world: World, environmentId: string): string {
  const document = JSON.stringify(configOf(world, environmentId, true));
  return createHash('sha256').update(document).digest('base64url').slice(0, 22);
}

/** The values that a patch sets, hidden as `Environment.config` hides them. */
export function hideVariables(patch: unknown): unknown {
  if (Array.isArray(patch)) return patch.map(hideVariables);
  if (typeof patch !== 'object' || patch === null) return patch;
  return Object.fromEntries(
    Object.entries(patch).map(([key, value]) => {
      const isVariables = key === 'variables' || key === 'sharedVariables';
      return [key, isVariables ? hideEach(value) : hideVariables(value)];
    }),
  );
}

function hideEach(variables: unknown): unknown {
  if (typeof variables !== 'object' || variables === null) return variables;
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      value === null ? null : { value: encrypted({ id: name, value: JSON.stringify(value) }) },
    ]),
  );
}
