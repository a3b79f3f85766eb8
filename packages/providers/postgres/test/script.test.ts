import { randomBytes } from 'node:crypto';
import { uuidv7 } from '@countersign/core';
import type { DryRun, Ran, Runner, RunOrder } from '@countersign/provider-kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, onEachServer, ROOT_PASSWORD } from './support/fixture.ts';

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

await onEachServer('scripts', (fixture) => {
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

  describe('what a script did', () => {
    const tried = async (sql: string) => {
      const result = await dryRun(fixture(), sql);
      return result.ok ? result.assessment.body : result;
    };

    it.each([
      [
        'CREATE TABLE t (id serial PRIMARY KEY, note text)',
        {
          created: expect.arrayContaining([
            'table sales.t',
            'index sales.t_pkey',
            'sequence sales.t_id_seq',
          ]),
          dropped: [],
        },
      ],
      [
        'ALTER TABLE booking ADD COLUMN note text',
        { created: ['table column sales.booking.note'], dropped: [] },
      ],
      ['ALTER TABLE booking DROP COLUMN card', { dropped: ['table column sales.booking.card'] }],
      [
        'ALTER TABLE booking DROP COLUMN card; ALTER TABLE booking ADD COLUMN card text',
        {
          dropped: ['table column sales.booking.card'],
          created: ['table column sales.booking.card'],
        },
      ],
      [
        'DROP TABLE booking; CREATE TABLE booking (id int)',
        {
          dropped: expect.arrayContaining(['table sales.booking']),
          created: expect.arrayContaining(['table sales.booking']),
        },
      ],
      [
        'TRUNCATE booking',
        { emptied: ['table sales.booking'], rewritten: ['table sales.booking'] },
      ],
      [
        'DELETE FROM booking',
        {
          dropped: [],
          altered: [],
          rows: [{ table: 'sales.booking', inserted: 0, updated: 0, deleted: 2 }],
        },
      ],
      [
        "INSERT INTO booking (guest) VALUES ('eve'); UPDATE booking SET card = NULL",
        { rows: [{ table: 'sales.booking', inserted: 1, updated: 3, deleted: 0 }] },
      ],
      [
        'CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql RETURN 1',
        { created: ['SECURITY DEFINER function sales.f()'] },
      ],
      ['GRANT SELECT ON booking TO PUBLIC', { created: ['rights on table sales.booking'] }],
      [
        'GRANT SELECT (card) ON booking TO PUBLIC',
        { created: ['rights on table column sales.booking.card'] },
      ],
      [
        'ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO PUBLIC',
        { created: [expect.stringMatching(/^default acl /)] },
      ],
      [
        'ALTER TABLE booking ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON booking USING (true)',
        { altered: ['table sales.booking'], created: ['policy p on sales.booking'] },
      ],
      ["ALTER ROLE app_owner SET work_mem = '1MB'", { created: ['settings of role app_owner'] }],
      [
        'ALTER TABLE booking ALTER guest TYPE varchar(9)',
        {
          dropped: [],
          altered: expect.arrayContaining(['table column sales.booking.guest']),
          rewritten: ['table sales.booking'],
        },
      ],
      [
        'CREATE TEMP TABLE pg_class AS SELECT 1 AS oid; DELETE FROM room',
        { dropped: [], rows: [{ table: 'sales.room', deleted: 1, inserted: 0, updated: 0 }] },
      ],
      [
        'SELECT 1; SELECT pg_advisory_lock(1); NOTIFY x; LISTEN y',
        { created: [], altered: [], dropped: [], rows: [] },
      ],
      [
        "SET client_encoding = 'LATIN1'; SET quote_all_identifiers = on; SET search_path = pg_temp; DROP TABLE sales.room",
        { created: [], dropped: expect.arrayContaining(['table sales.room']) },
      ],
    ])('%s', async (sql, expected) => {
      await fixture().admin.unsafe('GRANT TEMPORARY ON DATABASE app TO app_owner');
      const before = await everything(fixture());
      expect(await tried(sql)).toMatchObject({ schema: 'sales', owner: 'app_owner', ...expected });
      expect(await everything(fixture())).toEqual(before);
    });

    it('is bounded, however much it was', async () => {
      const body = await tried(
        'DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE format($f$CREATE TABLE %I (id int)$f$, repeat($r$x$r$, 50) || i); END LOOP; END $$',
      );
      expect(JSON.stringify(body).length).toBeLessThan(8_000);
      expect(body).toMatchObject({ omitted: expect.any(Number), dropped: [] });
    });
  });

  it('says where a script fails', async () => {
    const tried = await dryRun(fixture(), 'SELECT 1;\nSELECT é FROM nothing');
    expect(tried).toEqual({
      ok: false,
      failure: { code: '42P01', name: 'undefined_table', position: 25 },
    });
  });

  it('runs what was deferred before it looks, and undoes what goes beyond the operations', async () => {
    const later = `
      CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DROP TABLE IF EXISTS sales.room; RETURN NULL; END $$;
      CREATE TABLE bait (id int);
      CREATE CONSTRAINT TRIGGER later AFTER INSERT ON bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION later();
      INSERT INTO bait VALUES (1)`;
    const before = await everything(fixture());
    const { ran } = await run(fixture(), later, { operations: ALL.slice(0, 2) });
    expect(ran).toEqual({ outcome: 'exceeded', operations: ['postgres:drop'] });
    expect(await everything(fixture())).toEqual(before);
  });

  it('commits once its mark is kept, and says so afterwards', async () => {
    const kept: string[] = [];
    const { ran, mark, after } = await run(fixture(), 'CREATE TABLE made (id int)', {
      beforeCommit: async (made) => {
        kept.push(made);
        expect(await fixture().admin`SELECT to_regclass('sales.made') AS made`).toEqual([
          { made: null },
        ]);
      },
    });
    expect(ran).toMatchObject({ outcome: 'committed', changes: { created: 1 } });
    expect([kept, after]).toEqual([[mark], 'committed']);
    const [row] = await fixture().admin`SELECT tableowner FROM pg_tables WHERE tablename = 'made'`;
    expect(row).toEqual({ tableowner: 'app_owner' });
    await fixture().admin`DROP TABLE sales.made`;
  });

  it('undoes everything when its mark cannot be kept', async () => {
    const leaseId = newId();
    let mark = '';
    const running = runnerOf(fixture()).run(fixture().connection, {
      leaseId,
      script: 'CREATE TABLE unkept (id int)',
      resource: 'sales',
      operations: ALL,
      signed: true,
      expiresAt: Date.now() + 60_000,
      requireStart: () => undefined,
      beforeCommit: async (made) => {
        mark = made;
        throw new Error('the ledger is away');
      },
    });
    await expect(running).rejects.toThrow();
    await fixture().issuer.revoke(fixture().connection, leaseId);
    expect(await runnerOf(fixture()).outcome(fixture().connection, mark)).toBe('rolled_back');
    expect(await fixture().admin`SELECT to_regclass('sales.unkept') AS made`).toEqual([
      { made: null },
    ]);
  });

  it('is ended from outside when it lifts its own limits', async () => {
    const endless =
      'SET statement_timeout = 0; SET lock_timeout = 0; CREATE TABLE endless (id int); SELECT pg_sleep(600)';
    const { ran } = await run(fixture(), endless, { expiresAt: Date.now() + 1_500 });
    expect(ran).toMatchObject({ outcome: 'failed', failure: { code: '57014' } });
  });

  it.each([
    ['empty', '  \n'],
    ['no text', 'SELECT 1\0'],
    ['half a character', 'SELECT \ud800'],
    ['longer than 16 KiB', `SELECT 1 /*${'é'.repeat(8_200)}*/`],
  ])('refuses a script that is %s', async (_, sql) => {
    await expect(dryRun(fixture(), sql)).rejects.toMatchObject({ kind: 'refused' });
    await expect(run(fixture(), sql)).rejects.toMatchObject({ kind: 'refused' });
  });

  it('begins nothing that is late', async () => {
    const late = (): never => {
      throw new Error('late');
    };
    const before = await everything(fixture());
    await expect(run(fixture(), 'DROP TABLE booking', { requireStart: late })).rejects.toThrow();
    expect(await everything(fixture())).toEqual(before);
  });

  it.each([
    ['SUPERUSER', /is a superuser/],
    ['CREATEROLE', /has CREATEROLE/],
    ['CREATEDB', /has CREATEDB/],
    ['REPLICATION', /has REPLICATION/],
    ['BYPASSRLS', /has BYPASSRLS/],
  ])('runs nothing as an owner with %s', async (attribute, words) => {
    const { admin } = fixture();
    await admin.unsafe(`ALTER ROLE app_owner ${attribute}`);
    const trying = dryRun(fixture(), 'SELECT 1');
    await expect(trying).rejects.toMatchObject({
      kind: 'misconfigured',
      message: expect.stringMatching(words),
    });
    await admin.unsafe(`ALTER ROLE app_owner NO${attribute}`);
  });

  it('runs nothing as an owner who can become somebody powerful, or is the broker', async () => {
    const { admin } = fixture();
    for (const [before, after, words] of [
      [
        'GRANT pg_write_server_files TO app_owner',
        'REVOKE pg_write_server_files FROM app_owner',
        /pg_write_server_files/,
      ],
      [
        'ALTER SCHEMA sales OWNER TO broker',
        'ALTER SCHEMA sales OWNER TO app_owner',
        /the role of this connection itself/,
      ],
      [
        'ALTER SCHEMA sales OWNER TO postgres',
        'ALTER SCHEMA sales OWNER TO app_owner',
        /superuser/,
      ],
      [
        'CREATE ROLE mighty SUPERUSER; GRANT mighty TO app_owner',
        'DROP ROLE mighty',
        /a member of mighty, which is a superuser/,
      ],
    ] as const) {
      await admin.unsafe(before);
      await expect(dryRun(fixture(), 'SELECT 1'), before).rejects.toMatchObject({
        kind: 'misconfigured',
        message: expect.stringMatching(words),
      });
      await admin.unsafe(after);
    }
    await expect(run(fixture(), 'SELECT 1', { resource: 'nowhere' })).rejects.toMatchObject({
      kind: 'refused',
    });
  });

  it("runs an agent's own SQL as no owner whose password it could set", async () => {
    const { admin } = fixture();
    await admin.unsafe('ALTER ROLE app_owner LOGIN');
    await expect(run(fixture(), 'SELECT 1', { signed: false })).rejects.toMatchObject({
      message: expect.stringMatching(/can log in.*NOLOGIN/),
    });
    expect((await run(fixture(), 'SELECT 1')).ran.outcome).toBe('committed');
    await admin.unsafe('ALTER ROLE app_owner NOLOGIN');
    expect((await run(fixture(), 'SELECT 1', { signed: false })).ran.outcome).toBe('committed');
  });

  it('takes away the login that a crash of a dry run left, and none that is at work', async () => {
    const { admin, issuer, connection } = fixture();
    const idAt = (now: number): string =>
      uuidv7({ now: () => now }, { bytes: (length) => new Uint8Array(randomBytes(length)) });
    const roles = [Date.now() - 600_000, Date.now()].map(
      (at) => `csd_testtag1_${idAt(at).replaceAll('-', '')}`,
    );
    const broker = fixture().session({ username: 'broker', password: ROOT_PASSWORD });
    for (const role of roles) await broker.unsafe(`CREATE ROLE ${role} LOGIN`);
    await issuer.reap(connection, async () => new Set());
    const left = await admin`SELECT rolname FROM pg_roles WHERE rolname ~ '^csd_'`;
    expect(left).toEqual([{ rolname: roles[1] }]);
    await broker.unsafe(`DROP ROLE ${roles[1]}`);
  });
});
