import { randomBytes } from 'node:crypto';
import { uuidv7 } from '@countersign/core';
import type { DryRun, Ran, Runner, RunOrder } from '@countersign/provider-kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, onEachServer } from './support/fixture.ts';

const newId = (): string =>
  uuidv7({ now: () => Date.now() }, { bytes: (length) => new Uint8Array(randomBytes(length)) });
const ALL = ['postgres:alter', 'postgres:create', 'postgres:drop'];

function runnerOf({ provider }: Fixture): Runner {
  if (provider.runner === undefined) throw new Error('PostgreSQL is a runner');
  return provider.runner;
}

/** A run, and what it leaves of itself taken away, as the broker does. */
async function run(
  fixture: Fixture,
  script: string,
  order: Partial<RunOrder> = {},
): Promise<{ ran: Ran; mark: string | null; after: string }> {
  const leaseId = newId();
  let mark: string | null = null;
  try {
    const ran = await runnerOf(fixture).run(fixture.connection, {
      leaseId,
      script,
      resource: 'sales',
      operations: ALL,
      signed: true,
      expiresAt: Date.now() + 60_000,
      requireStart: () => undefined,
      ...order,
      beforeCommit: async (made, changes) => {
        mark = made;
        await order.beforeCommit?.(made, changes);
      },
    });
    await fixture.issuer.revoke(fixture.connection, leaseId);
    const after = await runnerOf(fixture).outcome(fixture.connection, mark ?? '');
    return { ran, mark, after };
  } finally {
    await fixture.issuer.revoke(fixture.connection, leaseId);
  }
}

async function dryRun(fixture: Fixture, script: string): Promise<DryRun> {
  return await runnerOf(fixture).dryRun(fixture.connection, {
    id: newId(),
    script,
    resource: 'sales',
    requireStart: () => undefined,
  });
}

/** Everything a script could have left: objects, rows, roles, settings. */
async function everything({ admin }: Fixture): Promise<unknown> {
  const [row] = await admin`
    SELECT (SELECT json_agg(c.relname ORDER BY c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_') AS classes,
      (SELECT json_agg(r.rolname ORDER BY r.oid) FROM pg_roles r) AS roles,
      (SELECT json_agg(p.proname ORDER BY p.oid) FROM pg_proc p WHERE p.oid >= 16384) AS functions,
      (SELECT json_agg(b ORDER BY b.id) FROM sales.booking b) AS bookings,
      (SELECT json_agg(e.extname ORDER BY e.extname) FROM pg_extension e) AS extensions,
      (SELECT json_agg(d.datname ORDER BY d.datname) FROM pg_database d) AS databases,
      (SELECT count(*)::int FROM pg_prepared_xacts) AS prepared,
      (SELECT count(*)::int FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole) AS settings`;
  return row;
}

await onEachServer('scripts', (fixture, server) => {
  beforeAll(async () => {
    await fixture().admin.unsafe('GRANT app_owner TO broker WITH ADMIN OPTION');
  });

  const ESCAPES: readonly (readonly [title: string, sql: string, code: string])[] = [
    ['commits', 'DELETE FROM booking; COMMIT; DELETE FROM room', '0A000'],
    ['rolls back and begins anew', 'ROLLBACK; BEGIN; DELETE FROM booking', '0A000'],
    ['commits in a nested block', 'DO $$ BEGIN DELETE FROM booking; COMMIT; END $$', '2D000'],
    [
      'commits in a procedure',
      'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM booking; COMMIT; END $$; CALL p()',
      '2D000',
    ],
    ['chains transactions', 'DELETE FROM booking; COMMIT AND CHAIN', '0A000'],
    ['sets a savepoint', 'SAVEPOINT s; DELETE FROM booking', '0A000'],
    ['prepares the transaction', "DELETE FROM booking; PREPARE TRANSACTION 'left'", '0A000'],
    ['ends the string early', "'; DELETE FROM booking; COMMIT; --", '42601'],
    ['ends the block early', 'END $run$; DELETE FROM booking; COMMIT; DO $run$ BEGIN', '42601'],
    ['closes a comment', '*/ DELETE FROM booking; COMMIT /*', '42601'],
    ['hides in a comment', '/* /* */ DELETE FROM booking; COMMIT', '42601'],
    ['closes a dollar quote', '$run$; COMMIT; $run$', '42601'],
    ['makes a database', 'CREATE DATABASE mine', '25001'],
    ['builds an index concurrently', 'CREATE INDEX CONCURRENTLY i ON booking (guest)', '25001'],
    ['vacuums', 'VACUUM booking', '25001'],
    ['runs a program', "COPY booking TO PROGRAM 'cat >/tmp/stolen'", '42501'],
    ['reads a file', "COPY booking FROM '/etc/passwd'", '42501'],
    ['talks to its client', 'COPY booking TO STDOUT', '0A000'],
    ['becomes the superuser', 'SET ROLE postgres', '42501'],
    ['becomes the broker', 'SET ROLE broker', '42501'],
    ['becomes the broker for good', 'SET SESSION AUTHORIZATION broker', '42501'],
    ['gives the owner a role', 'GRANT broker TO app_owner', '42501'],
    ['makes a role', 'CREATE ROLE mine SUPERUSER', '42501'],
    ['makes itself a superuser', 'ALTER ROLE app_owner SUPERUSER', '42501'],
    ['changes the server', "ALTER SYSTEM SET log_statement = 'none'", '25001'],
    [
      'listens to all events',
      'CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION e()',
      '42501',
    ],
    ['installs an untrusted extension', 'CREATE EXTENSION dblink', '42501'],
    ['reads passwords', 'CREATE TABLE loot AS SELECT * FROM pg_authid', '42501'],
    ['resets its role and goes on', 'RESET ROLE; DELETE FROM sales.booking', '42501'],
    [
      'resets its authorization and goes on',
      'SET SESSION AUTHORIZATION DEFAULT; DELETE FROM sales.booking',
      '42501',
    ],
    ['makes it read-only and late', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', '25001'],
  ];

  describe.each(ESCAPES)('a script that %s', (_, sql, code) => {
    it('is refused by PostgreSQL, and nothing changed', async () => {
      const before = await everything(fixture());
      const tried = await dryRun(fixture(), sql);
      expect(tried).toMatchObject({ ok: false, failure: { code } });
      const { ran, mark } = await run(fixture(), sql);
      expect(ran).toMatchObject({ outcome: 'failed', failure: { code } });
      expect(mark).toBeNull();
      expect(await everything(fixture())).toEqual(before);
    });
  });
  void server;
});
