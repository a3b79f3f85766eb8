/**
 * Row effects: what else changes in the transaction of an entry. Each is one conditional statement; the
 * caller holds the head and a savepoint, and an effect that matched no row loses its whole intent.
 */
import type { RowEffect } from '@countersign/broker';
import { toInstant } from '@countersign/core';
import { AUTHORITY_CHANNEL } from './append.ts';
import type { Refusal } from './batch.ts';
import { arrayOf, savepoint, type Tx } from './database.ts';
import { type Kek, kekIdOf } from './kek.ts';
import type { KekRing } from './kek-ring.ts';
import { keepCode, macOfCode, macOfRequest, macsOfCode } from './row-macs.ts';

/** Thrown inside a savepoint, to roll it back. */
class EffectLost extends Error {
  readonly kind: RowEffect['kind'];

  constructor(kind: RowEffect['kind']) {
    super(`row effect ${kind} matched no row`);
    this.kind = kind;
  }
}

/** The keys of a commit: what is written is under `present`, the key of the head that it holds. */
interface CommitKeys {
  readonly ring: KekRing;
  readonly present: Kek;
}

/** Applies the effects in order, or none of them: null, or the refusal that the first brings which no longer applies. */
export async function applyOrLose(
  tx: Tx,
  keys: CommitKeys,
  effects: readonly RowEffect[],
): Promise<Refusal | null> {
  if (effects.length === 0) return null;
  try {
    await savepoint(tx, (inner) => applyEffects(inner, keys, effects));
    return null;
  } catch (error) {
    if (error instanceof EffectLost) return { outcome: 'conflict', what: error.kind };
    throw error;
  }
}

async function applyEffects(
  tx: Tx,
  keys: CommitKeys,
  effects: readonly RowEffect[],
): Promise<void> {
  for (const effect of effects) {
    if (!(await applies(tx, keys, effect))) throw new EffectLost(effect.kind);
  }
}

async function applies(tx: Tx, keys: CommitKeys, effect: RowEffect): Promise<boolean> {
  const { ring, present } = keys;
  switch (effect.kind) {
    case 'seal-credential': {
      const { count } = await tx`
        insert into countersign.sealed_credentials (statement, sealed)
        values (${effect.statement}, ${await underPresent(keys, effect.sealed)})
        on conflict do nothing`;
      return count === 1;
    }
    case 'discard-credential': {
      // A veto must not fail because somebody removed the row before it did.
      await tx`
        delete from countersign.sealed_credentials where statement = ${effect.statement}`;
      return true;
    }
    case 'destroy-credential': {
      const { count } = await tx`
        delete from countersign.sealed_credentials where statement = ${effect.statement}`;
      return count === 1;
    }
    case 'invite': {
      const { name, roles, groups, sponsor, expiresAt } = effect.invitation;
      const { count } = await tx`
        insert into countersign.invitations (code_hash, sealed, name, roles, groups, sponsor, expires_at)
        values (${macOfCode(present, effect.codeHash)}, ${await keepCode(present, effect.codeHash)},
          ${name}, ${arrayOf(tx, 'text', roles)}::text[],
          ${arrayOf(tx, 'text', groups)}::text[], ${sponsor}, ${toInstant(expiresAt)})
        on conflict do nothing`;
      return count === 1;
    }
    case 'spend-invitation': {
      const { count } = await tx`
        update countersign.invitations set spent = true
        where code_hash = any(${arrayOf(tx, 'text', macsOfCode(ring, effect.codeHash))}::text[])
          and not spent and expires_at > ${toInstant(effect.now)}`;
      return count === 1;
    }
    case 'spend-genesis-code': {
      const { count } = await tx`
        delete from countersign.genesis_code
        where code_hash = any(${arrayOf(tx, 'text', macsOfCode(ring, effect.codeHash))}::text[])`;
      return count === 1;
    }
    case 'access-request': {
      const { request, mostOpen } = effect;
      const details = tx.json(request.details.map((detail) => ({ ...detail })));
      const { count } = await tx`
        insert into countersign.access_requests
          (id, agent, details, reason, sender, created_at, mac)
        select ${request.id}::uuid, ${request.agent}::uuid, ${details}::jsonb, ${request.reason}::text,
          ${request.sender}::text, ${toInstant(request.createdAt)}::timestamptz,
          ${macOfRequest(present, request)}::bytea
        where ${mostOpen}::int > (
          select count(*) from countersign.access_requests
          where agent = ${request.agent}::uuid and rejection is null and statement is null)
        on conflict do nothing`;
      return count === 1;
    }
    case 'settle-access-request': {
      const { count } = await tx`
        update countersign.access_requests
        set rejection = ${effect.rejection}, statement = ${effect.statement}
        where id = ${effect.id} and rejection is null and statement is null`;
      // Its agent may wait for the answer at another server.
      await tx`select pg_notify(${AUTHORITY_CHANNEL}, '')`;
      return count === 1;
    }
    case 'lease-state': {
      const { count } = await tx`
        update countersign.leases set state = ${effect.to}, trouble = null, claimed_until = null
        where id = ${effect.id} and state = any(${arrayOf(tx, 'text', effect.from)}::text[])`;
      return count === 1;
    }
    case 'return-use': {
      const { count } = await tx`
        update countersign.grant_uses set used = used - 1
        where grant_id = any(${arrayOf(tx, 'uuid', effect.grants)}::uuid[]) and used > 0`;
      return count === effect.grants.length;
    }
  }
}

/** A credential is sealed before its commit: the keys may have changed over in between. */
async function underPresent({ ring, present }: CommitKeys, sealed: string): Promise<string> {
  const kek = ring.named(kekIdOf(sealed) ?? '');
  return kek === null || kek.id === present.id ? sealed : kek.reseal('credential', sealed, present);
}
