/** Projects and workspaces: the objects under which everything else goes away at once, or out of reach. */
import { toInstant } from '@countersign/core';
import { input, optionalText, text, texts } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { badInput, notAuthorized, notFound } from '../errors.ts';
import { connection } from '../paging.ts';
import { destroyProject, destroyUser, destroyWorkspace } from '../world/cascade.ts';
import type { Project } from '../world/records.ts';

/** Milliseconds between a scheduled deletion and the deletion. */
const GRACE = 48 * 3_600_000;

function projectsInReach({ world, caller }: Context): Project[] {
  return world.where('project', (each) => caller.reaches('project', each, 'read'));
}

export const projectQueries: Operations = {
  project: (args, { caller }) => caller.need('project', text(args, 'id'), 'read'),

  projects: (args, context) => {
    if (context.caller.token === undefined || context.caller.token.reach === 'project') {
      throw notAuthorized();
    }
    const workspaceId = optionalText(args, 'workspaceId');
    const found = projectsInReach(context).filter(
      (each) =>
        (workspaceId === undefined || each.workspaceId === workspaceId) &&
        (args['includeDeleted'] === true || each.deletedAt === null),
    );
    if (args['orderBy'] === 'NAME_ASC') found.sort((a, b) => a.name.localeCompare(b.name, 'en'));
    if (args['orderBy'] === 'CREATED_AT_DESC') found.reverse();
    return connection(found, args, context.defaultPageSize);
  },

  // What is out of reach is left out, not refused.
  projectsByIds: (args, context) => {
    if (context.caller.token === undefined) throw notAuthorized();
    const ids = texts(args, 'ids');
    return projectsInReach(context).filter(({ id }) => ids.includes(id));
  },

  workspace: (args, { caller }) => caller.need('workspace', text(args, 'workspaceId'), 'read'),
};

function moveTo(context: Context, project: Project, workspaceId: string): Project {
  const { caller, world } = context;
  if (world.get('workspace', workspaceId) === undefined) throw notFound('Workspace');
  if (!caller.workspaces('write').includes(workspaceId)) throw notAuthorized();
  return change(context, 'project', project, { workspaceId });
}

export const projectMutations: Operations = {
  projectCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const workspaceId = optionalText(given, 'workspaceId') ?? caller.workspaces('write').at(0);
    if (workspaceId === undefined) throw notAuthorized();
    caller.need('workspace', workspaceId, 'write');
    const project = world.put('project', {
      ...stamp(context),
      workspaceId,
      name: optionalText(given, 'name') ?? 'project',
      description: optionalText(given, 'description') ?? null,
      deletedAt: null,
      baseEnvironmentId: null,
      isPublic: given['isPublic'] === true,
      prDeploys: given['prDeploys'] === true,
      botPrEnvironments: false,
      focusedPrEnvironments: false,
    });
    const environment = world.put('environment', {
      ...stamp(context),
      projectId: project.id,
      name: optionalText(given, 'defaultEnvironmentName') ?? 'production',
      isEphemeral: false,
      sourceEnvironmentId: null,
      deletedAt: null,
    });
    return change(context, 'project', project, { baseEnvironmentId: environment.id });
  },

  projectUpdate: (args, context) => {
    const project = context.caller.need('project', text(args, 'id'), 'write');
    const given = input(args);
    const baseEnvironmentId = optionalText(given, 'baseEnvironmentId');
    if (baseEnvironmentId !== undefined) {
      const base = context.caller.need('environment', baseEnvironmentId, 'read');
      if (base.projectId !== project.id) throw notFound('Environment');
    }
    const flags = ['isPublic', 'prDeploys', 'botPrEnvironments', 'focusedPrEnvironments'] as const;
    const set = flags.flatMap((name) =>
      typeof given[name] === 'boolean' ? [[name, given[name]]] : [],
    );
    const name = optionalText(given, 'name');
    const description = optionalText(given, 'description');
    return change(context, 'project', project, {
      ...Object.fromEntries(set),
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(baseEnvironmentId === undefined ? {} : { baseEnvironmentId }),
    });
  },

  projectDelete: (args, { caller, world }) => {
    destroyProject(world, caller.need('project', text(args, 'id'), 'delete').id);
    return true;
  },

  projectScheduleDelete: (args, context) => {
    const project = context.caller.need('project', text(args, 'id'), 'delete');
    if (project.deletedAt !== null) throw badInput('Project is already scheduled for deletion');
    const deletedAt = toInstant(context.clock.now() + GRACE);
    change(context, 'project', project, { deletedAt });
    return true;
  },

  projectScheduleDeleteCancel: (args, context) => {
    const project = context.caller.need('project', text(args, 'id'), 'delete');
    if (project.deletedAt === null) throw badInput('Project is not scheduled for deletion');
    change(context, 'project', project, { deletedAt: null });
    return true;
  },

  projectScheduleDeleteForce: (args, { caller, world }) => {
    const project = caller.need('project', text(args, 'id'), 'delete');
    if (project.deletedAt === null) throw badInput('Project is not scheduled for deletion');
    destroyProject(world, project.id);
    return true;
  },

  projectTransfer: (args, context) => {
    const project = context.caller.need('project', text(args, 'projectId'), 'administer');
    moveTo(context, project, text(input(args), 'workspaceId'));
    return true;
  },

  projectTransferToTeam: (args, context) => {
    const project = context.caller.need('project', text(args, 'id'), 'administer');
    moveTo(context, project, text(input(args), 'teamId'));
    return true;
  },

  projectTransferInitiate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const project = caller.need('project', text(given, 'projectId'), 'administer');
    const memberId = text(given, 'memberId');
    if (world.get('user', memberId) === undefined) throw notFound('User');
    world.put('transfer', { ...stamp(context), projectId: project.id, memberId });
    return true;
  },

  // By the one to whom it was offered.
  projectTransferConfirm: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const transfer = world.get('transfer', text(given, 'ownershipTransferId'));
    if (transfer?.projectId !== text(given, 'projectId')) throw notFound('Project transfer');
    if (transfer.memberId !== caller.userId) throw notAuthorized();
    const workspaceId =
      optionalText(given, 'destinationWorkspaceId') ?? caller.workspaces('write').at(0);
    const project = world.get('project', transfer.projectId);
    if (project === undefined || workspaceId === undefined) throw notFound('Project');
    moveTo(context, project, workspaceId);
    world.drop('transfer', transfer.id);
    return true;
  },

  projectClaim: (args, context) => {
    const project = context.caller.need('project', text(args, 'id'), 'administer');
    return moveTo(context, project, text(args, 'workspaceId'));
  },

  workspaceDelete: (args, { caller, world }) => {
    destroyWorkspace(world, caller.need('workspace', text(args, 'id'), 'administer').id);
    return true;
  },

  userDelete: (_args, { caller, world }) => {
    destroyUser(world, caller.userId);
    return true;
  },
};
