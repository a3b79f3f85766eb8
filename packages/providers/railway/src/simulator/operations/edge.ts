/** What stands between visitors and a service, and the private networks in which services find each other. */
import { type Arguments, input, text } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { notFound } from '../errors.ts';
import { instanceInReach } from './services.ts';

function configAt(args: Arguments, context: Context) {
  const given = input(args);
  const { serviceId, environmentId } = instanceInReach(given, context, 'write');
  const config = context.world.find(
    'edge-config',
    (each) => each.serviceId === serviceId && each.environmentId === environmentId,
  );
  return { given, at: { serviceId, environmentId }, config };
}

/** As it is answered. */
const ANSWERED = {
  caching: null,
  enabled: true,
  overrides: {},
  purgeEpoch: 0,
  purgeEpochByKind: {},
};

export const edgeQueries: Operations = {
  privateNetworks: (args, { caller, world }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'read');
    return world
      .where('private-network', (each) => each.environmentId === id)
      .map((each) => ({ ...each, publicId: each.id, dnsName: each.name, networkId: 1, tags: [] }));
  },
};

export const edgeMutations: Operations = {
  enableServiceCdn: (args, context) => {
    const { at, config } = configAt(args, context);
    const made = () =>
      context.world.put('edge-config', { ...stamp(context), ...at, rules: [], challenges: false });
    return { ...ANSWERED, ...(config ?? made()) };
  },

  disableServiceCdn: (args, context) => {
    const { config } = configAt(args, context);
    if (config !== undefined) context.world.drop('edge-config', config.id);
    return true;
  },

  // The rules of before are gone, whichever they were.
  updateServiceEdgeRules: (args, context) => {
    const { given, config } = configAt(args, context);
    if (config === undefined) throw notFound('EdgeConfig');
    const { edgeRules } = given;
    const rules = Array.isArray(edgeRules) ? edgeRules : [];
    return { ...ANSWERED, ...change(context, 'edge-config', config, { rules }), edgeRules };
  },

  setServiceUnderAttackMode: (args, context) => {
    const { given, config } = configAt(args, context);
    if (config === undefined) throw notFound('EdgeConfig');
    const challenges = given['enabled'] === true;
    return { ...ANSWERED, ...change(context, 'edge-config', config, { challenges }) };
  },

  privateNetworkCreateOrGet: (args, context) => {
    const given = input(args);
    const environment = context.caller.need('environment', text(given, 'environmentId'), 'write');
    const name = text(given, 'name');
    const present = context.world.find(
      'private-network',
      (each) => each.environmentId === environment.id && each.name === name,
    );
    const made = () =>
      context.world.put('private-network', {
        ...stamp(context),
        projectId: environment.projectId,
        environmentId: environment.id,
        name,
      });
    const network = present ?? made();
    return { ...network, publicId: network.id, dnsName: name, networkId: 1, tags: [] };
  },

  privateNetworksForEnvironmentDelete: (args, { caller, world }) => {
    const { id } = caller.need('environment', text(args, 'environmentId'), 'write');
    for (const each of world.where('private-network', (one) => one.environmentId === id)) {
      world.drop('private-network', each.id);
    }
    return true;
  },
};
