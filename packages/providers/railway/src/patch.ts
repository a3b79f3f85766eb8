/**
 * A patch of an environment's configuration deletes without saying so: `isDeleted` in an entry, or a null in the
 * place of one. Every member is judged by a closed list; one that is not in it may do anything, so it is refused.
 */
import { isObject, type Judgement, requireId, unreadable } from './judgement.ts';
import { entriesOf, flag, isDeletion, judgeMembers, type Members } from './patch-members.ts';
import { judgeServicePatch } from './patch-service.ts';
import { judgeVariables } from './patch-variables.ts';

const VOLUME: Members<{ judged: Judgement; environmentId: string; id: string }> = {
  isDeleted: flag,
  isCreated: ({ judged, environmentId }, value) => {
    flag(null, value);
    judged.call('volumeCreate', `environment/${environmentId}`);
  },
  // Whether it becomes smaller only the volume knows.
  sizeMB: ({ judged, id }) => judged.call('volumeResize', `volume/${id}`),
  sizeMb: ({ judged, id }) => judged.call('volumeResize', `volume/${id}`),
  region: ({ judged, id }) => judged.call('placementChange', `volume/${id}`),
  allowOnlineResize: ({ judged, id }) => judged.call('volumeInstanceUpdate', `volume/${id}`),
  name: ({ judged, id }) => {
    judged.call('volumeUpdate', `volume/${id}`);
    judged.anchor('volume', id);
  },
};

const BUCKET: Members<{ judged: Judgement; id: string }> = {
  isDeleted: flag,
  isCreated: flag,
  region: () => {},
};

/**
 * Adds what the patch does in that environment.
 * @throws RequestRefusal `unparseable_request` for any member that is not known
 */
export function judgePatch(judged: Judgement, environmentId: string, patch: unknown): void {
  if (!isObject(patch)) throw unreadable('A patch has to be an object.');
  judgeMembers(
    'patch',
    {
      services: (_, services) => {
        for (const [id, entry] of entriesOf(services, 'services')) {
          judgeServicePatch(judged, environmentId, requireId(id, 'services'), entry);
        }
      },
      sharedVariables: (_, variables) =>
        judgeVariables(judged, { kind: 'environment', id: environmentId }, variables),
      volumes: (_, volumes) => {
        for (const [key, entry] of entriesOf(volumes, 'volumes')) {
          judgeVolume(judged, environmentId, requireId(key, 'volumes'), entry);
        }
      },
      buckets: (_, buckets) => {
        for (const [key, entry] of entriesOf(buckets, 'buckets')) {
          judgeBucket(judged, environmentId, requireId(key, 'buckets'), entry);
        }
      },
    },
    null,
    patch,
  );
}

function judgeVolume(judged: Judgement, environmentId: string, id: string, entry: unknown): void {
  if (isDeletion(entry)) {
    judged.call('volumeDelete', `volume/${id}`);
    // Law 2: whether Railway keeps the instances elsewhere nobody has seen, so each of them counts.
    judged.anchor('volume', id);
  }
  if (entry === null) return;
  if (!isObject(entry)) throw unreadable('An entry of volumes has to be an object.');
  judged.call('volumeInstanceUpdate', `volume/${id}`);
  judged.anchor(entry['isCreated'] === true ? 'new-volume' : 'volume-in', id, environmentId);
  judgeMembers('volumes', VOLUME, { judged, environmentId, id }, entry);
}

function judgeBucket(judged: Judgement, environmentId: string, id: string, entry: unknown): void {
  if (isDeletion(entry)) judged.call('bucketDelete', `bucket/${id}`);
  // Law 2: as with a volume, each environment that holds it counts.
  const isNew = isObject(entry) && entry['isCreated'] === true && !isDeletion(entry);
  judged.anchor(isNew ? 'new-bucket' : 'bucket', id, environmentId);
  if (entry === null) return;
  if (!isObject(entry)) throw unreadable('An entry of buckets has to be an object.');
  if (!isDeletion(entry)) judged.call('bucketOpen', `bucket/${id}`);
  judgeMembers('buckets', BUCKET, { judged, id }, entry);
}
