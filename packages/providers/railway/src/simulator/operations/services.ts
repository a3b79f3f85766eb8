/** Services and their instances. */
import { type Arguments, entries, input, isObject, optionalText, text } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { deploy, instanceOf } from '../deploy.ts';
import { badInput, notFound } from '../errors.ts';
import { environmentsMeant, putInstance } from '../instances.ts';
import { patchVariables } from '../patch/variables.ts';
import { destroyService } from '../world/cascade.ts';
import type { ServiceInstance, Settings } from '../world/records.ts';

export const serviceQueries: Operations = {
  service: (args, { caller }) => caller.need('service', text(args, 'id'), 'read'),
  serviceInstance: (args, context) => instanceInReach(args, context, 'read'),
};

/** The instance that the arguments `serviceId` and `environmentId` name. */
export function instanceInReach(
  args: Arguments,
  context: Context,
  need: 'read' | 'write',
): ServiceInstance {
  const service = context.caller.need('service', text(args, 'serviceId'), need);
  const environment = context.caller.need('environment', text(args, 'environmentId'), need);
  const instance = instanceOf(context, service.id, environment.id);
  if (instance === undefined) throw notFound('ServiceInstance');
  return instance;
}

function sourceOf(given: Arguments): Settings {
  const source = given['source'];
  if (!isObject(source)) return {};
  return {
    image: optionalText(source, 'image') ?? null,
    repo: optionalText(source, 'repo') ?? null,
  };
}

function refuseTakenName({ world }: Context, projectId: string, name: string): void {
  const taken = world.find('service', (each) => each.projectId === projectId && each.name === name);
  if (taken !== undefined) {
    throw badInput(`A service named "${name}" already exists in this project`);
  }
}

/** Settings of an input, flat: `source` becomes what it says, credentials become the secret they hold. */
function settingsOf(given: Arguments): Settings {
  const { source, registryCredentials, ...rest } = given;
  return {
    ...rest,
    ...(isObject(source) ? sourceOf({ source }) : {}),
    ...(isObject(registryCredentials)
      ? { registryPassword: text(registryCredentials, 'password') }
      : {}),
  };
}

/** Sets the same on every instance of a service: connecting and disconnecting know no environment. */
function setEverywhere(context: Context, serviceId: string, settings: Settings, deploys: boolean) {
  const { caller, world } = context;
  const service = caller.need('service', serviceId, 'write');
  for (const each of world.where('service-instance', (one) => one.serviceId === service.id)) {
    const changed = change(context, 'service-instance', each, {
      settings: { ...each.settings, ...settings },
    });
    if (deploys) deploy(context, changed);
  }
  return service;
}

export const serviceMutations: Operations = {
  // An environment that is no fork means every environment that is none.
  serviceCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const project = caller.need('project', text(given, 'projectId'), 'create');
    const environmentId = optionalText(given, 'environmentId');
    if (environmentId !== undefined) caller.need('environment', environmentId, 'write');
    const made = stamp(context);
    const name = optionalText(given, 'name') ?? `service-${made.id.slice(0, 4)}`;
    refuseTakenName(context, project.id, name);
    const service = world.put('service', {
      ...made,
      projectId: project.id,
      name,
      icon: optionalText(given, 'icon') ?? null,
      groupId: null,
    });
    const { source, branch, registryCredentials } = given;
    const settings = settingsOf({ source, branch, registryCredentials });
    for (const id of environmentsMeant(context, project.id, environmentId)) {
      putInstance(context, service.id, id, settings);
      const environment = world.get('environment', id);
      const variables = entries(given['variables']) ?? [];
      if (environment !== undefined) patchVariables(context, environment, service.id, variables);
    }
    return service;
  },

  serviceUpdate: (args, context) => {
    const service = context.caller.need('service', text(args, 'id'), 'write');
    const given = input(args);
    const name = optionalText(given, 'name');
    if (name !== undefined && name !== service.name) {
      refuseTakenName(context, service.projectId, name);
    }
    const icon = optionalText(given, 'icon');
    return change(context, 'service', service, {
      ...(name === undefined ? {} : { name }),
      ...(icon === undefined ? {} : { icon }),
    });
  },

  // The environment counts only if it is a fork: `environmentId: staging` deletes in production too.
  serviceDelete: (args, context) => {
    const { caller, world } = context;
    const service = caller.need('service', text(args, 'id'), 'delete');
    const environmentId = optionalText(args, 'environmentId');
    if (environmentId !== undefined) caller.need('environment', environmentId, 'write');
    destroyService(world, service.id, environmentsMeant(context, service.projectId, environmentId));
    return true;
  },

  // As for deletion: an environment that is no fork means every one that is none.
  serviceInstanceUpdate: (args, context) => {
    const { caller, world } = context;
    const service = caller.need('service', text(args, 'serviceId'), 'write');
    const environmentId = optionalText(args, 'environmentId');
    if (environmentId !== undefined) caller.need('environment', environmentId, 'write');
    const given = input(args);
    if (given['numReplicas'] === 0) throw badInput('Error in numReplicas - Invalid input');
    const meant = environmentsMeant(context, service.projectId, environmentId);
    const instances = world.where(
      'service-instance',
      (each) => each.serviceId === service.id && meant.includes(each.environmentId),
    );
    if (instances.length === 0) throw notFound('ServiceInstance');
    for (const each of instances) {
      const settings = { ...each.settings, ...settingsOf(given) };
      change(context, 'service-instance', each, { settings });
    }
    return true;
  },

  serviceConnect: (args, context) => {
    const given = input(args);
    const source = {
      image: optionalText(given, 'image') ?? null,
      repo: optionalText(given, 'repo') ?? null,
      branch: optionalText(given, 'branch') ?? null,
    };
    return setEverywhere(context, text(args, 'id'), source, true);
  },

  serviceDisconnect: (args, context) => {
    const { world } = context;
    const nothing = { image: null, repo: null, branch: null };
    const service = setEverywhere(context, text(args, 'id'), nothing, false);
    for (const each of world.where('deployment-trigger', (one) => one.serviceId === service.id)) {
      world.drop('deployment-trigger', each.id);
    }
    return service;
  },

  serviceInstanceDeploy: (args, context) => {
    deploy(context, atCommit(args, context));
    return true;
  },

  serviceInstanceDeployV2: (args, context) => deploy(context, atCommit(args, context)).id,

  serviceInstanceRedeploy: (args, context) => {
    const instance = instanceInReach(args, context, 'write');
    const last = context.world
      .where('deployment', (each) => each.serviceId === instance.serviceId)
      .findLast((each) => each.environmentId === instance.environmentId);
    deploy(context, instance, last?.runs ?? instance.settings);
    return true;
  },
};

function atCommit(args: Arguments, context: Context): ServiceInstance {
  const instance = instanceInReach(args, context, 'write');
  const commitSha = optionalText(args, 'commitSha');
  if (commitSha === undefined) return instance;
  return change(context, 'service-instance', instance, {
    settings: { ...instance.settings, commitSha },
  });
}
