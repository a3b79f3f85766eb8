/** Taking back, from whatever state a lease, its agent or a crash left it in. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { codeOf, type Fixture, type Lease, onEachServer, right } from './support/fixture.ts';

/** Nothing of the lease is left at the server: no role, no session, no access list entry. */
async function expectGone({ admin }: Fixture, lease: Lease): Promise<void> {
  expect(await admin`SELECT FROM pg_roles WHERE rolname = ${lease.role}`).toHaveLength(0);
  const homeless = await admin`
    SELECT FROM pg_stat_activity a
    WHERE usesysid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid)`;
  expect(homeless).toHaveLength(0);
  const orphans = await admin`
    SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a
    WHERE a.grantee <> 0 AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee)`;
  expect(orphans).toHaveLength(0);
  expect(await codeOf(lease.open()`SELECT`)).toBe('28P01');
}

const READ = [right('select', 'sales.booking')];
const ALL = [...READ, right('insert', 'sales.booking'), right('delete', 'sales.room')];

/** What an agent can do, with what it was given, to stay. */
const CLINGING: readonly [
  string,
  (agent: ReturnType<Lease['open']>, lease: Lease) => Promise<unknown>,
][] = [
  ['is idle', async (agent) => agent`SELECT`],
  [
    'is in a transaction',
    async (agent) => agent.unsafe("BEGIN; INSERT INTO sales.booking (guest) VALUES ('never')"),
  ],
  [
    'is in the middle of a statement',
    async (agent, lease) => {
      const busy = lease.open();
      await busy`SELECT`;
      void codeOf(busy`SELECT pg_sleep(600)`);
      for (let running = 0; running === 0; ) {
        const sleeping = await agent`
          SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = current_user`;
        running = sleeping.length;
      }
    },
  ],
  [
    'holds locks',
    async (agent) => agent.unsafe('BEGIN; LOCK TABLE sales.room IN ACCESS EXCLUSIVE MODE'),
  ],
  [
    'holds its own row in pg_authid',
    async (agent) => agent.unsafe("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'mine'"),
  ],
  [
    'changed its own password',
    async (agent) => agent.unsafe("ALTER ROLE CURRENT_USER PASSWORD 'mine'"),
  ],
  [
    'changed its own settings',
    async (agent) => agent.unsafe("ALTER ROLE CURRENT_USER SET search_path = 'sales'"),
  ],
  [
    'holds every advisory lock it can think of',
    async (agent) => agent.unsafe('SELECT pg_advisory_lock(i) FROM generate_series(0, 200) i'),
  ],
  ['owns a large object', async (agent) => agent`SELECT lo_create(0)`],
  ['is about to own a large object', async (agent) => agent.unsafe('BEGIN; SELECT lo_create(0)')],
  [
    'set default privileges',
    async (agent) => agent.unsafe('ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC'),
  ],
  [
    'switched parallel workers on',
    async (agent) =>
      agent.unsafe('SET statement_timeout = 0; SET max_parallel_workers_per_gather = 4'),
  ],
];

