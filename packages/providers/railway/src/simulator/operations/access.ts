/** Tokens, keys, codes: whatever lets somebody in. */
import { input, optionalText, text } from '../args.ts';
import { type Context, type Operations, stamp } from '../context.ts';
import { badInput, notAuthorized, notFound } from '../errors.ts';
import { connection } from '../paging.ts';

function workspacesOf({ caller, world }: Context): { id: string; name: string }[] {
  return caller.workspaces().flatMap((id) => world.get('workspace', id) ?? []);
}

export const accessQueries: Operations = {
  me: (_args, { caller, world }) => world.get('user', caller.userId),

  apiToken: (_args, context) => {
    const { token } = context.caller;
    if (token === undefined || token.reach === 'project') throw notAuthorized();
    return { workspaces: workspacesOf(context) };
  },

  apiTokens: (args, { caller, world, defaultPageSize }) => {
    const { userId } = caller;
    const found = world.where(
      'token',
      (each) => each.userId === userId && each.reach !== 'project',
    );
    return connection(found, args, defaultPageSize);
  },

  projectToken: (_args, { caller }) => {
    if (caller.token?.reach !== 'project') throw notFound('Project Token');
    return caller.token;
  },

  projectTokens: (args, { caller, world, defaultPageSize }) => {
    const { id } = caller.need('project', text(args, 'projectId'), 'write');
    const found = world.where('token', (each) => each.projectId === id);
    return connection(found, args, defaultPageSize);
  },

  sshPublicKeys: (args, { caller, world, defaultPageSize }) => {
    const workspaceId = optionalText(args, 'workspaceId');
    if (workspaceId !== undefined) caller.need('workspace', workspaceId, 'write');
    const userId = workspaceId === undefined ? caller.userId : undefined;
    const found = world.where('ssh-key', (each) =>
      workspaceId === undefined ? each.userId === userId : each.workspaceId === workspaceId,
    );
    return connection(found, args, defaultPageSize);
  },

  sshSignupInfo: (args, { world }) => {
    const signup = world.find('ssh-signup', (each) => each.code === text(args, 'code'));
    if (signup === undefined) throw notFound('SSH signup');
    return { fingerprint: `SHA256:${signup.publicKey.slice(-12)}` };
  },

  // A query that makes a credential: whoever has the code joins the project.
  projectInviteCode: (args, context) => {
    const { caller, world } = context;
    const project = caller.need('project', text(args, 'projectId'), 'administer');
    const role = text(args, 'role');
    if (role !== 'ADMIN' && role !== 'MEMBER' && role !== 'VIEWER') throw badInput('Invalid role');
    const present = world.find(
      'invite-code',
      (each) => each.projectId === project.id && each.role === role,
    );
    const code = context.sequence.secret();
    if (present !== undefined) return present;
    const of = { projectId: project.id, workspaceId: null, role } as const;
    return world.put('invite-code', { ...stamp(context), ...of, code });
  },

  inviteCode: (args, { world }) => {
    const code = text(args, 'code');
    const found = world.find(
      'invite-code',
      (each) => each.code === code && each.projectId !== null,
    );
    if (found === undefined) throw notFound('Invite code');
    return found;
  },

  workspaceByCode: (args, { world }) => {
    const code = text(args, 'code');
    const found = world.find('invite-code', (each) => each.code === code);
    const workspace =
      found?.workspaceId == null ? undefined : world.get('workspace', found.workspaceId);
    if (workspace === undefined) throw notFound('Workspace');
    return workspace;
  },

  integrationAuth: (args, { caller, world }) => {
    const { userId } = caller;
    const found = world.find(
      'integration-auth',
      (each) => each.userId === userId && each.providerId === text(args, 'providerId'),
    );
    if (found?.provider !== text(args, 'provider')) throw notFound('Integration auth');
    return found;
  },
};

export const accessMutations: Operations = {
  // Returns the secret. Without a workspace it reaches whatever its user reaches.
  apiTokenCreate: (args, context) => {
    const { caller, world, sequence } = context;
    const given = input(args);
    const own = caller.token?.reach === 'workspace' ? caller.token.workspaceId : null;
    const workspaceId = optionalText(given, 'workspaceId') ?? own;
    if (workspaceId !== null) caller.need('workspace', workspaceId, 'administer');
    const token = world.put('token', {
      ...stamp(context),
      reach: workspaceId === null ? 'account' : 'workspace',
      name: text(given, 'name'),
      secret: sequence.secret(),
      userId: own === null ? caller.userId : null,
      workspaceId,
      projectId: null,
      environmentId: null,
    });
    return token.secret;
  },

  apiTokenDelete: (args, { caller, world }) => {
    const token = world.get('token', text(args, 'id'));
    if (token === undefined || token.reach === 'project') throw notFound('Api token');
    if (
      token.userId !== null
        ? token.userId !== caller.userId
        : !caller.reaches('token', token, 'administer')
    ) {
      throw notAuthorized();
    }
    world.drop('token', token.id);
    return true;
  },

  projectTokenCreate: (args, context) => {
    const { caller, world, sequence } = context;
    const given = input(args);
    const project = caller.need('project', text(given, 'projectId'), 'write');
    const environment = caller.need('environment', text(given, 'environmentId'), 'write');
    if (environment.projectId !== project.id) throw notFound('Environment');
    const token = world.put('token', {
      ...stamp(context),
      reach: 'project',
      name: text(given, 'name'),
      secret: sequence.id(),
      userId: null,
      workspaceId: null,
      projectId: project.id,
      environmentId: environment.id,
    });
    return token.secret;
  },

  projectTokenDelete: (args, { caller, world }) => {
    const token = caller.need('token', text(args, 'id'), 'write');
    if (token.reach !== 'project') throw notFound('Project Token');
    caller.need('project', token.projectId ?? '', 'write');
    world.drop('token', token.id);
    return true;
  },

  sshPublicKeyCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const own = caller.token?.reach === 'workspace' ? caller.token.workspaceId : null;
    const workspaceId = optionalText(given, 'workspaceId') ?? own;
    if (workspaceId !== null) caller.need('workspace', workspaceId, 'administer');
    return world.put('ssh-key', {
      ...stamp(context),
      name: text(given, 'name'),
      publicKey: text(given, 'publicKey'),
      userId: workspaceId === null ? caller.userId : null,
      workspaceId,
    });
  },

  sshPublicKeyDelete: (args, { caller, world }) => {
    world.drop('ssh-key', caller.need('ssh-key', text(args, 'id'), 'administer').id);
    return true;
  },

  // The key that somebody offered under this code may from now on log in as this user.
  sshSignupApprove: (args, context) => {
    const { caller, world } = context;
    const { userId } = caller;
    const signup = world.find('ssh-signup', (each) => each.code === text(args, 'code'));
    if (signup === undefined) throw notFound('SSH signup');
    const { publicKey } = signup;
    world.put('ssh-key', {
      ...stamp(context),
      name: 'ssh signup',
      publicKey,
      userId,
      workspaceId: null,
    });
    world.drop('ssh-signup', signup.id);
    return true;
  },

  // Five minutes of a shell beside the service, with all its variables.
  generateShellToken: (args, context) => {
    const { caller, world, sequence } = context;
    const given = input(args);
    const environment = caller.need('environment', text(given, 'environmentId'), 'write');
    return world.put('shell-session', {
      ...stamp(context),
      environmentId: environment.id,
      serviceId: optionalText(given, 'serviceId') ?? null,
      secret: `${sequence.secret()}.${sequence.secret()}`,
    }).secret;
  },
};
