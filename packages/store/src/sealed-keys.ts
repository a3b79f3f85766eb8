/**
 * The server's own private keys at rest. What callers get as the public key is checked against the
 * private key that opened, so that a public key swapped in the database signs nothing in (Law 1).
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { SealedKeys } from '@countersign/broker';
import { CountersignError, Secret } from '@countersign/core';
import { calculateJwkThumbprint } from 'jose';
import type { Committer } from './committer.ts';
import { guarded, guardedRead } from './database.ts';
import { eq } from './drizzle.ts';
import type { KekRing } from './kek-ring.ts';
import { sealedKeys, type Tables } from './tables.ts';

export function openSealedKeys(tables: Tables, ring: KekRing, committer: Committer): SealedKeys {
  const find = async (purpose: string) => {
    const rows = await guardedRead('read a key', () =>
      tables.select().from(sealedKeys).where(eq(sealedKeys.purpose, purpose)),
    );
    return rows[0] ?? null;
  };

  return {
    async ensure(purpose, make) {
      let row = await find(purpose);
      if (row === null) {
        const { publicJwk, privateJwk } = await make();
        const plain = Buffer.from(privateJwk.reveal());
        const binding = await bindingOf(purpose, publicJwk);
        await guarded('keep a key', () =>
          committer.underHead(async (tx, { kek }) => {
            const sealed = await kek.seal('key', binding, plain);
            await tx`
              insert into countersign.sealed_keys (purpose, public_jwk, sealed)
              values (${purpose}, ${JSON.stringify(publicJwk)}::text::jsonb, ${sealed}) on conflict do nothing`;
          }),
        );
        // Another server may have been first: what is stored counts.
        row = await find(purpose);
      }
      if (row === null) throw mismatch();
      const { publicJwk, sealed } = row;
      const plain = await ring.open('key', await bindingOf(purpose, publicJwk), sealed);
      const privateJwk = Buffer.from(plain).toString('utf8');
      if (!(await isPair(publicJwk, privateJwk))) throw mismatch();
      return { publicJwk, privateJwk: new Secret(`${purpose} key`, privateJwk) };
    },
  };
}

/** The whole public JWK is bound, its `kid` and `use` too, which no thumbprint covers. */
export async function bindingOf(purpose: string, publicJwk: unknown): Promise<unknown> {
  return { v: 1, purpose: `${purpose}-key`, jkt: await thumbprintOf(publicJwk), jwk: publicJwk };
}

/** Whether the halves belong together. @throws CountersignError `broker_unavailable` for what is no JWK */
export async function isPair(publicJwk: unknown, privateJwk: string): Promise<boolean> {
  return (await thumbprintOf(publicJwk)) === (await thumbprintOf(publicPartOf(privateJwk)));
}

/** RFC 7638. @throws CountersignError `broker_unavailable` for what is no JWK */
export async function thumbprintOf(jwk: unknown): Promise<string> {
  try {
    if (typeof jwk !== 'object' || jwk === null) throw mismatch();
    return await calculateJwkThumbprint(jwk);
  } catch {
    throw mismatch();
  }
}

function publicPartOf(privateJwk: string): unknown {
  try {
    const key = createPrivateKey({ key: JSON.parse(privateJwk), format: 'jwk' });
    return createPublicKey(key).export({ format: 'jwk' });
  } catch {
    throw mismatch();
  }
}

function mismatch(): CountersignError {
  return new CountersignError('broker_unavailable', 'A stored key pair is not a pair.');
}
