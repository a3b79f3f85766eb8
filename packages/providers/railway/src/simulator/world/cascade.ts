/**
 * What goes with what. Each function removes an object and everything that cannot be without it, so that no
 * operation can leave an orphan.
 */
import type { Kind, Kinds, World } from './world.ts';

function dropWhere<K extends Kind>(
  world: World,
  kind: K,
  test: (record: Kinds[K]) => boolean,
): void {
  for (const { id } of world.where(kind, test)) world.drop(kind, id);
}

/** One disk in one environment. Its backups lie on it, so they go with it. */
export function destroyVolumeInstance(world: World, id: string): void {
  dropWhere(world, 'backup', (each) => each.volumeInstanceId === id);
  dropWhere(world, 'backup-schedule', (each) => each.volumeInstanceId === id);
  world.drop('volume-instance', id);
}

/** A volume, in every environment. */
export function destroyVolume(world: World, id: string): void {
  for (const each of world.where('volume-instance', ({ volumeId }) => volumeId === id)) {
    destroyVolumeInstance(world, each.id);
  }
  world.drop('volume', id);
}

/** What of a service stands in one environment, and what is bound to it there. Its volumes stay, detached. */
function destroyServiceInstance(world: World, instance: Kinds['service-instance']): void {
  const { serviceId, environmentId } = instance;
  const isOfIt = (each: { serviceId?: string | null; environmentId?: string | null }): boolean =>
    each.serviceId === serviceId && each.environmentId === environmentId;
  for (const kind of [
    'deployment',
    'deployment-trigger',
    'variable',
    'custom-domain',
    'service-domain',
    'tcp-proxy',
    'egress-gateway',
    'archive',
    'edge-cache',
    'shell-session',
  ] as const) {
    dropWhere(world, kind, isOfIt);
  }
  for (const each of world.where('volume-instance', isOfIt)) {
    world.put('volume-instance', { ...each, serviceId: null });
  }
  world.drop('service-instance', instance.id);
}

/** A service in the environments given; the service itself once it stands in none. */
export function destroyService(world: World, id: string, environmentIds: readonly string[]): void {
  for (const instance of world.where('service-instance', (each) => each.serviceId === id)) {
    if (environmentIds.includes(instance.environmentId)) destroyServiceInstance(world, instance);
  }
  const left = world.find('service-instance', (each) => each.serviceId === id);
  if (left === undefined) world.drop('service', id);
}

export function destroyBucketInstance(world: World, instance: Kinds['bucket-instance']): void {
  world.drop('bucket-instance', instance.id);
  const left = world.find('bucket-instance', (each) => each.bucketId === instance.bucketId);
  if (left === undefined) world.drop('bucket', instance.bucketId);
}

/** An environment: every instance of anything in it, and what stood in no other environment. */
export function destroyEnvironment(world: World, id: string): void {
  const isIn = (each: { environmentId: string }): boolean => each.environmentId === id;
  for (const instance of world.where('service-instance', isIn)) {
    destroyService(world, instance.serviceId, [id]);
  }
  for (const instance of world.where('volume-instance', isIn)) {
    destroyVolumeInstance(world, instance.id);
    const left = world.find('volume-instance', (each) => each.volumeId === instance.volumeId);
    if (left === undefined) world.drop('volume', instance.volumeId);
  }
  for (const instance of world.where('bucket-instance', isIn))
    destroyBucketInstance(world, instance);
  for (const instance of world.where('plugin-instance', isIn)) {
    world.drop('plugin-instance', instance.id);
    const left = world.find('plugin-instance', (each) => each.pluginId === instance.pluginId);
    if (left === undefined) world.drop('plugin', instance.pluginId);
  }
  for (const kind of [
    'variable',
    'patch',
    'change-set-apply',
    'sandbox',
    'cloud-agent',
    'dashboard',
  ] as const) {
    dropWhere(world, kind, isIn);
  }
  dropWhere(world, 'shell-session', isIn);
  dropWhere(world, 'token', (each) => each.environmentId === id);
  for (const fork of world.where('environment', (each) => each.sourceEnvironmentId === id)) {
    world.put('environment', { ...fork, sourceEnvironmentId: null });
  }
  for (const project of world.where('project', (each) => each.baseEnvironmentId === id)) {
    world.put('project', { ...project, baseEnvironmentId: null });
  }
  world.drop('environment', id);
}

export function destroyProject(world: World, id: string): void {
  for (const environment of world.where('environment', (each) => each.projectId === id)) {
    destroyEnvironment(world, environment.id);
  }
  for (const volume of world.where('volume', (each) => each.projectId === id)) {
    destroyVolume(world, volume.id);
  }
  const isOfIt = (each: { projectId?: string | null }): boolean => each.projectId === id;
  for (const kind of ['service', 'bucket', 'plugin', 'token', 'invite-code', 'transfer'] as const) {
    dropWhere(world, kind, isOfIt);
  }
  world.drop('project', id);
}

export function destroyWorkspace(world: World, id: string): void {
  for (const project of world.where('project', (each) => each.workspaceId === id)) {
    destroyProject(world, project.id);
  }
  const isOfIt = (each: { workspaceId?: string | null }): boolean => each.workspaceId === id;
  for (const kind of ['token', 'ssh-key', 'invite-code'] as const) dropWhere(world, kind, isOfIt);
  world.drop('workspace', id);
}

/** A user, and the workspaces that nobody else is a member of. */
export function destroyUser(world: World, id: string): void {
  for (const workspace of world.where('workspace')) {
    const members = workspace.members.filter((member) => member.userId !== id);
    if (members.length === workspace.members.length) continue;
    if (members.length === 0) destroyWorkspace(world, workspace.id);
    else world.put('workspace', { ...workspace, members });
  }
  const isTheirs = (each: { userId?: string | null }): boolean => each.userId === id;
  for (const kind of ['token', 'ssh-key', 'ssh-signup', 'integration-auth'] as const) {
    dropWhere(world, kind, isTheirs);
  }
  world.drop('user', id);
}
