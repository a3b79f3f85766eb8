/** Users, workspaces, projects and environments. */
import { configEtag, configOf, hideVariables } from '../config.ts';
import type { Context } from '../context.ts';
import { connection } from '../paging.ts';
import type * as records from '../world/records.ts';
import { type Fields, look, pages, pagesWithin, theOne } from './resolve.ts';

const isIn = (each: { environmentId: string }, { id }: records.Environment): boolean =>
  each.environmentId === id;

function primaryEnvironmentId({ id }: records.Project, { world }: Context): string | null {
  const lasting = world.where('environment', (each) => each.projectId === id && !each.isEphemeral);
  return lasting.at(0)?.id ?? null;
}

export const User: Fields<records.User> = {
  username: ({ name }) => name,
  isAdmin: () => false,
  isVerified: () => true,
  has2FA: () => false,
  hasPasskeys: () => false,
  agreedFairUse: () => true,
  lastLogin: ({ updatedAt }) => updatedAt,
  registrationStatus: () => 'ONBOARDED',
  apiTokenRateLimit: (_user, _args, context) => rateLimit(context),
  workspaces: ({ id }, _args, { world }) =>
    world.where('workspace', ({ members }) => members.some(({ userId }) => userId === id)),
};

const rateLimit = ({ requestsLeft }: Context) => {
  const { remaining, resetsAt } = requestsLeft();
  return { remainingPoints: remaining, resetsAt };
};

export const Workspace: Fields<records.Workspace> = {
  has2FAEnforcement: () => false,
  preferredRegion: () => null,
  apiTokenRateLimit: (_workspace, _args, context) => rateLimit(context),
  members: ({ members }, _args, { world }) =>
    members.map(({ userId, role }) => ({ ...world.get('user', userId), id: userId, role })),
  projectCount: ({ id }, _args, { world }) =>
    world.where('project', ({ workspaceId }) => workspaceId === id).length,
  projects: pages('project', ({ workspaceId }, { id }: records.Workspace) => workspaceId === id),
};

export const Project: Fields<records.Project> = {
  expiredAt: () => null,
  isTempProject: () => false,
  subscriptionType: ({ workspaceId }, _args, { world }) =>
    (world.get('workspace', workspaceId)?.plan ?? 'PRO').toLowerCase(),
  teamId: ({ workspaceId }) => workspaceId,
  workspace: theOne('workspace', 'workspaceId'),
  baseEnvironment: theOne('environment', 'baseEnvironmentId'),
  primaryEnvironmentId: (project, _args, context) => primaryEnvironmentId(project, context),
  // Every environment is listed; `canAccess` says which of them shows what is inside.
  environments: (project, args, { world, defaultPageSize }) => {
    const found = world.where(
      'environment',
      (each) =>
        each.projectId === project.id &&
        (typeof args['isEphemeral'] !== 'boolean' || each.isEphemeral === args['isEphemeral']),
    );
    if (args['sort'] === 'desc') found.reverse();
    return connection(found, args, defaultPageSize);
  },
  services: pages('service', (each, { id }: records.Project) => each.projectId === id),
  volumes: pages('volume', (each, { id }: records.Project) => each.projectId === id),
  buckets: pages('bucket', (each, { id }: records.Project) => each.projectId === id),
  deployments: pages('deployment', (each, { id }: records.Project) => each.projectId === id),
  deploymentTriggers: pages(
    'deployment-trigger',
    (each, { id }: records.Project) => each.projectId === id,
  ),
};

export const Environment: Fields<records.Environment> = {
  canAccess: (environment, _args, { caller }) => caller.reaches('environment', environment, 'read'),
  meta: () => null,
  unmergedChangesCount: () => 0,
  sourceEnvironment: theOne('environment', 'sourceEnvironmentId'),
  config: (environment, args, context) => {
    look(environment, context);
    return configOf(context.world, environment.id, args['decryptVariables'] === true);
  },
  configEtag: (environment, _args, context) => {
    look(environment, context);
    return configEtag(context.world, environment.id);
  },
  deployments: pagesWithin('deployment', isIn),
  deploymentTriggers: pagesWithin('deployment-trigger', isIn),
  serviceInstances: pagesWithin('service-instance', isIn),
  variables: pagesWithin('variable', isIn),
  volumeInstances: pagesWithin('volume-instance', isIn),
};

export const EnvironmentPatch: Fields<records.Patch> = {
  environment: theOne('environment', 'environmentId'),
  lastAppliedError: () => null,
  patch: ({ patch }, args) => (args['decryptVariables'] === true ? patch : hideVariables(patch)),
};
