/** Variables: the secrets of services, and the ones that an environment shares. */
import { type Arguments, entries, input, optionalText, text } from '../args.ts';
import type { Context, Operations } from '../context.ts';
import { instanceOf, redeploy } from '../deploy.ts';
import { badInput, notFound } from '../errors.ts';
import { patchVariables } from '../patch/variables.ts';
import type { Environment, Variable } from '../world/records.ts';

/**
 * The environment that the arguments name, and a service of its project. Whether Railway compares that project with
 * the one named beside it is not known, so the environment alone decides.
 */
function placeOf(args: Arguments, { caller, world }: Context, need: 'read' | 'write') {
  const environment = caller.need('environment', text(args, 'environmentId'), need);
  const serviceId = optionalText(args, 'serviceId') ?? null;
  if (serviceId !== null) {
    caller.need('service', serviceId, need);
    if (world.get('service', serviceId)?.projectId !== environment.projectId) {
      throw notFound('Service');
    }
  }
  return { environment, serviceId };
}

function variablesAt(
  { world }: Context,
  environment: Environment,
  serviceId: string | null,
): Variable[] {
  return world.where(
    'variable',
    (each) => each.environmentId === environment.id && each.serviceId === serviceId,
  );
}

const valuesOf = (variables: readonly Variable[]): Record<string, string> =>
  Object.fromEntries(variables.map(({ name, value }) => [name, value]));

export const variableQueries: Operations = {
  // Without a service: the shared ones.
  variables: (args, context) => {
    const { environment, serviceId } = placeOf(args, context, 'read');
    return valuesOf(variablesAt(context, environment, serviceId));
  },

  variablesForServiceDeployment: (args, context) => {
    const { environment, serviceId } = placeOf(args, context, 'read');
    const shared = variablesAt(context, environment, null);
    return valuesOf([...shared, ...variablesAt(context, environment, serviceId)]);
  },
};

function redeployAfter(
  context: Context,
  given: Arguments,
  { environment, serviceId }: ReturnType<typeof placeOf>,
): void {
  if (given['skipDeploys'] === true || serviceId === null) return;
  const instance = instanceOf(context, serviceId, environment.id);
  if (instance !== undefined) redeploy(context, instance);
}

export const variableMutations: Operations = {
  variableUpsert: (args, context) => {
    const given = input(args);
    const place = placeOf(given, context, 'write');
    const named: [string, unknown][] = [[text(given, 'name'), text(given, 'value')]];
    patchVariables(context, place.environment, place.serviceId, named);
    redeployAfter(context, given, place);
    return true;
  },

  // `replace` removes every other one.
  variableCollectionUpsert: (args, context) => {
    const given = input(args);
    const place = placeOf(given, context, 'write');
    const named = entries(given['variables']);
    if (named === undefined) throw badInput('Error in variables - Invalid input');
    if (given['replace'] === true) {
      for (const each of variablesAt(context, place.environment, place.serviceId)) {
        if (!named.some(([name]) => name === each.name)) context.world.drop('variable', each.id);
      }
    }
    patchVariables(context, place.environment, place.serviceId, named);
    redeployAfter(context, given, place);
    return true;
  },

  variableDelete: (args, context) => {
    const given = input(args);
    const place = placeOf(given, context, 'write');
    const name = text(given, 'name');
    const found = variablesAt(context, place.environment, place.serviceId).find(
      (each) => each.name === name,
    );
    if (found === undefined) throw notFound('Variable');
    context.world.drop('variable', found.id);
    redeployAfter(context, given, place);
    return true;
  },
};
