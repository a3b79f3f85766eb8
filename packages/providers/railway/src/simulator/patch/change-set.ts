/**
 * Change sets: what is wanted, by address (`service.api`, `volume.data`) instead of by id. Each becomes a patch of
 * the environment's configuration, so it can do whatever a patch can.
 */
import { isObject, optionalText } from '../args.ts';
import type { Context } from '../context.ts';
import { badInput } from '../errors.ts';
import type { Environment } from '../world/records.ts';
import { merged } from './merge.ts';

interface Change {
  readonly kind: string;
  readonly path: string | null;
}

type Section = 'services' | 'volumes' | 'buckets';

const SECTIONS: Readonly<Record<string, Section>> = {
  service: 'services',
  database: 'services',
  volume: 'volumes',
  bucket: 'buckets',
};

const KIND_OF = { services: 'service', volumes: 'volume', buckets: 'bucket' } as const;

/** `volume.data` → the section and the id that stand for it; a new id for what is not there yet. */
function resolve(context: Context, { projectId }: Environment, address: string) {
  const [type = '', ...rest] = address.split('.');
  const name = rest.join('.');
  const section = SECTIONS[type];
  if (section === undefined || name === '') throw badInput('Invalid RailwayChangeSet address');
  const known = context.world.find(
    KIND_OF[section],
    (each) => each.projectId === projectId && each.name === name,
  );
  return { section, name, id: known?.id };
}

function contentOf(change: Record<string, unknown>): Record<string, unknown> {
  const variable = optionalText(change, 'variable');
  switch (change['kind']) {
    case 'resource.delete':
      return { isDeleted: true };
    case 'resource.update':
      return { [String(change['field'])]: change['after'] };
    case 'variable.set':
      if (variable === undefined) throw badInput('Invalid RailwayChangeSet variable');
      return { variables: { [variable]: change['after'] } };
    case 'variable.delete':
      if (variable === undefined) throw badInput('Invalid RailwayChangeSet variable');
      return { variables: { [variable]: null } };
    case 'domain.create':
      return {
        networking: {
          customDomains: { [String(change['domain'])]: { port: change['targetPort'] } },
        },
      };
    default:
      throw badInput('Invalid RailwayChangeSet change');
  }
}

/** The patch that a change set comes to. @throws bad input for what is no change set. */
export function patchOfChangeSet(
  context: Context,
  environment: Environment,
  input: unknown,
): { patch: Record<Section, Record<string, unknown>>; changes: Change[] } {
  const given = isObject(input) ? input['changes'] : undefined;
  if (!Array.isArray(given)) throw badInput('Invalid RailwayChangeSet');
  const patch: Record<Section, Record<string, unknown>> = {
    services: {},
    volumes: {},
    buckets: {},
  };
  const changes: Change[] = [];
  for (const change of given) {
    if (!isObject(change)) throw badInput('Invalid RailwayChangeSet');
    const { section, name, id } = resolve(
      context,
      environment,
      optionalText(change, 'address') ?? '',
    );
    const isNew = change['kind'] === 'resource.create';
    if (id === undefined && !isNew)
      throw badInput(`No ${String(change['address'])} in this project`);
    const key = id ?? context.sequence.id();
    const resource = isObject(change['resource']) ? change['resource'] : {};
    const content = isNew ? { ...resource, name, isCreated: true } : contentOf(change);
    patch[section][key] = merged(patch[section][key], content);
    changes.push({ kind: String(change['kind']), path: optionalText(change, 'path') ?? null });
  }
  return { patch, changes };
}
