/** What is kept of sandboxes, agents that sleep and wake, jobs that are run now, and dashboards. */
import { input, isObject, text } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { connection } from '../paging.ts';

function execute(context: Context, environmentId: string, where: string, command: string): void {
  context.world.put('execution', { ...stamp(context), environmentId, where, command });
}

export const machineQueries: Operations = {
  sandboxCheckpoints: (args, { caller, world }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    return world.where('checkpoint', (each) => each.environmentId === id);
  },

  observabilityDashboards: (args, { caller, world, defaultPageSize }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    const found = world.where('dashboard', (each) => each.environmentId === id);
    return connection(found, args, defaultPageSize);
  },
};

/** Ids of what is to stand on a dashboard. */
function itemsOf(given: unknown): string[] {
  return Array.isArray(given)
    ? given.flatMap((each) => (isObject(each) ? [text(each, 'id')] : []))
    : [];
}

export const machineMutations: Operations = {
  sandboxCheckpointCreate: (args, context) => {
    context.caller.need('environment', text(args, 'environmentId'), 'write');
    // The environment named beside it is not compared: the sandbox decides.
    const { environmentId } = context.caller.need('sandbox', text(args, 'sandboxId'), 'write');
    const made = { ...stamp(context), environmentId, key: text(args, 'name') };
    return context.world.put('checkpoint', made);
  },

  sandboxCheckpointRename: (args, context) => {
    const checkpoint = context.caller.need('checkpoint', text(args, 'id'), 'write');
    return change(context, 'checkpoint', checkpoint, { key: text(args, 'name') });
  },

  sandboxCheckpointDelete: (args, { caller, world }) => {
    world.drop('checkpoint', caller.need('checkpoint', text(args, 'id'), 'write').id);
    return true;
  },

  sandboxHeartbeat: (args, { caller }) => caller.need('sandbox', text(args, 'id'), 'write'),

  // What ran in it is gone.
  cloudAgentSleep: (args, context) => {
    const agent = context.caller.need('cloud-agent', text(args, 'id'), 'write');
    for (const each of context.world.where('execution')) {
      if (each.where === `cloud-agent/${agent.id}`) context.world.drop('execution', each.id);
    }
    return agent;
  },

  cloudAgentWake: (args, context) => {
    const agent = context.caller.need('cloud-agent', text(args, 'id'), 'write');
    execute(context, agent.environmentId, `cloud-agent/${agent.id}`, 'its entrypoint');
    return agent;
  },

  deploymentInstanceExecutionCreate: (args, context) => {
    const id = text(input(args), 'serviceInstanceId');
    const instance = context.caller.need('service-instance', id, 'write');
    const command = instance.settings.startCommand ?? 'its start command';
    execute(context, instance.environmentId, `service-instance/${id}`, command);
    return true;
  },

  observabilityDashboardCreate: (args, context) => {
    const given = input(args);
    const { id } = context.caller.need('environment', text(given, 'environmentId'), 'write');
    const items = itemsOf(given['items']);
    context.world.put('dashboard', { ...stamp(context), environmentId: id, items });
    return true;
  },

  observabilityDashboardUpdate: (args, context) => {
    const dashboard = context.caller.need('dashboard', text(args, 'id'), 'write');
    change(context, 'dashboard', dashboard, { items: itemsOf(args['input']) });
    return true;
  },
};
