/**
 * Root credentials at rest. Law 1: bound to genesis, connection, endpoint and account, so that a row
 * moved, or a connection redirected in the database, opens nothing.
 */
import type { CredentialBinding, SealedCredentials } from '@countersign/broker';
import { CountersignError, isUuid, Secret } from '@countersign/core';
import type { Committer } from './committer.ts';
import { guardedRead } from './database.ts';
import { eq } from './drizzle.ts';
import { parseStrings } from './kek.ts';
import type { KekRing } from './kek-ring.ts';
import { sealedCredentials, type Tables } from './tables.ts';

export function openSealedCredentials(
  tables: Tables,
  ring: KekRing,
  committer: Committer,
): SealedCredentials {
  return {
    async seal(binding, salt, credential) {
      const { kek } = await committer.known();
      const plain = JSON.stringify({ salt, credential: credential.reveal() });
      return kek.seal('credential', documentOf(binding), Buffer.from(plain));
    },

    async holds(statement) {
      if (!isUuid(statement)) return false;
      const rows = await guardedRead('look for a credential', () =>
        tables
          .select({ statement: sealedCredentials.statement })
          .from(sealedCredentials)
          .where(eq(sealedCredentials.statement, statement)),
      );
      return rows.length > 0;
    },

    async open(statement, binding) {
      const rows = isUuid(statement)
        ? await guardedRead('read a credential', () =>
            tables
              .select()
              .from(sealedCredentials)
              .where(eq(sealedCredentials.statement, statement)),
          )
        : [];
      const row = rows[0];
      if (row === undefined) {
        throw new CountersignError('broker_unavailable', 'The credential is not in the database.');
      }
      const plain = await ring.open('credential', documentOf(binding), row.sealed);
      const text = Buffer.from(plain).toString('utf8');
      const { salt, credential } = parseStrings(text, ['salt', 'credential']);
      return { salt, credential: new Secret('credential', credential) };
    },
  };
}

/** What is authenticated with the ciphertext, as canonical JSON. */
function documentOf({ broker, connection, endpoint, account }: CredentialBinding): unknown {
  return { v: 1, purpose: 'credential', broker, connection, endpoint, account };
}
