/**
 * What a delete would take with it, by Railway's own account, for the humans who are asked to sign. In the incident
 * nobody saw that the volume served production, and that its backups lay on it.
 */
import { type Deletion, type Loss, type Losses, ProviderError } from '@countersign/provider-kit';
import { z } from 'zod';
import type { Ask } from './ask.ts';
import { everyNode, PAGE_INFO, PAGE_SIZE, pageOf } from './pages.ts';
import { kindOf } from './resource.ts';
import { bucketsOf } from './shapes.ts';

/** Empties every volume that a service uses. */
const WIPE = 'railway:volumeWipe';

/** Volumes of one environment; more are counted. */
const NAMED = 20;
/** Characters of a name, which anybody in the project may have written. */
const LONGEST_NAME = 64;

const named = z.object({ id: z.string(), name: z.string() });
const disk = z.object({
  id: z.string(),
  volumeId: z.string(),
  serviceId: z.string().nullable(),
  currentSizeMB: z.number(),
});
type Named = z.infer<typeof named>;
type Disk = z.infer<typeof disk>;

type Kind = 'bucket' | 'volume' | 'service' | 'environment' | 'project';

/** Operations by which something is gone, or may be, that stands on or below what they name. */
const TAKING: Readonly<Record<string, Kind>> = {
  'railway:bucketDelete': 'bucket',
  'railway:environmentDelete': 'environment',
  'railway:placementChange': 'volume',
  'railway:projectDelete': 'project',
  'railway:projectScheduleDelete': 'project',
  'railway:projectScheduleDeleteForce': 'project',
  'railway:serviceDelete': 'service',
  'railway:volumeDelete': 'volume',
  'railway:volumeResize': 'volume',
  [WIPE]: 'service',
};

/** `Assessor.assesses`: false where a deletion takes only itself. */
export function takesMore({ operation, resource }: Deletion): boolean {
  return TAKING[operation] !== undefined && TAKING[operation] === kindOf(resource);
}

/**
 * What a deletion of a volume, bucket, service, environment or project takes, itself included.
 * @param projects ids of the connection's
 * @throws ProviderError, `refused` for what is not in these projects
 */
export async function assessDeletion(
  ask: Ask,
  projects: readonly string[],
  { operation, resource }: Deletion,
): Promise<Losses> {
  const kind = TAKING[operation];
  if (kind === undefined || kind !== kindOf(resource)) return { losses: [], omitted: 0 };
  const id = resource.slice(kind.length + 1);
  for (const project of projects) {
    const inventory = await takeInventory(ask, project);
    const isHere =
      (kind === 'project' && project === id) ||
      inventory.some(({ environment, services, volumes, buckets }) =>
        [environment, ...services, ...volumes, ...buckets].some((each) => each.id === id),
      );
    if (!isHere) continue;
    const found: Losses[] = [];
    for (const place of inventory) {
      found.push(await lossesIn(ask, place, { kind, id, isWipe: operation === WIPE }));
    }
    return {
      losses: found.flatMap(({ losses }) => losses),
      omitted: found.reduce((sum, { omitted }) => sum + omitted, 0),
    };
  }
  throw new ProviderError('refused', `${resource} is not in the projects of this connection.`);
}

/** An environment, and what of the project's services and volumes stands in it. */
interface Place {
  readonly environment: Named;
  /** Of the whole project. */
  readonly services: readonly Named[];
  readonly volumes: readonly Named[];
  readonly buckets: readonly Named[];
  readonly instances: ReadonlySet<string>;
  readonly disks: readonly Disk[];
  /** Ids of the buckets that its configuration holds. */
  readonly held: ReadonlySet<string>;
}

async function takeInventory(ask: Ask, projectId: string): Promise<readonly Place[]> {
  // Forks too: a volume that is deleted goes in them as well.
  const environments = await listed(ask, 'project', projectId, 'environments', 'id name', named);
  const services = await listed(ask, 'project', projectId, 'services', 'id name', named);
  const volumes = await listed(ask, 'project', projectId, 'volumes', 'id name', named);
  const buckets = await listed(ask, 'project', projectId, 'buckets', 'id name', named);
  const places: Place[] = [];
  for (const environment of environments) {
    const shape = z.object({ serviceId: z.string() });
    const [instances, disks] = [
      await listed(ask, 'environment', environment.id, 'serviceInstances', 'serviceId', shape),
      await listed(
        ask,
        'environment',
        environment.id,
        'volumeInstances',
        'id volumeId serviceId currentSizeMB',
        disk,
      ),
    ];
    const present = new Set(instances.map(({ serviceId }) => serviceId));
    const held = await bucketsIn(ask, environment.id);
    places.push({ environment, services, volumes, buckets, instances: present, disks, held });
  }
  return places;
}

