/** Deployments, their logs and their triggers. */
import {
  type Arguments,
  input,
  isObject,
  optionalNumber,
  optionalText,
  text,
  texts,
} from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { deploy, instanceOf } from '../deploy.ts';
import { badInput, notFound } from '../errors.ts';
import { connection } from '../paging.ts';
import type { Deployment, ServiceInstance } from '../world/records.ts';

function logsOf({ logs, createdAt, id, environmentId, serviceId, projectId }: Deployment) {
  const tags = { deploymentId: id, environmentId, serviceId, projectId };
  return logs.map((message) => ({
    message,
    severity: 'info',
    timestamp: createdAt,
    attributes: [],
    tags,
  }));
}

/** The lines that `filter` names, at most `limit` of them, newest last. */
function chosen(lines: ReturnType<typeof logsOf>, args: Arguments) {
  const filter = optionalText(args, 'filter') ?? '';
  const limit = optionalNumber(args, 'limit') ?? 500;
  return lines.filter(({ message }) => message.includes(filter)).slice(-limit);
}

export const deploymentQueries: Operations = {
  deployment: (args, { caller }) => caller.need('deployment', text(args, 'id'), 'read'),

  deployments: (args, context) => {
    const { caller, world, defaultPageSize } = context;
    const given = input(args);
    const environmentId = optionalText(given, 'environmentId');
    if (environmentId !== undefined) caller.need('environment', environmentId, 'read');
    const status = isObject(given['status']) ? given['status'] : {};
    const only = texts(status, 'in');
    const without = texts(status, 'notIn');
    const isAskedFor = (each: Deployment): boolean =>
      ['environmentId', 'projectId', 'serviceId'].every(
        (name) =>
          given[name] == null ||
          Object.entries(each).some(([key, value]) => key === name && value === given[name]),
      ) &&
      (only.length === 0 || only.includes(each.status)) &&
      !without.includes(each.status);
    const found = world
      .where('deployment', (each) => isAskedFor(each) && caller.reaches('deployment', each, 'read'))
      .reverse();
    return connection(found, args, defaultPageSize);
  },

  deploymentLogs: (args, { caller }) =>
    chosen(logsOf(caller.need('deployment', text(args, 'deploymentId'), 'read')), args),

  buildLogs: (args, { caller }) => {
    caller.need('deployment', text(args, 'deploymentId'), 'read');
    return [];
  },

  environmentLogs: (args, { caller, world }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    const deployments = world.where('deployment', ({ environmentId }) => environmentId === id);
    return chosen(deployments.flatMap(logsOf), args);
  },

  deploymentTriggers: (args, { caller, world, defaultPageSize }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    const serviceId = text(args, 'serviceId');
    const found = world.where(
      'deployment-trigger',
      (each) => each.environmentId === id && each.serviceId === serviceId,
    );
    return connection(found, args, defaultPageSize);
  },
};

function instanceOfDeployment(context: Context, deployment: Deployment): ServiceInstance {
  const instance = instanceOf(context, deployment.serviceId, deployment.environmentId);
  if (instance === undefined) throw notFound('ServiceInstance');
  return instance;
}

function inReach(args: Arguments, context: Context): Deployment {
  return context.caller.need('deployment', text(args, 'id'), 'write');
}

export const deploymentMutations: Operations = {
  deploymentRemove: (args, context) => {
    const deployment = inReach(args, context);
    change(context, 'deployment', deployment, { status: 'REMOVED', stopped: true });
    return true;
  },

  // Stopped already: true as well.
  deploymentStop: (args, context) => {
    const deployment = inReach(args, context);
    if (deployment.status === 'REMOVED') throw badInput('Deployment is not stoppable');
    if (!deployment.stopped) change(context, 'deployment', deployment, { stopped: true });
    return true;
  },

  deploymentCancel: (args, context) => {
    const deployment = inReach(args, context);
    if (deployment.status !== 'DEPLOYING') throw badInput('Deployment is not cancellable');
    change(context, 'deployment', deployment, { status: 'REMOVED', stopped: true });
    return true;
  },

  deploymentRestart: (args, context) => {
    const deployment = inReach(args, context);
    if (deployment.status === 'REMOVED') throw badInput('Deployment is not restartable');
    const restarts = deployment.restarts + 1;
    change(context, 'deployment', deployment, { stopped: false, restarts });
    return true;
  },

  deploymentRedeploy: (args, context) => {
    const deployment = inReach(args, context);
    return deploy(context, instanceOfDeployment(context, deployment), deployment.runs);
  },

  // Runs again what an older deployment ran, as configured then.
  deploymentRollback: (args, context) => {
    const deployment = inReach(args, context);
    deploy(context, instanceOfDeployment(context, deployment), deployment.runs);
    return true;
  },

  deploymentTriggerCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const environment = caller.need('environment', text(given, 'environmentId'), 'write');
    const service = caller.need('service', text(given, 'serviceId'), 'write');
    return world.put('deployment-trigger', {
      ...stamp(context),
      projectId: environment.projectId,
      environmentId: environment.id,
      serviceId: service.id,
      branch: text(given, 'branch'),
      repository: text(given, 'repository'),
      provider: text(given, 'provider'),
      checkSuites: given['checkSuites'] === true,
    });
  },

  deploymentTriggerDelete: (args, { caller, world }) => {
    world.drop(
      'deployment-trigger',
      caller.need('deployment-trigger', text(args, 'id'), 'write').id,
    );
    return true;
  },
};
