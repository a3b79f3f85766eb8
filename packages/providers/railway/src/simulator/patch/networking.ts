/** The part of a patch that says under which names and ports a service is reached. */
import { entries, isObject, optionalNumber } from '../args.ts';
import { type Context, stamp } from '../context.ts';
import { badInput } from '../errors.ts';
import type { Environment } from '../world/records.ts';

const KINDS = {
  customDomains: 'custom-domain',
  serviceDomains: 'service-domain',
} as const;

/** Adds what is named and, by a null, removes it. True if anything was named. */
export function patchNetworking(
  context: Context,
  environment: Environment,
  serviceId: string,
  networking: unknown,
): boolean {
  if (networking === undefined) return false;
  const { world } = context;
  const environmentId = environment.id;
  const isOfIt = (each: { serviceId: string; environmentId: string }): boolean =>
    each.serviceId === serviceId && each.environmentId === environmentId;
  const parts = isObject(networking) ? networking : {};
  for (const [name, kind] of Object.entries(KINDS)) {
    if (networking === null || parts[name] === null) {
      for (const each of world.where(kind, isOfIt)) world.drop(kind, each.id);
      continue;
    }
    if (parts[name] === undefined) continue;
    const named = entries(parts[name]);
    if (named === undefined) throw badInput(`Invalid environment config: networking.${name}`);
    for (const [domain, entry] of named) {
      const present = world.find(kind, (each) => isOfIt(each) && each.domain === domain);
      if (entry === null) {
        if (present !== undefined) world.drop(kind, present.id);
      } else if (present === undefined) {
        const targetPort = isObject(entry) ? (optionalNumber(entry, 'port') ?? null) : null;
        const { projectId } = environment;
        world.put(kind, {
          ...stamp(context),
          projectId,
          environmentId,
          serviceId,
          domain,
          targetPort,
        });
      }
    }
  }
  patchProxies(context, environmentId, serviceId, networking === null ? null : parts['tcpProxies']);
  return true;
}

function patchProxies(
  context: Context,
  environmentId: string,
  serviceId: string,
  proxies: unknown,
): void {
  const { world } = context;
  if (proxies === undefined) return;
  const present = world.where(
    'tcp-proxy',
    (each) => each.serviceId === serviceId && each.environmentId === environmentId,
  );
  if (proxies === null) {
    for (const each of present) world.drop('tcp-proxy', each.id);
    return;
  }
  const named = entries(proxies);
  if (named === undefined) throw badInput('Invalid environment config: networking.tcpProxies');
  for (const [port, entry] of named) {
    const known = present.find((each) => String(each.applicationPort) === port);
    if (entry === null) {
      if (known !== undefined) world.drop('tcp-proxy', known.id);
    } else if (known === undefined) {
      if (!/^[1-9]\d{0,4}$/.test(port)) throw badInput(`Invalid port ${port}`);
      putProxy(context, environmentId, serviceId, Number(port));
    }
  }
}

export function putProxy(
  context: Context,
  environmentId: string,
  serviceId: string,
  applicationPort: number,
) {
  return context.world.put('tcp-proxy', {
    ...stamp(context),
    environmentId,
    serviceId,
    applicationPort,
    proxyPort: 20_000 + context.world.where('tcp-proxy').length,
    domain: 'roundhouse.proxy.rlwy.net',
  });
}
