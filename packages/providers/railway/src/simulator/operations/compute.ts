/** What runs arbitrary things, and what is left of older features: sandboxes, agents, plugins, clusters, signals. */
import { input, isObject, optionalNumber, optionalText, text } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { badInput, notAuthorized, notFound } from '../errors.ts';
import { connection } from '../paging.ts';
import { destroyService } from '../world/cascade.ts';
import type { Sandbox } from '../world/records.ts';

function sandboxOf(args: Parameters<Operations[string]>[0], context: Context): Sandbox {
  // The environment named beside it is not compared: the sandbox decides.
  context.caller.need('environment', text(args, 'environmentId'), 'write');
  return context.caller.need('sandbox', text(args, 'id'), 'write');
}

export const computeQueries: Operations = {
  sandbox: (args, { caller, world }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    const sandbox = world.get('sandbox', text(args, 'id'));
    return sandbox?.environmentId === id ? sandbox : null;
  },

  sandboxes: (args, { caller, world, defaultPageSize }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    const found = world.where('sandbox', (each) => each.environmentId === id);
    return connection(found, args, defaultPageSize);
  },

  cloudAgent: (args, { caller, world }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    const agent = world.get('cloud-agent', text(args, 'id'));
    return agent?.environmentId === id ? agent : null;
  },

  cloudAgents: (args, { caller, world }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    return world.where('cloud-agent', (each) => each.environmentId === id);
  },

  signal: (args, { caller, world }) => {
    const owner = optionalText(args, 'owner') ?? caller.userId;
    refuseForeignSignals(owner, caller);
    return (
      world.find('signal', (each) => each.owner === owner && each.name === args['name']) ?? null
    );
  },

  signals: (args, { caller, world }) => {
    const owner = optionalText(args, 'owner') ?? caller.userId;
    refuseForeignSignals(owner, caller);
    return world.where('signal', (each) => each.owner === owner);
  },

  // Everything is done by the time its workflow's id is answered.
  workflowStatus: (args) => ({
    status: text(args, 'workflowId').startsWith('workflow/') ? 'Complete' : 'NotFound',
    error: null,
  }),
};

/** A signal belongs to its user or to one of their workspaces. */
function refuseForeignSignals(owner: string, caller: Context['caller']): void {
  const own = caller.token?.reach === 'account' ? caller.token.userId : null;
  if (owner !== own && !caller.workspaces('write').includes(owner)) throw notAuthorized();
}

function execute(
  context: Context,
  environmentId: string | null,
  where: string,
  command: string,
): void {
  context.world.put('execution', { ...stamp(context), environmentId, where, command });
}

/** The root service of a cluster, and the payload that answers an operation on it. */
function clusterOf(args: Parameters<Operations[string]>[0], context: Context) {
  const { caller, sequence } = context;
  const given = input(args);
  const environment = caller.need('environment', text(given, 'environmentId'), 'write');
  const service = caller.need('service', text(given, 'rootServiceId'), 'write');
  const { projectId } = environment;
  if (projectId !== text(given, 'projectId') || service.projectId !== projectId) {
    throw notFound('Project');
  }
  const payload = { projectId, workflowId: `workflow/${sequence.id()}` };
  return { given, environment, service, payload };
}

