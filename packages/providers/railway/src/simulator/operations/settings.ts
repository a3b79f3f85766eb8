/** Other ways by which a service comes to run something: triggers, templates, repositories, shared variables. */
import { type Arguments, input, optionalText, text, texts } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { deploy, instanceOf, redeploy } from '../deploy.ts';
import { badInput, notFound } from '../errors.ts';
import { environmentsMeant, putInstance } from '../instances.ts';
import type { Settings } from '../world/records.ts';
import { instanceInReach } from './services.ts';

/** A service that nobody had, running in the environment that is named, or in each. */
function runAnew(context: Context, given: Arguments, runs: Settings) {
  const { caller, world } = context;
  const environmentId = optionalText(given, 'environmentId');
  const projectId =
    optionalText(given, 'projectId') ??
    (environmentId === undefined
      ? undefined
      : caller.need('environment', environmentId, 'write').projectId);
  if (projectId === undefined) throw badInput('A project is needed');
  const project = caller.need('project', projectId, 'create');
  const made = stamp(context);
  const name = `service-${made.id.slice(0, 4)}`;
  const service = world.put('service', {
    ...made,
    projectId: project.id,
    name,
    icon: null,
    groupId: null,
  });
  const meant =
    environmentId === undefined
      ? environmentsMeant(context, project.id, undefined)
      : [caller.need('environment', environmentId, 'write').id];
  for (const id of meant) deploy(context, putInstance(context, service.id, id, runs));
  return { projectId: project.id, workflowId: `workflow/${service.id}` };
}

/** Another source, and a deployment of it. */
function runOther(context: Context, given: Arguments, changed: Settings) {
  const instance = instanceInReach(given, context, 'write');
  const settings = { ...instance.settings, ...changed };
  return deploy(context, change(context, 'service-instance', instance, { settings }));
}

export const settingsQueries: Operations = {
  deploymentSnapshot: (args, { caller, world }) => {
    const deployment = caller.need('deployment', text(args, 'deploymentId'), 'read');
    const { environmentId, serviceId } = deployment;
    const given = world.where(
      'variable',
      (each) => each.environmentId === environmentId && each.serviceId === serviceId,
    );
    const variables = Object.fromEntries(given.map(({ name, value }) => [name, value]));
    return { ...deployment, variables };
  },
};

export const settingsMutations: Operations = {
  githubRepoDeploy: (args, context) => {
    const given = input(args);
    const { workflowId } = runAnew(context, given, { repo: text(given, 'repo') });
    return workflowId;
  },

  templateDeploy: (args, context) => runAnew(context, input(args), { image: 'template' }),

  templateDeployV2: (args, context) => {
    const given = input(args);
    return runAnew(context, given, { image: `template:${text(given, 'templateId')}` });
  },

  githubRepoUpdate: (args, context) => {
    runOther(context, input(args), { commitSha: `template-${context.sequence.id()}` });
    return true;
  },

  serviceInstanceVulnRemediationPatchNow: (args, context) =>
    runOther(context, args, { image: 'patched' }).id,

  serviceDuplicate: (args, context) => {
    const { settings, environmentId } = instanceInReach(args, context, 'write');
    const { projectId } = context.caller.need('environment', environmentId, 'write');
    runAnew(context, { projectId, environmentId }, settings);
    return context.world.where('service').at(-1);
  },

  deploymentApprove: (args, context) => {
    const deployment = context.caller.need('deployment', text(args, 'id'), 'write');
    const { environmentId, serviceId } = deployment;
    const instance = instanceOf(context, serviceId, environmentId);
    if (instance === undefined) throw notFound('ServiceInstance');
    deploy(context, instance, { ...deployment.runs, commitSha: `approved-${deployment.id}` });
    return true;
  },

  deploymentTriggerUpdate: (args, context) => {
    const trigger = context.caller.need('deployment-trigger', text(args, 'id'), 'write');
    const given = input(args);
    const [branch, repository] = [optionalText(given, 'branch'), optionalText(given, 'repository')];
    return change(context, 'deployment-trigger', trigger, {
      ...(branch === undefined ? {} : { branch }),
      ...(repository === undefined ? {} : { repository }),
    });
  },

  environmentTriggersDeploy: (args, context) => {
    deploy(context, instanceInReach(input(args), context, 'write'));
    return true;
  },

  environmentUnskipService: (args, context) => {
    redeploy(context, instanceInReach(args, context, 'write'));
    return true;
  },

  serviceInstanceLimitsUpdate: (args, context) => {
    const { memoryGB, vCPUs, ...at } = input(args);
    const instance = instanceInReach(at, context, 'write');
    const settings = { ...instance.settings, limits: { memoryGB, vCPUs } };
    change(context, 'service-instance', instance, { settings });
    return true;
  },

  // Services that are given a shared variable have one of their own by that name.
  sharedVariableConfigure: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const environment = caller.need('environment', text(given, 'environmentId'), 'write');
    const name = text(given, 'name');
    const at = (serviceId: string | null) =>
      world.find(
        'variable',
        (each) =>
          each.environmentId === environment.id &&
          each.serviceId === serviceId &&
          each.name === name,
      );
    const shared = at(null);
    if (shared === undefined) throw notFound('Variable');
    for (const serviceId of texts(given, 'disabledServiceIds')) {
      const own = at(caller.need('service', serviceId, 'write').id);
      if (own !== undefined) world.drop('variable', own.id);
    }
    for (const serviceId of texts(given, 'enabledServiceIds')) {
      const service = caller.need('service', serviceId, 'write');
      if (at(service.id) !== undefined) continue;
      world.put('variable', { ...shared, ...stamp(context), serviceId: service.id });
      const instance = instanceOf(context, service.id, environment.id);
      if (instance !== undefined) redeploy(context, instance);
    }
    return shared;
  },
};