/** What of it stands in one environment. */
async function lossesIn(
  ask: Ask,
  { environment, services, volumes, buckets, instances, disks, held }: Place,
  { kind, id, isWipe }: { readonly kind: Kind; readonly id: string; readonly isWipe: boolean },
): Promise<Losses> {
  const isWhole = kind === 'project' || (kind === 'environment' && environment.id === id);
  const lostServices = isWipe
    ? []
    : services.filter((each) => instances.has(each.id) && (isWhole || each.id === id));
  // A service that is deleted leaves its volumes, detached.
  const lostDisks = disks.filter(
    (each) => isWhole || (isWipe ? each.serviceId === id : each.volumeId === id),
  );
  const alone = { used_by: null, size: null, backups: null, newest_backup: null };
  const place = { place: shown(environment.name), place_id: environment.id };
  const losses: Loss[] = [
    ...(isWhole ? [`environment ${shown(environment.name)}`] : []),
    ...lostServices.map(({ name }) => `service ${shown(name)}`),
  ].map((object) => ({ ...place, object, ...alone }));
  for (const each of lostDisks.slice(0, NAMED)) {
    // At Railway backups lie with the volume, so all of them go too.
    const backups = await backupsOf(ask, each.id);
    losses.push({
      ...place,
      object: `volume ${shown(volumes.find((one) => one.id === each.volumeId)?.name ?? each.volumeId)}`,
      used_by: nameOf(services, each.serviceId),
      size: Math.ceil(each.currentSizeMB) * 1_000_000,
      backups: backups.length,
      newest_backup: [...backups].sort().at(-1) ?? null,
    });
  }
  const lostBuckets = buckets.filter(
    (each) => held.has(each.id) && (isWhole || (kind === 'bucket' && each.id === id)),
  );
  for (const each of lostBuckets.slice(0, NAMED)) {
    const size = await sizeOfBucket(ask, each.id, environment.id);
    losses.push({ ...place, object: `bucket ${shown(each.name)}`, ...alone, size });
  }
  const omitted = [lostDisks, lostBuckets].map(({ length }) => Math.max(0, length - NAMED));
  return { losses, omitted: omitted.reduce((sum, each) => sum + each, 0) };
}

async function backupsOf(ask: Ask, volumeInstanceId: string): Promise<readonly string[]> {
  const answer = await ask({
    query: 'query($id:String!){of:volumeInstanceBackupList(volumeInstanceId:$id){createdAt}}',
    variables: { id: volumeInstanceId },
    shape: z.object({ of: z.array(z.object({ createdAt: z.string() })) }),
  });
  if (answer === undefined) throw unseen();
  return answer.of.map(({ createdAt }) => createdAt);
}

async function bucketsIn(ask: Ask, environmentId: string): Promise<ReadonlySet<string>> {
  const answer = await ask(bucketsOf(environmentId));
  if (answer === undefined) throw unseen();
  return new Set(Object.keys(answer.environment.config.buckets ?? {}));
}

/** Bytes; null where Railway does not tell. */
async function sizeOfBucket(ask: Ask, id: string, environmentId: string): Promise<number | null> {
  const answer = await ask({
    query:
      'query($id:String!,$e:String!){of:bucketInstanceDetails(bucketId:$id,environmentId:$e){sizeBytes}}',
    variables: { id, e: environmentId },
    shape: z.object({ of: z.object({ sizeBytes: z.coerce.number() }).nullable() }),
  });
  return answer?.of?.sizeBytes ?? null;
}

async function listed<T>(
  ask: Ask,
  root: 'project' | 'environment',
  id: string,
  field: string,
  node: string,
  shape: z.ZodType<T>,
): Promise<readonly T[]> {
  const query = `query($id:String!,$after:String){of:${root}(id:$id){list:${field}(first:${PAGE_SIZE},after:$after){edges{node{${node}}} ${PAGE_INFO}}}}`;
  const answer = z.object({ of: z.object({ list: pageOf(shape) }) });
  const nodes = await everyNode(
    async (after) => (await ask({ query, variables: { id, after }, shape: answer }))?.of.list,
  );
  if (nodes === undefined) throw unseen();
  return nodes;
}

function nameOf(services: readonly Named[], id: string | null): string | null {
  if (id === null) return null;
  return shown(services.find((each) => each.id === id)?.name ?? id);
}

/** As it may stand before humans: short, and with nothing that steers a terminal. */
function shown(name: string): string {
  return name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '�').slice(0, LONGEST_NAME);
}

function unseen(): ProviderError {
  return new ProviderError('refused', 'Railway does not show what would be deleted.');
}
