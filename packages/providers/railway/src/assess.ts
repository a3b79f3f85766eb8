/**
 * What a delete would take with it, by Railway's own account, for the humans who are asked to sign. In the incident
 * nobody saw that the volume served production, and that its backups lay on it.
 */
import { type Assessment, ProviderError } from '@countersign/provider-kit';
import { z } from 'zod';
import type { Ask } from './ask.ts';
import { everyNode, PAGE_INFO, PAGE_SIZE, pageOf } from './pages.ts';
import { kindOf } from './resource.ts';

/** What stands in one environment and would go. */
interface Loss {
  readonly environment: string;
  readonly environment_id: string;
  /** Names of services that would be deleted, or that use a volume that would. */
  readonly services: readonly string[];
  readonly volumes: readonly VolumeLoss[];
}

interface VolumeLoss {
  readonly id: string;
  readonly name: string;
  readonly mounted_by: string | null;
  readonly used_mb: number;
  /** At Railway backups lie with the volume, so all of them go too. */
  readonly backups: number;
  /** RFC 3339; null: there is none. */
  readonly newest_backup: string | null;
}

/** Names of one list; more are counted. */
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

/**
 * The assessment of deleting a volume, service, environment or project; null where a deletion takes only itself.
 * @param projects ids of the connection's
 * @throws ProviderError, `refused` for what is not in these projects
 */
export async function assessDeletion(
  ask: Ask,
  projects: readonly string[],
  resource: string,
): Promise<Assessment | null> {
  const kind = kindOf(resource);
  if (kind !== 'volume' && kind !== 'service' && kind !== 'environment' && kind !== 'project') {
    return null;
  }
  const id = resource.slice(kind.length + 1);
  for (const project of projects) {
    const inventory = await takeInventory(ask, project);
    const isHere =
      (kind === 'project' && project === id) ||
      inventory.some(({ environment, services, volumes }) =>
        [environment, ...services, ...volumes].some((each) => each.id === id),
      );
    if (!isHere) continue;
    const losses: Loss[] = [];
    for (const place of inventory) {
      const loss = await lossIn(ask, place, kind, id);
      if (loss !== null) losses.push(loss);
    }
    return {
      kind: 'railway-deletion',
      v: 1,
      body: {
        resource,
        environments: losses.slice(0, NAMED),
        omitted: Math.max(0, losses.length - NAMED),
        // Nothing that Railway keeps outlives what it lies on.
        backups_left: 0,
      },
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
  readonly instances: ReadonlySet<string>;
  readonly disks: readonly Disk[];
}

async function takeInventory(ask: Ask, projectId: string): Promise<readonly Place[]> {
  // Forks too: a volume that is deleted goes in them as well.
  const environments = await listed(ask, 'project', projectId, 'environments', 'id name', named);
  const services = await listed(ask, 'project', projectId, 'services', 'id name', named);
  const volumes = await listed(ask, 'project', projectId, 'volumes', 'id name', named);
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
    places.push({ environment, services, volumes, instances: present, disks });
  }
  return places;
}

/** Null: nothing of it stands there. */
async function lossIn(
  ask: Ask,
  { environment, services, volumes, instances, disks }: Place,
  kind: 'volume' | 'service' | 'environment' | 'project',
  id: string,
): Promise<Loss | null> {
  if (kind === 'environment' && environment.id !== id) return null;
  const isWhole = kind === 'environment' || kind === 'project';
  // A service that is deleted leaves its volumes, detached.
  const lost = disks.filter((each) => isWhole || (kind === 'volume' && each.volumeId === id));
  const used = new Set(lost.map(({ serviceId }) => serviceId));
  const touched = services.filter((each) =>
    kind === 'service'
      ? each.id === id && instances.has(id)
      : isWhole
        ? instances.has(each.id)
        : used.has(each.id),
  );
  if (touched.length === 0 && lost.length === 0 && !isWhole) return null;
  const details: VolumeLoss[] = [];
  for (const each of lost.slice(0, NAMED)) {
    const backups = await backupsOf(ask, each.id);
    details.push({
      id: each.volumeId,
      name: shown(volumes.find((one) => one.id === each.volumeId)?.name ?? each.volumeId),
      mounted_by: nameOf(services, each.serviceId),
      used_mb: Math.ceil(each.currentSizeMB),
      backups: backups.length,
      newest_backup: [...backups].sort().at(-1) ?? null,
    });
  }
  return {
    environment: shown(environment.name),
    environment_id: environment.id,
    services: touched.slice(0, NAMED).map(({ name }) => shown(name)),
    volumes: details,
  };
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
