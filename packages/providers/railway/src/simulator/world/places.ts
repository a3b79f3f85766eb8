/** Where an object belongs: the environments whose state it is, its project, its workspace. */
import type { Kind, Kinds, State } from './world.ts';

/** Any record, seen by the members that say where it belongs. */
interface Belonging {
  readonly id: string;
  readonly environmentId?: string | null;
  readonly projectId?: string | null;
  readonly workspaceId?: string | null;
  readonly userId?: string | null;
  readonly volumeInstanceId?: string;
}

function environmentsWhere<K extends 'volume-instance' | 'service-instance' | 'bucket-instance'>(
  state: State,
  kind: K,
  test: (record: Kinds[K]) => boolean,
): string[] {
  const table: ReadonlyMap<string, Kinds[K]> = state[kind];
  return [...table.values()].filter(test).map((record) => record.environmentId);
}

function projectEnvironments(state: State, projectId: string): string[] {
  return [...state.environment.values()]
    .filter((environment) => environment.projectId === projectId)
    .map((environment) => environment.id);
}

/** The environments whose data an object shows or whose state it is, sorted. None for what is the account's. */
export function environmentsOf(state: State, kind: Kind, record: Belonging): string[] {
  return [...new Set(listEnvironments(state, kind, record))].sort();
}

function listEnvironments(state: State, kind: Kind, record: Belonging): string[] {
  if (kind === 'environment') return [record.id];
  if (typeof record.environmentId === 'string') return [record.environmentId];
  if (record.volumeInstanceId !== undefined) {
    const instance = state['volume-instance'].get(record.volumeInstanceId);
    return instance === undefined ? [] : [instance.environmentId];
  }
  switch (kind) {
    case 'volume':
      return environmentsWhere(state, 'volume-instance', (each) => each.volumeId === record.id);
    case 'service':
      return environmentsWhere(state, 'service-instance', (each) => each.serviceId === record.id);
    case 'bucket':
      return environmentsWhere(state, 'bucket-instance', (each) => each.bucketId === record.id);
    case 'plugin':
      return [...state['plugin-instance'].values()]
        .filter((each) => each.pluginId === record.id)
        .map((each) => each.environmentId);
    case 'project':
      return projectEnvironments(state, record.id);
    case 'workspace':
      return [...state.project.values()]
        .filter((project) => project.workspaceId === record.id)
        .flatMap((project) => projectEnvironments(state, project.id));
    default:
      return [];
  }
}

/** The project that an object is part of. */
export function projectOf(state: State, kind: Kind, record: Belonging): string | undefined {
  if (kind === 'project') return record.id;
  if (typeof record.projectId === 'string') return record.projectId;
  const [environmentId] = listEnvironments(state, kind, record);
  return environmentId === undefined ? undefined : state.environment.get(environmentId)?.projectId;
}

/** The workspace that an object is part of. */
export function workspaceOf(state: State, kind: Kind, record: Belonging): string | undefined {
  if (kind === 'workspace') return record.id;
  if (typeof record.workspaceId === 'string') return record.workspaceId;
  const projectId = projectOf(state, kind, record);
  return projectId === undefined ? undefined : state.project.get(projectId)?.workspaceId;
}
