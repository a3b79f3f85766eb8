/** What a batch asks for and is gone already. Only true while the head is locked. */
import type { Intent } from '@countersign/broker';
import type { Taken } from './batch.ts';
import { arrayOf, type Tx } from './database.ts';

export async function findTaken(tx: Tx, intents: readonly Intent[]): Promise<Taken> {
  const entries = intents.flatMap((intent) => intent.entries.map((entry) => entry.id));
  const leases = intents.flatMap((intent) => (intent.lease === null ? [] : [intent.lease.id]));
  const once = intents.flatMap((intent) => intent.once.map((seen) => seen.id));
  const grants = intents.flatMap((intent) => intent.uses.map((use) => use.grant));
  const ids = await tx<{ id: string }[]>`
    select id from countersign.entries where id = any(${arrayOf(tx, 'uuid', entries)}::uuid[])
    union all
    select id from countersign.leases where id = any(${arrayOf(tx, 'uuid', leases)}::uuid[])`;
  const seen =
    once.length === 0
      ? []
      : await tx<{ id: string }[]>`
          select id from countersign.replay_ids where id = any(${arrayOf(tx, 'text', once)}::text[])`;
  const used =
    grants.length === 0
      ? []
      : await tx<{ grant_id: string; used: number }[]>`
          select grant_id, used from countersign.grant_uses
          where grant_id = any(${arrayOf(tx, 'uuid', grants)}::uuid[])`;
  return {
    ids: new Set(ids.map((row) => row.id)),
    once: new Set(seen.map((row) => row.id)),
    used: new Map(used.map((row) => [row.grant_id, row.used])),
  };
}
