/** Several servers on one target: what each makes and takes back must never be an error to the others. */
import { randomBytes, randomUUID } from 'node:crypto';
import { ProviderError } from '@countersign/provider-kit';
import { afterAll, expect, it } from 'vitest';
import { createPostgresProvider } from '../src/index.ts';
import { BROKER_SYSTEM_IDENTIFIER, onEachServer, orderOf, right } from './support/fixture.ts';

const SERVERS = 3;
const WORKERS = 4;
const LEASES = process.env['COUNTERSIGN_TEST_LONG'] === '1' ? 300 : 6;
/** Some of one group, some of several, some that no group may hold. */
const RIGHTS = [
  [right('select', 'sales.booking')],
  [right('select', 'sales.booking'), right('update', 'sales.room')],
  [right('select', 'sales.room'), right('insert', 'sales.booking')],
  [right('delete', 'sales.room')],
];

await onEachServer('servers that mint and revoke side by side', (fixture) => {
  const providers = Array.from({ length: SERVERS }, () =>
    createPostgresProvider({
      clock: { now: () => Date.now() },
      random: { bytes: (length) => randomBytes(length) },
      brokerSystemIdentifier: async () => BROKER_SYSTEM_IDENTIFIER,
    }),
  );
  afterAll(async () => {
    await Promise.all(providers.map((provider) => provider.close()));
  });

  it('are never refused for what another is doing', { timeout: 600_000 }, async () => {
    const { connection, admin } = fixture();
    const wrong: string[] = [];
    const note = (error: unknown): void => {
      wrong.push(error instanceof ProviderError ? `${error.kind}: ${error.message}` : 'unknown');
    };
    const workers = providers.flatMap(({ issuer }) =>
      Array.from({ length: WORKERS }, async (_, worker) => {
        for (let made = 0; made < LEASES; made += 1) {
          const id = randomUUID();
          const rights = RIGHTS[(made + worker) % RIGHTS.length] ?? [];
          const other = providers[(made + worker) % SERVERS]?.issuer;
          const issued = issuer?.issue(connection, orderOf(id, rights)).catch(note);
          // Every third is taken back while it is being made.
          if (made % 3 === 0) await other?.revoke(connection, id).catch(note);
          await issued;
          await other?.revoke(connection, id).catch(note);
        }
      }),
    );
    await Promise.all(workers);
    expect(wrong).toEqual([]);
    expect(await admin`SELECT FROM pg_roles WHERE starts_with(rolname, 'csl_')`).toHaveLength(0);
  });
});
