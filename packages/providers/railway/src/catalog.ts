/**
 * What can be done at Railway, what it is at worst, and on which kinds of resources. No credential is ever minted
 * for any of it: Railway narrows none to an operation, so every request goes through the gateway.
 */
import type { Catalog, CatalogOperation, Effect } from '@countersign/core';
import { kindOf, type ResourceKind } from './resource.ts';
import { ACCESS_MUTATIONS, ACCESS_QUERIES } from './rows/access.ts';
import { ACCOUNT_MUTATIONS, ACCOUNT_QUERIES } from './rows/account.ts';
import { COMPUTE_MUTATIONS, COMPUTE_QUERIES } from './rows/compute.ts';
import { ELSEWHERE_MUTATIONS, ELSEWHERE_QUERIES } from './rows/elsewhere.ts';
import { ENVIRONMENT_MUTATIONS, ENVIRONMENT_QUERIES } from './rows/environments.ts';
import { NETWORK_MUTATIONS, NETWORK_QUERIES } from './rows/network.ts';
import { OBSERVING_MUTATIONS, OBSERVING_QUERIES } from './rows/observing.ts';
import { PROJECT_MUTATIONS, PROJECT_QUERIES } from './rows/projects.ts';
import type { Row, Rows } from './rows/row.ts';
import { SERVICE_MUTATIONS, SERVICE_QUERIES } from './rows/services.ts';
import { SETTINGS_MUTATIONS, SETTINGS_QUERIES } from './rows/settings.ts';
import { STORAGE_MUTATIONS, STORAGE_QUERIES } from './rows/storage.ts';

const PREFIX = 'railway:';

export const QUERIES: Rows = {
  ...ACCESS_QUERIES,
  ...ACCOUNT_QUERIES,
  ...COMPUTE_QUERIES,
  ...ELSEWHERE_QUERIES,
  ...ENVIRONMENT_QUERIES,
  ...NETWORK_QUERIES,
  ...OBSERVING_QUERIES,
  ...PROJECT_QUERIES,
  ...SERVICE_QUERIES,
  ...SETTINGS_QUERIES,
  ...STORAGE_QUERIES,
};

export const MUTATIONS: Rows = {
  ...ACCESS_MUTATIONS,
  ...ACCOUNT_MUTATIONS,
  ...COMPUTE_MUTATIONS,
  ...ELSEWHERE_MUTATIONS,
  ...ENVIRONMENT_MUTATIONS,
  ...NETWORK_MUTATIONS,
  ...OBSERVING_MUTATIONS,
  ...PROJECT_MUTATIONS,
  ...SERVICE_MUTATIONS,
  ...SETTINGS_MUTATIONS,
  ...STORAGE_MUTATIONS,
};

interface Part {
  readonly effect: Effect;
  readonly summary: string;
  readonly kinds: readonly ResourceKind[];
}

/** What no root field is called, but an argument or a member of a patch does. */
const PARTS: Readonly<Record<string, Part>> = {
  introspection: {
    effect: 'read',
    summary: 'Shows the schema of Railway’s API, which everybody may see.',
    kinds: ['account'],
  },
  serviceCode: {
    effect: 'execute',
    summary: 'Chooses what services run: a command, how it is built, a variable that says so.',
    kinds: ['service', 'environment', 'project', 'deployment'],
  },
  serviceUnprotect: {
    effect: 'delete',
    summary: 'Ends that visitors of a service are challenged before they reach it.',
    kinds: ['service'],
  },
  environmentVariables: {
    effect: 'reveal',
    summary: 'Shows the values of every variable in an environment, or in a change to it.',
    kinds: ['environment', 'patch'],
  },
  environmentFork: {
    effect: 'execute',
    summary: 'Runs everything of an environment, with its secrets, in a copy of it.',
    kinds: ['environment'],
  },
  placementChange: {
    effect: 'delete',
    summary: 'Moves a service or a volume elsewhere, where its data may not follow.',
    kinds: ['service', 'volume'],
  },
  volumeDetach: {
    effect: 'delete',
    summary: 'Takes a volume from the service that uses it, or gives it to another.',
    kinds: ['volume'],
  },
  volumeResize: {
    effect: 'delete',
    summary: 'Changes the size of a volume; what no longer fits is lost.',
    kinds: ['volume'],
  },
  volumeWipe: {
    effect: 'delete',
    summary: 'Empties the volumes of a service, backups included.',
    kinds: ['service'],
  },
  bucketDelete: {
    effect: 'delete',
    summary: 'Deletes a bucket with all that is in it.',
    kinds: ['bucket'],
  },
  bucketOpen: {
    effect: 'escalate',
    summary: 'Puts a bucket into an environment, with new keys that open it.',
    kinds: ['bucket'],
  },
};

