/** The part of a patch that is about one service in the environment. */
import { isObject, type Judgement, requireId, unreadable } from './judgement.ts';
import { entriesOf, flag, isDeletion, judgeMembers, type Members } from './patch-members.ts';
import { judgeVariables } from './patch-variables.ts';

interface Of {
  readonly judged: Judgement;
  readonly environmentId: string;
  readonly id: string;
}

/** Members that all do the same. */
function each(names: readonly string[], operation: string): Members<Of> {
  const call = ({ judged, id }: Of): void => judged.call(operation, `service/${id}`);
  return Object.fromEntries(names.map((name) => [name, call]));
}

/** A null takes away what is there. */
const SOURCE: Members<Of> = Object.fromEntries(
  ['image', 'repo', 'branch', 'rootDirectory', 'commitSha'].map((name) => [
    name,
    ({ judged, id }: Of, value: unknown): void => {
      judged.call('serviceConnect', `service/${id}`);
      if (value === null) judged.call('serviceDisconnect', `service/${id}`);
    },
  ]),
);

const BUILD = each(
  ['buildCommand', 'builder', 'dockerfilePath', 'nixpacksPlan', 'watchPatterns'],
  'serviceCode',
);

const DEPLOY: Members<Of> = {
  ...each(['startCommand', 'preDeployCommand', 'cronSchedule'], 'serviceCode'),
  ...each(['region', 'multiRegionConfig'], 'placementChange'),
  ...each(['registryCredentials'], 'serviceConnect'),
  ...each(
    [
      'drainingSeconds',
      'healthcheckPath',
      'healthcheckTimeout',
      'ipv6EgressEnabled',
      'overlapSeconds',
      'restartPolicyMaxRetries',
      'restartPolicyType',
      'sleepApplication',
    ],
    'serviceInstanceUpdate',
  ),
  numReplicas: ({ judged, id }, value) => {
    const runs = Number.isSafeInteger(value) && Number(value) >= 1;
    judged.call(runs ? 'serviceInstanceUpdate' : 'deploymentStop', `service/${id}`);
  },
};

/** Here the id is the volume's. */
const MOUNT: Members<Of> = {
  isDeleted: flag,
  mountPath: () => {},
  backupSchedules: ({ judged, id }) =>
    judged.call('volumeInstanceBackupScheduleUpdate', `volume/${id}`),
};

const ENDPOINT: Members<Of> = {
  isDeleted: flag,
  port: () => {},
  targetPort: () => {},
  proxyPort: () => {},
};

/** Names of the operations that add and remove what stands in that part of `networking`. */
const NETWORKING = {
  customDomains: ['customDomainCreate', 'customDomainDelete'],
  serviceDomains: ['serviceDomainCreate', 'serviceDomainDelete'],
  tcpProxies: ['tcpProxyCreate', 'tcpProxyDelete'],
} as const;

/** A part that null takes away, with what that comes to, and that else is judged member by member. */
function part(what: string, members: Members<Of>, without: readonly string[]) {
  return (of: Of, value: unknown): void => {
    if (value === null) {
      for (const operation of without) of.judged.call(operation, `service/${of.id}`);
      return;
    }
    if (!isObject(value)) throw unreadable(`${what} has to be an object.`);
    judgeMembers(what, members, of, value);
  };
}

const SERVICE: Members<Of> = {
  isDeleted: flag,
  isCreated: ({ judged, environmentId }, value) => {
    flag(null, value);
    judged.call('serviceCreate', `environment/${environmentId}`);
  },
  name: (of) => rename(of),
  icon: (of) => rename(of),
  groupId: (of) => rename(of),
  source: part('source', SOURCE, ['serviceConnect', 'serviceDisconnect']),
  build: part('build', BUILD, ['serviceCode']),
  deploy: part('deploy', DEPLOY, ['serviceCode', 'placementChange', 'deploymentStop']),
  configFile: ({ judged, id }) => judged.call('serviceCode', `service/${id}`),
  variables: ({ judged, id }, value) => judgeVariables(judged, { kind: 'service', id }, value),
  volumeMounts: (of, value) => {
    for (const [key, mount] of entriesOf(value, 'volumeMounts')) {
      judgeMount(of, requireId(key, 'volumeMounts'), mount);
    }
  },
  networking: part(
    'networking',
    Object.fromEntries(
      Object.entries(NETWORKING).map(([name, [adds, removes]]) => [
        name,
        (of: Of, value: unknown) => judgeEndpoints(of, name, value, adds, removes),
      ]),
    ),
    Object.values(NETWORKING).map(([, removes]) => removes),
  ),
};

/** A name is the same in every environment. */
function rename({ judged, id }: Of): void {
  judged.call('serviceUpdate', `service/${id}`);
}

/** Whoever mounts a volume takes it from whoever had it. */
function judgeMount({ judged, environmentId }: Of, id: string, mount: unknown): void {
  judged.call('volumeDetach', `volume/${id}`);
  judged.anchor('volume-in', id, environmentId);
  if (mount === null) return;
  if (!isObject(mount)) throw unreadable('An entry of volumeMounts has to be an object.');
  judged.call('volumeInstanceUpdate', `volume/${id}`);
  judgeMembers('volumeMounts', MOUNT, { judged, environmentId, id }, mount);
}

function judgeEndpoints(of: Of, name: string, value: unknown, adds: string, removes: string): void {
  if (value === null) {
    of.judged.call(removes, `service/${of.id}`);
    return;
  }
  for (const [, entry] of entriesOf(value, name)) {
    of.judged.call(isDeletion(entry) ? removes : adds, `service/${of.id}`);
    if (entry === null) continue;
    if (!isObject(entry)) throw unreadable(`An entry of ${name} has to be an object.`);
    judgeMembers(name, ENDPOINT, of, entry);
  }
}

/** Adds what the entry of one service does. */
export function judgeServicePatch(
  judged: Judgement,
  environmentId: string,
  id: string,
  entry: unknown,
): void {
  if (isDeletion(entry)) {
    judged.call('serviceDelete', `service/${id}`);
    // Law 2: an environment that is no fork may mean all of them, as it does for serviceDelete.
    judged.anchor('service-in', id, environmentId);
  }
  if (entry === null) return;
  if (!isObject(entry)) throw unreadable('An entry of services has to be an object.');
  judged.call('serviceInstanceUpdate', `service/${id}`);
  const isNew = entry['isCreated'] === true;
  judged.anchor(isNew ? 'new-service' : 'service-member', id, environmentId);
  if (!isNew && ['name', 'icon', 'groupId'].some((name) => Object.hasOwn(entry, name))) {
    judged.anchor('service', id);
  }
  judgeMembers('services', SERVICE, { judged, environmentId, id }, entry);
}
