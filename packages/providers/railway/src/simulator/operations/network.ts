/** Under which names, ports and addresses services are reached, and reach out. */
import { type Arguments, input, optionalNumber, optionalText, text } from '../args.ts';
import { type Context, change, type Operations, stamp } from '../context.ts';
import { badInput, notFound } from '../errors.ts';
import { putProxy } from '../patch/networking.ts';
import { instanceInReach } from './services.ts';

export const networkQueries: Operations = {
  domains: (args, context) => {
    const { environmentId } = instanceInReach(args, context, 'read');
    const environment = context.world.get('environment', environmentId);
    if (environment?.projectId !== text(args, 'projectId')) throw notFound('Environment');
    return args;
  },

  customDomain: (args, { caller }) => {
    const domain = caller.need('custom-domain', text(args, 'id'), 'read');
    if (domain.projectId !== text(args, 'projectId')) throw notFound('Custom domain');
    return domain;
  },

  tcpProxies: (args, context) => {
    const of = instanceInReach(args, context, 'read');
    return context.world.where(
      'tcp-proxy',
      (each) => each.serviceId === of.serviceId && each.environmentId === of.environmentId,
    );
  },

  egressGateways: (args, context) => gatewaysOf(context, [instanceInReach(args, context, 'read')]),
};

interface Place {
  readonly serviceId: string;
  readonly environmentId: string;
}

function gatewaysOf({ world }: Context, places: readonly Place[]) {
  return world.where('egress-gateway', (each) =>
    places.some(
      (one) => one.serviceId === each.serviceId && one.environmentId === each.environmentId,
    ),
  );
}

function refuseTakenDomain({ world }: Context, domain: string): void {
  const isIt = (each: { domain: string }): boolean => each.domain === domain;
  if (
    world.find('custom-domain', isIt) !== undefined ||
    world.find('service-domain', isIt) !== undefined
  ) {
    throw badInput(`Domain ${domain} is already in use`);
  }
}

/** Where a domain is to lead. */
function targetOf(given: Arguments, context: Context) {
  const { serviceId, environmentId } = instanceInReach(given, context, 'write');
  const projectId = context.world.get('environment', environmentId)?.projectId ?? '';
  const targetPort = optionalNumber(given, 'targetPort') ?? null;
  return { projectId, serviceId, environmentId, targetPort };
}

/** The instances that an input means: `allEnvironments` reaches beyond the environment that it names. */
function placesMeant(args: Arguments, context: Context): readonly Place[] {
  const given = input(args);
  const { serviceId, environmentId } = instanceInReach(given, context, 'write');
  if (given['allEnvironments'] !== true) return [{ serviceId, environmentId }];
  return context.world.where('service-instance', (each) => each.serviceId === serviceId);
}

function putGateway(context: Context, place: Place, region: string): void {
  const { serviceId, environmentId } = place;
  const number = context.sequence.id().slice(0, 2);
  const ipv4 = `203.0.113.${Number.parseInt(number, 16)}`;
  context.world.put('egress-gateway', {
    ...stamp(context),
    serviceId,
    environmentId,
    ipv4,
    region,
  });
}

/** To high availability and back: the service leaves by other addresses than before. */
function readdress(args: Arguments, context: Context) {
  const places = placesMeant(args, context);
  for (const each of gatewaysOf(context, places)) {
    context.world.drop('egress-gateway', each.id);
    putGateway(context, each, each.region);
  }
  return gatewaysOf(context, places);
}

export const networkMutations: Operations = {
  customDomainCreate: (args, context) => {
    const given = input(args);
    const target = targetOf(given, context);
    if (target.projectId !== text(given, 'projectId')) throw notFound('Environment');
    const domain = text(given, 'domain');
    refuseTakenDomain(context, domain);
    return context.world.put('custom-domain', { ...stamp(context), ...target, domain });
  },

  customDomainUpdate: (args, context) => {
    const domain = context.caller.need('custom-domain', text(args, 'id'), 'write');
    // The environment named beside it is not compared: the domain decides.
    context.caller.need('environment', text(args, 'environmentId'), 'write');
    const targetPort = optionalNumber(args, 'targetPort') ?? null;
    change(context, 'custom-domain', domain, { targetPort });
    return true;
  },

  customDomainDelete: (args, { caller, world }) => {
    world.drop('custom-domain', caller.need('custom-domain', text(args, 'id'), 'write').id);
    return true;
  },

  // Not safe to repeat: each call makes another one.
  serviceDomainCreate: (args, context) => {
    const { world, sequence } = context;
    const target = targetOf(input(args), context);
    const name = world.get('service', target.serviceId)?.name ?? 'service';
    const domain = `${name}-${sequence.id().slice(0, 4)}.up.railway.app`;
    return world.put('service-domain', { ...stamp(context), ...target, domain });
  },

  serviceDomainUpdate: (args, context) => {
    const given = input(args);
    const present = context.caller.need('service-domain', text(given, 'serviceDomainId'), 'write');
    const domain = text(given, 'domain');
    if (domain !== present.domain) refuseTakenDomain(context, domain);
    const targetPort = optionalNumber(given, 'targetPort') ?? present.targetPort;
    change(context, 'service-domain', present, { domain, targetPort });
    return true;
  },

  serviceDomainDelete: (args, { caller, world }) => {
    world.drop('service-domain', caller.need('service-domain', text(args, 'id'), 'write').id);
    return true;
  },

  tcpProxyCreate: (args, context) => {
    const given = input(args);
    const { environmentId, serviceId } = instanceInReach(given, context, 'write');
    return putProxy(
      context,
      environmentId,
      serviceId,
      optionalNumber(given, 'applicationPort') ?? 0,
    );
  },

  tcpProxyDelete: (args, { caller, world }) => {
    world.drop('tcp-proxy', caller.need('tcp-proxy', text(args, 'id'), 'write').id);
    return true;
  },

  egressGatewayAssociationCreate: (args, context) => {
    const given = input(args);
    const { serviceId, environmentId } = instanceInReach(given, context, 'write');
    const place = { serviceId, environmentId };
    putGateway(context, place, optionalText(given, 'region') ?? 'us-west2');
    return gatewaysOf(context, [place]);
  },

  egressGatewayAssociationsClear: (args, context) => {
    for (const { id } of gatewaysOf(context, placesMeant(args, context))) {
      context.world.drop('egress-gateway', id);
    }
    return true;
  },

  egressGatewayUpgradeToHA: (args, context) => readdress(args, context),

  egressGatewayRollbackFromHA: (args, context) => readdress(args, context),

  purgeServiceCache: (args, context) => {
    const { world } = context;
    const { serviceId, environmentId } = instanceInReach(input(args), context, 'write');
    const present = world.find(
      'edge-cache',
      (each) => each.serviceId === serviceId && each.environmentId === environmentId,
    );
    if (present !== undefined) {
      change(context, 'edge-cache', present, { purges: present.purges + 1 });
    } else world.put('edge-cache', { ...stamp(context), serviceId, environmentId, purges: 1 });
    return true;
  },
};
