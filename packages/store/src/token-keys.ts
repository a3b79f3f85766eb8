/**
 * The keys that sign the broker's own tokens, each with the times it signs and verifies sealed to it: the
 * database owner neither adds one nor keeps one alive (Law 1). One that the head's floor has passed is
 * none, even when its row is put back.
 */
import type { TokenKeyChange, TokenKeyRows, TokenKeySet } from '@countersign/broker';
import { fromInstant, Secret, toInstant } from '@countersign/core';
import type { Committer } from './committer.ts';
import { guarded, guardedRead, type Querier, type Sql, type Tx } from './database.ts';
import type { LedgerHead } from './head.ts';
import { parseStrings } from './kek.ts';
import type { KekRing } from './kek-ring.ts';
import { isPair, thumbprintOf } from './sealed-keys.ts';

type StoredTokenKey = TokenKeySet['keys'][number];

interface Row {
  readonly purpose: string;
  readonly public_jwk: unknown;
  readonly schedule: unknown;
  readonly sealed: string;
}

const PREFIX = 'token/';

export function openTokenKeys(sql: Sql, ring: KekRing, committer: Committer): TokenKeyRows {
  /** By the whole row: opening is paid once. */
  let opened = new Map<string, StoredTokenKey>();

  async function readRows(from: Querier): Promise<Pick<TokenKeySet, 'keys' | 'foreign'>> {
    const rows = await from<Row[]>`
      select purpose, public_jwk, schedule, sealed from countersign.sealed_keys
      where starts_with(purpose, ${PREFIX})`;
    const now = new Map<string, StoredTokenKey>();
    const foreign: string[] = [];
    for (const row of rows) {
      const text = JSON.stringify(row);
      const key = opened.get(text) ?? (await openRow(ring, row));
      if (key === null) foreign.push(row.purpose);
      else now.set(text, key);
    }
    opened = now;
    return { keys: [...now.values()], foreign };
  }

  return {
    read: () =>
      guardedRead('read the token keys', async () =>
        setOf(await committer.refresh(), await readRows(sql)),
      ),

    change: (plan) =>
      guarded('change the token keys', () =>
        committer.amend(async (tx, head) => {
          const change = await plan(setOf(head, await readRows(tx)));
          if (change === null) return null;
          await apply(tx, head, change);
          const isEmpty = head.size === 0;
          return {
            // Genesis is the first entry there is.
            entries: change.entry === null || isEmpty ? [] : [change.entry],
            change: change.floor === null ? {} : { tokenFloor: toInstant(change.floor) },
            isUrgent: change.isUrgent && !isEmpty,
          };
        }),
      ),
  };
}

function setOf(
  head: LedgerHead,
  { keys, foreign }: Pick<TokenKeySet, 'keys' | 'foreign'>,
): TokenKeySet {
  const floor = head.tokenFloor === null ? null : fromInstant(head.tokenFloor);
  return {
    keys: keys.filter((key) => floor === null || key.madeAt >= floor),
    foreign,
    floor,
    ledgerTime: fromInstant(head.time),
  };
}

async function apply(tx: Tx, { kek }: LedgerHead, { add, remove }: TokenKeyChange): Promise<void> {
  for (const kid of remove) {
    await tx`delete from countersign.sealed_keys where purpose = ${PREFIX + kid}`;
  }
  if (add === null) return;
  const schedule = {
    made_at: toInstant(add.madeAt),
    signs_from: toInstant(add.signsFrom),
    ends_at: toInstant(add.endsAt),
  };
  const binding = await bindingOf(add.publicJwk, schedule);
  const sealed = await kek.seal('key', binding, Buffer.from(add.privateJwk.reveal()));
  await tx`
    insert into countersign.sealed_keys (purpose, public_jwk, schedule, sealed)
    values (${PREFIX + (await thumbprintOf(add.publicJwk))},
      ${JSON.stringify(add.publicJwk)}::text::jsonb, ${JSON.stringify(schedule)}::text::jsonb,
      ${sealed})`;
}

/** Null for a row that is not as it was sealed: it is no key. */
async function openRow(ring: KekRing, row: Row): Promise<StoredTokenKey | null> {
  try {
    const times = ['made_at', 'signs_from', 'ends_at'] as const;
    const schedule = parseStrings(JSON.stringify(row.schedule), times);
    const kid = await thumbprintOf(row.public_jwk);
    if (row.purpose !== PREFIX + kid) return null;
    const plain = await ring.open('key', await bindingOf(row.public_jwk, schedule), row.sealed);
    const privateJwk = Buffer.from(plain).toString('utf8');
    if (!(await isPair(row.public_jwk, privateJwk))) return null;
    return {
      kid,
      publicJwk: row.public_jwk,
      privateJwk: new Secret('token key', privateJwk),
      madeAt: fromInstant(schedule.made_at),
      signsFrom: fromInstant(schedule.signs_from),
      endsAt: fromInstant(schedule.ends_at),
    };
  } catch {
    return null;
  }
}

/** The times are bound with the key: a row whose end was moved does not open. */
async function bindingOf(publicJwk: unknown, schedule: object): Promise<unknown> {
  return {
    v: 1,
    purpose: 'token-key',
    jkt: await thumbprintOf(publicJwk),
    jwk: publicJwk,
    schedule,
  };
}