/** What names no id of its own: members of a patch, by their service, volume or environment; selections. */
const BY_PATCH: Readonly<Record<string, readonly ResourceKind[]>> = {
  customDomainCreate: ['service'],
  customDomainDelete: ['service'],
  serviceDomainCreate: ['service'],
  serviceDomainDelete: ['service'],
  tcpProxyCreate: ['service'],
  tcpProxyDelete: ['service'],
  serviceCreate: ['environment'],
  serviceUpdate: ['service'],
  serviceConnect: ['service'],
  serviceDisconnect: ['service'],
  serviceDelete: ['service'],
  serviceInstanceUpdate: ['service'],
  deploymentStop: ['service'],
  volumeCreate: ['environment'],
  volumeUpdate: ['volume'],
  volumeDelete: ['volume'],
  volumeInstanceUpdate: ['volume'],
  volumeInstanceBackupScheduleUpdate: ['volume'],
  variableDelete: ['service', 'environment'],
  // A selection that goes on to it names no id.
  workspace: ['account'],
};

const ROWS: Rows = { ...QUERIES, ...MUTATIONS };

const KINDS: ReadonlyMap<string, ReadonlySet<ResourceKind>> = (() => {
  const kinds = new Map<string, Set<ResourceKind>>();
  const add = (field: string, more: readonly ResourceKind[]): void => {
    kinds.set(field, new Set([...(kinds.get(field) ?? []), ...more]));
  };
  for (const [field, row] of Object.entries(ROWS)) {
    add(
      field,
      row.on.map(([kind]) => kind),
    );
    for (const { operation, on } of row.adds ?? [])
      add(
        operation,
        on.map(([kind]) => kind),
      );
  }
  for (const [field, more] of Object.entries(BY_PATCH)) add(field, more);
  for (const [name, part] of Object.entries(PARTS)) add(name, part.kinds);
  return kinds;
})();

function describe(
  name: string,
  { effect, summary }: Pick<Row, 'effect' | 'summary'>,
): CatalogOperation {
  return { name: `${PREFIX}${name}`, summary, effects: [{ effect }], exchangeable: false };
}

export const catalog: Catalog = {
  provider: 'railway',
  operations: Object.entries({ ...ROWS, ...PARTS })
    .map(([name, row]) => describe(name, row))
    .sort((a, b) => (a.name < b.name ? -1 : 1)),
};

/** `volumeDelete` → `railway:volumeDelete`. */
export function operationOf(name: string): string {
  return `${PREFIX}${name}`;
}

/** Whether the operation is done to resources of that kind. */
function isDoneTo(operation: string, kind: ResourceKind): boolean {
  if (!operation.startsWith(PREFIX)) return false;
  return KINDS.get(operation.slice(PREFIX.length))?.has(kind) ?? false;
}

/** `Provider.canonicalResource`: there is one spelling, which is canonical. */
export function canonicalResource(operation: string, resource: string): string | null {
  const kind = kindOf(resource);
  return kind !== null && isDoneTo(operation, kind) ? resource : null;
}

/** `Provider.covers`: an id stands for itself alone. */
export function covers(operation: string, granted: string, requested: string): boolean {
  return granted === requested && canonicalResource(operation, granted) !== null;
}