await onEachServer('revoke', (fixture) => {
  it.each(CLINGING)('of a lease whose session %s', async (_, cling) => {
    const lease = await fixture().issue(ALL);
    const agent = lease.open();
    await agent`SELECT`;
    await cling(agent, lease);
    await fixture().issuer.revoke(fixture().connection, lease.id);
    await expectGone(fixture(), lease);
    const never = await fixture().admin`SELECT FROM sales.booking WHERE guest = 'never'`;
    expect(never).toHaveLength(0);
  });

  it('of a lease whose agent comes back at once, again and again, and locks its own row', async () => {
    const { issuer, connection } = fixture();
    const lease = await fixture().issue(ALL, { maxConnections: 50 });
    let revoked = false;
    let blocked = 0;
    const hammer = async (): Promise<void> => {
      for (let refused = false; !refused && !revoked; ) {
        const agent = lease.open();
        const code = await codeOf(agent.unsafe("BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'mine'"));
        refused = code === '28P01' || code === '28000';
        if (code !== 'ok') continue;
        blocked += 1;
        // The password it holds now is the old one until it commits, so it can come back with it.
        await codeOf(agent.unsafe('SELECT pg_sleep(60)'));
      }
    };
    const hammers = [1, 2, 3, 4, 5, 6].map(hammer);
    const first = lease.open();
    await codeOf(first`SELECT`);
    await issuer.revoke(connection, lease.id);
    revoked = true;
    await Promise.all(hammers);
    expect(blocked).toBeGreaterThan(0);
    await expectGone(fixture(), lease);
  });

  it('hands large objects over instead of destroying them', async () => {
    const lease = await fixture().issue(READ);
    const [made] = await lease.open()`SELECT lo_from_bytea(0, 'kept') AS id`;
    await fixture().issuer.revoke(fixture().connection, lease.id);
    const [kept] = await fixture().admin`
      SELECT pg_get_userbyid(lomowner) AS owner FROM pg_largeobject_metadata WHERE oid = ${Number(made?.['id'])}`;
    expect(kept).toEqual({ owner: 'broker' });
  });

  describe('of a lease that was let create code, and shares it with a live one', () => {
    const CODE = `
      CREATE FUNCTION open.power() RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';
      CREATE FUNCTION open.wipe() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        AS $$ BEGIN DELETE FROM sales.booking; RETURN NEW; END $$;
      CREATE TABLE open.bait (id int); GRANT ALL ON open.bait TO PUBLIC;
      CREATE TRIGGER wipe BEFORE INSERT ON open.bait FOR EACH ROW EXECUTE FUNCTION open.wipe();
      CREATE VIEW open.cards AS SELECT * FROM sales.room; GRANT ALL ON open.cards TO PUBLIC`;
    const opened = async (): Promise<{ left: Lease; live: Lease }> => {
      const { admin, provider, connection, issue } = fixture();
      await admin.unsafe('CREATE SCHEMA open; GRANT ALL ON SCHEMA open TO PUBLIC');
      const { escapes: acceptedEscapes } = await provider.check(connection);
      expect(acceptedEscapes.map(({ object }) => object)).toEqual(['schema open']);
      const live = await issue(READ, { acceptedEscapes });
      const left = await issue(READ, { acceptedEscapes });
      await left.open().unsafe(CODE);
      return { left, live };
    };

    it('leaves it to a role that may do nothing, not to the account of the connection', async () => {
      const { admin, connection, issuer } = fixture();
      const { left, live } = await opened();
      await issuer.revoke(connection, left.id);
      await expectGone(fixture(), left);
      const agent = live.open();
      const [power] = await agent<{ power: string }[]>`SELECT open.power()`;
      expect(power?.power).toMatch(/^csh_/);
      expect(await codeOf(agent`INSERT INTO open.bait VALUES (1)`)).toBe('42501');
      expect(await codeOf(agent`SELECT * FROM open.cards`)).toBe('42501');
      await issuer.revoke(connection, live.id);
      await admin.unsafe('DROP SCHEMA open CASCADE');
    });

    it('waits, with the login closed, while somebody gave that role rights', async () => {
      const { admin, connection, issuer } = fixture();
      const { left, live } = await opened();
      const [heir] = await admin`SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'csh_')`;
      const name = String(heir?.['rolname']);
      await admin.unsafe(`GRANT DELETE ON sales.booking TO ${name}`);
      await expect(issuer.revoke(connection, left.id)).rejects.toMatchObject({
        kind: 'misconfigured',
        message: expect.stringContaining(name),
      });
      expect(await codeOf(left.open()`SELECT`)).toBe('28P01');
      await admin.unsafe(`REVOKE DELETE ON sales.booking FROM ${name}`);
      await issuer.revoke(connection, left.id);
      await expectGone(fixture(), left);
      await issuer.revoke(connection, live.id);
      await admin.unsafe('DROP SCHEMA open CASCADE');
    });
  });

  it('reaches what the lease left in another database', async () => {
    const { admin, connection, issuer } = fixture();
    await admin`GRANT CONNECT ON DATABASE other TO PUBLIC`;
    const lease = await fixture().issue(READ);
    await lease.open('other')`SELECT lo_create(0)`;
    await issuer.revoke(connection, lease.id);
    await expectGone(fixture(), lease);
    await admin`REVOKE CONNECT ON DATABASE other FROM PUBLIC`;
  });

  it('says so when it may not clean another database up, with the login closed', async () => {
    const { admin, connection, issuer } = fixture();
    await admin`GRANT CONNECT ON DATABASE postgres TO PUBLIC`;
    const lease = await fixture().issue(READ);
    await lease.open('postgres')`SELECT lo_create(0)`;
    await admin`REVOKE CONNECT ON DATABASE postgres FROM PUBLIC`;
    await expect(issuer.revoke(connection, lease.id)).rejects.toMatchObject({
      name: 'ProviderError',
    });
    expect(await codeOf(lease.open()`SELECT`)).toBe('28P01');
    const report = await issuer.reap(connection, async () => new Set());
    expect(report.failed?.map(({ leaseId }) => leaseId)).toEqual([lease.id]);
    await admin`GRANT CONNECT ON DATABASE postgres TO broker`;
    expect((await issuer.reap(connection, async () => new Set())).revoked).toEqual([lease.id]);
    await admin`REVOKE CONNECT ON DATABASE postgres FROM broker`;
  });

  describe('finishes what a crash left after', () => {
    /** Each step of a revocation done by hand up to that point; then nobody went on. */
    const STEPS: readonly [string, string][] = [
      ['nothing', 'SELECT'],
      ['closing the login', 'ALTER ROLE @ NOLOGIN PASSWORD NULL'],
      ['joining the role', 'GRANT @ TO broker; ALTER ROLE @ NOLOGIN PASSWORD NULL'],
      [
        'ending sessions',
        "ALTER ROLE @ NOLOGIN PASSWORD NULL; SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '@'",
      ],
      ['handing over', 'ALTER ROLE @ NOLOGIN PASSWORD NULL; REASSIGN OWNED BY @ TO broker'],
      [
        'taking the rights',
        'ALTER ROLE @ NOLOGIN PASSWORD NULL; REASSIGN OWNED BY @ TO broker; DROP OWNED BY @',
      ],
      [
        'dropping the role',
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '@'; DROP OWNED BY @; DROP ROLE @",
      ],
    ];
    it.each(STEPS)('%s', async (_, done) => {
      const { admin, connection, issuer } = fixture();
      for (const finish of [
        (lease: Lease) => issuer.revoke(connection, lease.id),
        () => issuer.reap(connection, async () => new Set()),
      ]) {
        const lease = await fixture().issue(ALL);
        await codeOf(lease.open()`SELECT`);
        await admin.unsafe(done.replaceAll('@', lease.role));
        await finish(lease);
        await expectGone(fixture(), lease);
      }
    });

    it('minting half a lease, whose order then comes again', async () => {
      const { admin, connection, issuer } = fixture();
      const id = randomUUID();
      const role = `csl_testtag1_${id.replaceAll('-', '')}`;
      await admin.unsafe(
        `SET ROLE broker; CREATE ROLE ${role} LOGIN; GRANT ALL ON sales.room TO ${role}; RESET ROLE`,
      );
      const lease = await fixture().issue(READ, { leaseId: id });
      expect(lease.role).toBe(role);
      expect(await codeOf(lease.open()`SELECT FROM sales.booking`)).toBe('ok');
      expect(await codeOf(lease.open()`SELECT FROM sales.room`)).toBe('42501');
      await issuer.revoke(connection, id);
      await expectGone(fixture(), lease);
    });
  });

  it('waits for a mint that has not committed, instead of calling it gone', async () => {
    const { admin, connection, issuer } = fixture();
    const id = randomUUID();
    const role = `csl_testtag1_${id.replaceAll('-', '')}`;
    const minting = fixture().session({
      username: fixture().server.superuser,
      password: fixture().server.password,
    });
    await minting.unsafe(`BEGIN; SET ROLE broker; CREATE ROLE ${role} LOGIN`);
    const revoked = issuer.revoke(connection, id);
    for (let waiting = 0; waiting === 0; ) {
      waiting = (await admin`SELECT FROM pg_locks WHERE NOT granted`).length;
    }
    await minting.unsafe('COMMIT');
    await revoked;
    expect(await admin`SELECT FROM pg_roles WHERE rolname = ${role}`).toHaveLength(0);
  });

  it.each([
    ['its table was dropped', 'DROP TABLE sales.doomed'],
    ['its schema was dropped', 'DROP SCHEMA sales2 CASCADE; DROP TABLE sales.doomed'],
    ['its table was renamed', 'ALTER TABLE sales.doomed RENAME TO gone'],
    ['its schema was renamed', 'ALTER SCHEMA sales2 RENAME TO sales3'],
    [
      'a human granted it more',
      'GRANT ALL ON sales.room TO @; GRANT app_owner TO @; GRANT CREATE ON SCHEMA sales TO @',
    ],
    [
      'a human gave it a table',
      'CREATE TABLE sales.gift (id int); ALTER TABLE sales.gift OWNER TO @; ',
    ],
  ])('after %s', async (_, accident) => {
    const { admin, connection, issuer } = fixture();
    await admin.unsafe(
      `SET ROLE app_owner; CREATE SCHEMA sales2; CREATE TABLE sales.doomed (id serial); CREATE TABLE sales2.doomed (id serial); RESET ROLE`,
    );
    const lease = await fixture().issue([
      right('delete', 'sales.doomed'),
      right('delete', 'sales2.doomed'),
      right('insert', 'sales2.doomed'),
    ]);
    const agent = lease.open();
    await agent`SELECT`;
    await admin.unsafe(accident.replaceAll('@', lease.role));
    await issuer.revoke(connection, lease.id);
    await expectGone(fixture(), lease);
    await admin.unsafe(
      `DROP SCHEMA IF EXISTS sales2, sales3 CASCADE; DROP TABLE IF EXISTS sales.doomed, sales.gone, sales.gift`,
    );
  });

  it('says what is left when its table went to an owner that the broker is no member of', async () => {
    const { admin, connection, issuer } = fixture();
    await admin.unsafe('SET ROLE app_owner; CREATE TABLE sales.moved (id int); RESET ROLE');
    const lease = await fixture().issue([right('delete', 'sales.moved')]);
    const agent = lease.open();
    await agent`DELETE FROM sales.moved`;
    await admin.unsafe('ALTER TABLE sales.moved OWNER TO postgres');
    await expect(issuer.revoke(connection, lease.id)).rejects.toMatchObject({
      kind: 'misconfigured',
      message: expect.stringContaining(`refobjid = '${lease.role}'::regrole`),
    });
    expect(await codeOf(agent`SELECT`)).not.toBe('ok');
    expect(await codeOf(lease.open()`SELECT`)).toBe('28P01');
    await admin.unsafe(`REVOKE ALL ON sales.moved FROM ${lease.role}`);
    await issuer.revoke(connection, lease.id);
    await expectGone(fixture(), lease);
  });

  it('of one lease leaves the others their sessions', async () => {
    const [lost, kept] = [await fixture().issue(READ), await fixture().issue(READ)];
    const agent = kept.open();
    await agent`SELECT FROM sales.booking`;
    await fixture().issuer.revoke(fixture().connection, lost.id);
    expect(await codeOf(agent`SELECT FROM sales.booking`)).toBe('ok');
  });

  it('knows which leases have a session open, of this broker only', async () => {
    const { connection, issuer } = fixture();
    const [used, idle] = [await fixture().issue(READ), await fixture().issue(READ)];
    const agent = used.open();
    await agent`SELECT FROM sales.booking`;
    const inUse = await issuer.inUse?.(connection);
    expect(inUse).toContain(used.id);
    expect(inUse).not.toContain(idle.id);
    const another = { ...connection, brokerTag: 'a'.repeat(connection.brokerTag.length) };
    expect(await issuer.inUse?.(another)).toEqual([]);
    await issuer.revoke(connection, used.id);
    expect(await issuer.inUse?.(connection)).not.toContain(used.id);
  });

  it('and issue, 32 of each at once, all succeed', async () => {
    const { admin, connection, issuer } = fixture();
    const old = await Promise.all(Array.from({ length: 32 }, () => fixture().issue(ALL)));
    const fresh = await Promise.all([
      ...Array.from({ length: 32 }, () => fixture().issue(ALL)),
      ...old.map(({ id }) => issuer.revoke(connection, id)),
    ]);
    const leases = fresh.flatMap((lease) => (typeof lease === 'object' ? [lease] : []));
    expect(leases).toHaveLength(32);
    const roles = await admin`SELECT rolname FROM pg_roles WHERE rolname LIKE 'csl\\_%'`;
    const names = new Set(roles.map(({ rolname }) => rolname));
    for (const { role } of leases) expect(names.has(role)).toBe(true);
    for (const { role } of old) expect(names.has(role)).toBe(false);
    await issuer.reap(connection, async () => new Set());
    expect(await admin`SELECT FROM pg_roles WHERE rolname LIKE 'csl\\_%'`).toHaveLength(0);
  });

  it('never touches the leases of another broker', async () => {
    const { admin, connection, issuer } = fixture();
    await admin.unsafe(
      'CREATE ROLE csl_othertag_00000000000000000000000000000000; CREATE ROLE csl_testtag1_not_a_lease',
    );
    expect(await issuer.reap(connection, async () => new Set())).toEqual({ revoked: [] });
    const roles =
      await admin`SELECT FROM pg_roles WHERE rolname IN ('csl_othertag_00000000000000000000000000000000', 'csl_testtag1_not_a_lease')`;
    expect(roles).toHaveLength(2);
  });
});
