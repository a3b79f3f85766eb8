/** Environments, and the three ways in which a patch of one takes effect. */
import { input, isObject, optionalText, text } from '../args.ts';
import { configEtag } from '../config.ts';
import { type Context, change, now, type Operations, stamp } from '../context.ts';
import { badInput, notFound } from '../errors.ts';
import { forkEnvironment } from '../fork.ts';
import { connection } from '../paging.ts';
import { applyPatch, recordCommit } from '../patch/apply.ts';
import { patchOfChangeSet } from '../patch/change-set.ts';
import { merged } from '../patch/merge.ts';
import { destroyEnvironment } from '../world/cascade.ts';
import type { Environment, Patch } from '../world/records.ts';

const staged = ({ world }: Context, environmentId: string): Patch | undefined =>
  world.find('patch', (each) => each.environmentId === environmentId && each.status === 'STAGED');

/** What is staged in an environment. Where nothing is, an empty patch that no record stands behind. */
function stagedOrEmpty(context: Context, { id, createdAt }: Environment): Patch {
  const nothing = { id, environmentId: id, createdAt, updatedAt: createdAt };
  return (
    staged(context, id) ?? {
      ...nothing,
      status: 'STAGED',
      patch: {},
      message: null,
      appliedAt: null,
    }
  );
}

export const environmentQueries: Operations = {
  environment: (args, { caller }) => {
    const environment = caller.need('environment', text(args, 'id'), 'read');
    const projectId = optionalText(args, 'projectId');
    if (projectId !== undefined && projectId !== environment.projectId)
      throw notFound('Environment');
    return environment;
  },

  environments: (args, { caller, world, defaultPageSize }) => {
    const project = caller.need('project', text(args, 'projectId'), 'read');
    const isEphemeral = args['isEphemeral'];
    const found = world.where(
      'environment',
      (each) =>
        each.projectId === project.id &&
        (typeof isEphemeral !== 'boolean' || each.isEphemeral === isEphemeral),
    );
    return connection(found, args, defaultPageSize);
  },

  environmentPatch: (args, { caller }) => caller.need('patch', text(args, 'id'), 'read'),

  environmentPatches: (args, { caller, world, defaultPageSize }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    const found = world.where('patch', (each) => each.environmentId === id).reverse();
    return connection(found, args, defaultPageSize);
  },

  environmentStagedChanges: (args, context) =>
    stagedOrEmpty(context, context.caller.need('environment', text(args, 'environmentId'), 'read')),

  environmentChangeSetApply: (args, { caller }) => {
    const applied = caller.need('change-set-apply', text(args, 'id'), 'read');
    return applyResult(applied.id, applied.changes);
  },
};

function applyResult(id: string, changes: readonly { kind: string; path: string | null }[]) {
  return {
    id,
    status: 'applied',
    diagnostics: [],
    deploymentId: null,
    stagedPatchId: null,
    changes: changes.map((each) => ({ ...each, status: 'applied', summary: null, outputs: null })),
  };
}

export const environmentMutations: Operations = {
  environmentCreate: (args, context) => {
    const { caller, world } = context;
    const given = input(args);
    const project = caller.need('project', text(given, 'projectId'), 'write');
    const name = text(given, 'name');
    const taken = world.find(
      'environment',
      (each) => each.projectId === project.id && each.name === name,
    );
    if (taken !== undefined) throw badInput(`Environment named "${name}" already exists`);
    const sourceId = optionalText(given, 'sourceEnvironmentId');
    const source =
      sourceId === undefined ? undefined : caller.need('environment', sourceId, 'read');
    const environment = world.put('environment', {
      ...stamp(context),
      projectId: project.id,
      name,
      isEphemeral: given['ephemeral'] === true,
      sourceEnvironmentId: source?.id ?? null,
      deletedAt: null,
    });
    if (source !== undefined) {
      forkEnvironment(context, source, environment, given['skipInitialDeploys'] !== true);
    }
    return environment;
  },

  environmentRename: (args, context) => {
    const environment = context.caller.need('environment', text(args, 'id'), 'write');
    return change(context, 'environment', environment, { name: text(input(args), 'name') });
  },

  environmentDelete: (args, { caller, world }) => {
    destroyEnvironment(world, caller.need('environment', text(args, 'id'), 'write').id);
    return true;
  },

  // Deletes by a word inside of its JSON.
  environmentPatchCommit: (args, context) => {
    const environment = context.caller.need('environment', text(args, 'environmentId'), 'write');
    const patch = isObject(args['patch']) ? args['patch'] : {};
    if (args['patch'] != null) applyPatch(context, environment, args['patch'], { deploys: true });
    const message = optionalText(args, 'commitMessage') ?? null;
    return recordCommit(context, environment.id, patch, message);
  },

  environmentStageChanges: (args, context) => {
    const environment = context.caller.need('environment', text(args, 'environmentId'), 'write');
    const given = args['input'];
    if (!isObject(given)) throw badInput('Invalid environment config');
    const present = staged(context, environment.id);
    const next = args['merge'] === true ? merged(present?.patch ?? {}, given) : given;
    const patch = isObject(next) ? next : {};
    if (present !== undefined) return change(context, 'patch', present, { patch });
    return context.world.put('patch', {
      ...stamp(context),
      environmentId: environment.id,
      status: 'STAGED',
      patch,
      message: null,
      appliedAt: null,
    });
  },

  // Has no content of its own: it does what was staged, by whomever.
  environmentPatchCommitStaged: (args, context) => {
    const environment = context.caller.need('environment', text(args, 'environmentId'), 'write');
    const present = staged(context, environment.id);
    if (present === undefined) throw badInput('No staged changes to commit');
    applyPatch(context, environment, present.patch, { deploys: args['skipDeploys'] !== true });
    return change(context, 'patch', present, {
      status: 'COMMITTED',
      message: optionalText(args, 'commitMessage') ?? null,
      appliedAt: now(context),
    }).id;
  },

  environmentApplyChangeSet: (args, context) => {
    const environment = context.caller.need('environment', text(args, 'environmentId'), 'write');
    const base = optionalText(args, 'baseConfigEtag');
    if (base !== undefined && base !== configEtag(context.world, environment.id)) {
      throw badInput('Environment config has changed since baseConfigEtag');
    }
    const { patch, changes } = patchOfChangeSet(context, environment, args['input']);
    applyPatch(context, environment, patch, { deploys: true });
    const made = { ...stamp(context), environmentId: environment.id, changes };
    return applyResult(context.world.put('change-set-apply', made).id, changes);
  },

  environmentPreviewChangeSet: (args, context) => {
    const environment = context.caller.need('environment', text(args, 'environmentId'), 'write');
    const { changes } = patchOfChangeSet(context, environment, args['input']);
    return { changeSet: args['input'], diagnostics: [], effects: changes };
  },
};