export const computeMutations: Operations = {
  sandboxCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const { id } = caller.need('environment', text(given, 'environmentId'), 'write');
    const sandbox = world.put('sandbox', {
      ...stamp(context),
      environmentId: id,
      region: optionalText(given, 'region') ?? 'us-west2',
      networkIsolation: given['networkIsolation'] === 'PRIVATE' ? 'PRIVATE' : 'ISOLATED',
      idleTimeoutMinutes: optionalNumber(given, 'idleTimeoutMinutes') ?? null,
    });
    const template = given['template'];
    const instructions = isObject(template) ? template['instructions'] : undefined;
    if (Array.isArray(instructions)) {
      execute(context, id, `sandbox/${sandbox.id}`, instructions.join('\n'));
    }
    return sandbox;
  },

  sandboxExec: (args, context) => {
    const { id, environmentId } = sandboxOf(args, context);
    execute(context, environmentId, `sandbox/${id}`, text(args, 'command'));
    return { exitCode: 0, stdout: '', stderr: '', timedOut: false, truncated: false };
  },

  sandboxDestroy: (args, context) => {
    const sandbox = sandboxOf(args, context);
    context.world.drop('sandbox', sandbox.id);
    return sandbox;
  },

  cloudAgentCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const { id, projectId } = caller.need('environment', text(given, 'environmentId'), 'write');
    const name = optionalText(given, 'name') ?? 'agent';
    const agent = { ...stamp(context), projectId, environmentId: id, name };
    execute(context, id, `cloud-agent/${agent.id}`, 'a coding agent');
    return world.put('cloud-agent', agent);
  },

  cloudAgentDelete: (args, { caller, world }) => {
    world.drop('cloud-agent', caller.need('cloud-agent', text(args, 'id'), 'write').id);
    return true;
  },

  // Railway sends whatever it is told to wherever it is told to.
  webhookTest: (args, context) => {
    if (context.caller.token === undefined) throw notAuthorized();
    execute(context, null, text(args, 'url'), text(args, 'payload'));
    return 200;
  },

  enablePitrForHaCluster: (args, context) => {
    const { environment, service, payload } = clusterOf(args, context);
    const of = { environmentId: environment.id, serviceId: service.id };
    const present = archiveOf(context, of);
    if (present === undefined) context.world.put('archive', { ...stamp(context), ...of });
    return payload;
  },

  disablePitrForHaCluster: (args, context) => {
    const { environment, service, payload } = clusterOf(args, context);
    const present = archiveOf(context, { environmentId: environment.id, serviceId: service.id });
    if (present === undefined) throw badInput('Point-in-time recovery is not enabled');
    context.world.drop('archive', present.id);
    return payload;
  },

  // Deletes every service of the group but the one it goes back to.
  templateRevert: (args, context) => {
    const { world } = context;
    const { given, environment, service, payload } = clusterOf(args, context);
    const groupId = optionalText(given, 'groupId') ?? service.groupId;
    if (groupId === null || given['stageOnly'] === true) return payload;
    const group = world.where(
      'service',
      (each) => each.groupId === groupId && each.projectId === environment.projectId,
    );
    for (const each of group) {
      if (each.id !== service.id) destroyService(world, each.id, [environment.id]);
    }
    return payload;
  },

  // Clears every rule.
  signalReplace: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const name = text(given, 'name');
    const owner = text(given, 'owner');
    refuseForeignSignals(owner, caller);
    const present = world.find('signal', (each) => each.owner === owner && each.name === name);
    if (present === undefined) throw notFound('Signal');
    return change(context, 'signal', present, {
      type: text(given, 'type'),
      default: given['default'],
      rules: [],
      version: present.version + 1,
    });
  },

  pluginDelete: (args, { caller, world }) => {
    const plugin = caller.need('plugin', text(args, 'id'), 'write');
    const environmentId = optionalText(args, 'environmentId');
    for (const each of world.where('plugin-instance', (one) => one.pluginId === plugin.id)) {
      if (environmentId === undefined || each.environmentId === environmentId) {
        world.drop('plugin-instance', each.id);
      }
    }
    if (world.find('plugin-instance', (one) => one.pluginId === plugin.id) === undefined) {
      world.drop('plugin', plugin.id);
    }
    return true;
  },

  pluginReset: (args, context) => {
    const { caller, world } = context;
    const plugin = caller.need('plugin', text(args, 'id'), 'write');
    const { id } = caller.need('environment', text(input(args), 'environmentId'), 'write');
    const instance = world.find(
      'plugin-instance',
      (each) => each.pluginId === plugin.id && each.environmentId === id,
    );
    if (instance === undefined) throw notFound('Plugin');
    change(context, 'plugin-instance', instance, { contents: null });
    return true;
  },

  observabilityDashboardReset: (args, context) => {
    const dashboard = context.caller.need('dashboard', text(args, 'id'), 'write');
    change(context, 'dashboard', dashboard, { items: [] });
    return true;
  },
};

function archiveOf(
  { world }: Context,
  of: { readonly environmentId: string; readonly serviceId: string },
) {
  return world.find(
    'archive',
    (each) => each.serviceId === of.serviceId && each.environmentId === of.environmentId,
  );
}
