/** What a lease may do, and that PostgreSQL itself refuses everything else. */
import { randomUUID } from 'node:crypto';
import { ProviderError } from '@countersign/provider-kit';
import { describe, expect, it } from 'vitest';
import { codeOf, onEachServer, orderOf, right } from './support/fixture.ts';

const DENIED = '42501';

interface Case {
  readonly name: string;
  readonly rights: readonly ReturnType<typeof right>[];
  readonly allowed: readonly string[];
  readonly refused: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: 'select',
    rights: [right('select', 'sales.booking')],
    allowed: [
      'SELECT * FROM sales.booking',
      'SELECT card FROM sales.booking WHERE id = 1',
      'COPY sales.booking TO STDOUT',
      'LOCK TABLE sales.booking IN ACCESS SHARE MODE',
    ],
    refused: [
      'SELECT * FROM sales.room',
      'SELECT * FROM sales.booking FOR UPDATE',
      "INSERT INTO sales.booking (guest) VALUES ('x')",
      "UPDATE sales.booking SET guest = 'x'",
      'DELETE FROM sales.booking',
      'TRUNCATE sales.booking',
      'LOCK TABLE sales.booking IN ACCESS EXCLUSIVE MODE',
      "SELECT nextval('sales.booking_id_seq')",
    ],
  },
  {
    name: 'select of columns',
    rights: [right('select', 'sales.booking(guest,id)')],
    allowed: ['SELECT id, guest FROM sales.booking', 'SELECT count(*) FROM sales.booking'],
    refused: [
      'SELECT * FROM sales.booking',
      'SELECT card FROM sales.booking',
      "SELECT id FROM sales.booking WHERE card = '4111'",
      'SELECT b FROM sales.booking b',
      'DELETE FROM sales.booking',
    ],
  },
  {
    name: 'insert, with a serial key',
    rights: [right('insert', 'sales.booking')],
    allowed: [
      "INSERT INTO sales.booking (guest) VALUES ('new')",
      'INSERT INTO sales.booking DEFAULT VALUES',
    ],
    refused: [
      "INSERT INTO sales.booking (guest) VALUES ('x') RETURNING id",
      'SELECT * FROM sales.booking',
      "SELECT setval('sales.booking_id_seq', 1)",
      "INSERT INTO sales.room (name) VALUES ('x')",
      "UPDATE sales.booking SET guest = 'x'",
      'DELETE FROM sales.booking',
    ],
  },
  {
    name: 'insert of columns',
    rights: [right('insert', 'sales.booking(guest)')],
    allowed: ["INSERT INTO sales.booking (guest) VALUES ('new')"],
    refused: [
      "INSERT INTO sales.booking (guest, card) VALUES ('x', 'y')",
      "INSERT INTO sales.booking (id, guest) VALUES (9, 'y')",
    ],
  },
  {
    name: 'insert, with an identity key',
    rights: [right('insert', 'sales.room')],
    allowed: ["INSERT INTO sales.room (name) VALUES ('red')"],
    refused: ['SELECT * FROM sales.room'],
  },
  {
    name: 'update of columns, with select',
    rights: [right('select', 'sales.booking(id)'), right('update', 'sales.booking(guest)')],
    allowed: ["UPDATE sales.booking SET guest = 'ann' WHERE id = 1"],
    refused: [
      "UPDATE sales.booking SET card = '' WHERE id = 1",
      'UPDATE sales.booking SET guest = card WHERE id = 1',
      'SELECT guest FROM sales.booking',
      'DELETE FROM sales.booking WHERE id = 1',
    ],
  },
  {
    name: 'delete, with select',
    rights: [right('select', 'sales.booking'), right('delete', 'sales.booking')],
    allowed: ['DELETE FROM sales.booking WHERE id = 999'],
    refused: [
      'TRUNCATE sales.booking',
      "UPDATE sales.booking SET guest = 'x'",
      'DELETE FROM sales.room',
      'DROP TABLE sales.booking',
    ],
  },
  {
    name: 'truncate',
    rights: [right('truncate', 'sales.room')],
    allowed: ['TRUNCATE sales.room'],
    refused: [
      'DELETE FROM sales.room',
      'TRUNCATE sales.booking',
      'TRUNCATE sales.room RESTART IDENTITY',
    ],
  },
  {
    name: 'update of a whole table where that counts as delete',
    rights: [right('update', 'sales.booking', true)],
    allowed: ["UPDATE sales.booking SET card = '4111'"],
    refused: ['SELECT card FROM sales.booking', 'DELETE FROM sales.booking'],
  },
];

/** What no lease may do, whatever it was given. */
const NEVER = [
  'DROP TABLE sales.booking',
  'ALTER TABLE sales.booking ADD COLUMN x int',
  'CREATE INDEX ON sales.booking (guest)',
  'CREATE TABLE sales.mine (id int)',
  'CREATE TABLE public.mine (id int)',
  'CREATE TEMP TABLE mine (id int)',
  'CREATE SCHEMA mine',
  'DROP SCHEMA sales CASCADE',
  'ALTER DATABASE app CONNECTION LIMIT 1',
  'CREATE ROLE mine',
  'SET ROLE app_owner',
  'SET ROLE broker',
  'SET SESSION AUTHORIZATION postgres',
  'GRANT app_owner TO CURRENT_USER',
  "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'",
  'ALTER ROLE CURRENT_USER CONNECTION LIMIT 100',
  'ALTER ROLE CURRENT_USER SUPERUSER',
  "ALTER ROLE broker PASSWORD 'x'",
  "COPY sales.booking TO PROGRAM 'true'",
  "SELECT pg_read_file('postgresql.conf')",
  'SELECT * FROM pg_catalog.pg_authid',
  'CREATE TRIGGER t AFTER INSERT ON sales.booking EXECUTE FUNCTION suppress_redundant_updates_trigger()',
];

await onEachServer('a lease', (fixture, server) => {
  describe.each(CASES)('to $name', ({ rights, allowed, refused }) => {
    it('may do this and nothing else', async () => {
      const lease = await fixture().issue(rights);
      const agent = lease.open();
      const outcomes: Record<string, string> = {};
      for (const statement of [...allowed, ...refused, ...NEVER]) {
        outcomes[statement] = await codeOf(agent.unsafe(`BEGIN; ${statement}; ROLLBACK`));
        await agent.unsafe('ROLLBACK');
      }
      expect(outcomes).toEqual({
        ...Object.fromEntries(allowed.map((statement) => [statement, 'ok'])),
        ...Object.fromEntries([...refused, ...NEVER].map((statement) => [statement, DENIED])),
      });
      for (const database of ['postgres', 'other', 'template1']) {
        expect(await codeOf(lease.open(database)`SELECT`), database).toBe(DENIED);
      }
      await fixture().issuer.revoke(fixture().connection, lease.id);
    });
  });

  it('cannot become its group role, nor take the group its rights', async () => {
    const lease = await fixture().issue([right('select', 'sales.booking')]);
    const agent = lease.open();
    const [group] = await fixture().admin`
      SELECT roleid::regrole::text AS name FROM pg_auth_members WHERE member = ${lease.role}::regrole`;
    const name = String(group?.['name']);
    expect(name).toMatch(/^csg_testtag1_[0-9a-f]{32}$/);
    const becoming = await codeOf(agent.unsafe(`SET ROLE ${name}`));
    expect(becoming).toBe(server.includes(' 15') ? 'ok' : DENIED);
    await agent.unsafe('RESET ROLE');
    await codeOf(agent.unsafe(`DROP OWNED BY ${name}`));
    await codeOf(agent.unsafe('GRANT SELECT ON sales.booking TO PUBLIC'));
    await codeOf(agent.unsafe(`GRANT ${name} TO PUBLIC`));
    await codeOf(agent.unsafe(`REVOKE SELECT ON sales.booking FROM ${name}`));
    const again = await fixture().issue([right('select', 'sales.booking')]);
    expect(await codeOf(again.open()`SELECT * FROM sales.booking`)).toBe('ok');
  });

  it('has a login of the shape and the bounds that were ordered', async () => {
    const expiresAt = Date.now() + 90_000;
    const lease = await fixture().issue([right('select', 'sales.booking')], {
      expiresAt,
      maxConnections: 2,
    });
    const { config } = fixture().connection;
    expect(lease.issued.kind).toBe('postgres');
    expect(lease.issued.credential).toEqual({
      host: config['host'],
      port: config['port'],
      database: 'app',
      username: `csl_testtag1_${lease.id.replaceAll('-', '')}`,
      password: lease.issued.primary,
      sslmode: 'disable',
    });
    expect(lease.issued.primary.reveal()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const [role] = await fixture().admin`
      SELECT rolvaliduntil, rolconnlimit, rolsuper, rolcreaterole, rolcreatedb, rolreplication,
        rolbypassrls, rolconfig::text FROM pg_roles WHERE rolname = ${lease.role}`;
    expect(role).toEqual({
      rolvaliduntil: new Date(expiresAt),
      rolconnlimit: 2,
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolbypassrls: false,
      rolconfig: '{"search_path=\\"\\""}',
    });
    const [first, second, third] = [lease.open(), lease.open(), lease.open()];
    expect(await codeOf(first`SELECT`)).toBe('ok');
    expect(await codeOf(second`SELECT`)).toBe('ok');
    expect(await codeOf(third`SELECT`)).toBe('53300');
  });

  it('leaves no trace in access lists, except while it may delete', async () => {
    const acl = async (): Promise<unknown> => {
      const [row] = await fixture().admin`
        SELECT relacl::text FROM pg_class WHERE oid = 'sales.booking'::regclass`;
      return row?.['relacl'];
    };
    await fixture().issue([right('select', 'sales.booking')]);
    const before = await acl();
    await fixture().issue([right('select', 'sales.booking')]);
    expect(await acl()).toBe(before);
    const deleting = await fixture().issue([right('delete', 'sales.booking')]);
    expect(await acl()).toContain(`${deleting.role}=d/`);
    await fixture().issuer.revoke(fixture().connection, deleting.id);
    expect(await acl()).toBe(before);
  });

  describe('is refused', () => {
    it.each([
      ['a table that does not exist', right('select', 'sales.nothing')],
      ['a schema that does not exist', right('select', 'nowhere.booking')],
      ['a column that does not exist', right('select', 'sales.booking(nothing)')],
      ['a system column', right('select', 'sales.booking(ctid)')],
      ['a view', right('select', 'sales.guests')],
      ['a sequence', right('select', 'sales.booking_id_seq')],
      ['an index', right('select', 'sales.booking_pkey')],
      ['a catalog', right('select', 'pg_catalog.pg_authid')],
      ['a pattern', right('select', 'sales.*')],
      ['a spelling that is not canonical', right('select', '"sales".booking')],
      ['deleting columns', right('delete', 'sales.booking(id)')],
      ['a schema change', right('create', 'sales.booking')],
    ])('%s', async (_, unfit) => {
      await fixture().admin`CREATE OR REPLACE VIEW sales.guests AS SELECT guest FROM sales.booking`;
      const refused = fixture().issue([right('select', 'sales.booking'), unfit]);
      await expect(refused).rejects.toMatchObject({ name: 'ProviderError', kind: 'refused' });
    });

    it.each([
      ['no rights', [], {}],
      ['an end in the past', [right('select', 'sales.booking')], { expiresAt: 1 }],
      ['no end', [right('select', 'sales.booking')], { expiresAt: Number.POSITIVE_INFINITY }],
      ['an end in a year', [right('select', 'sales.booking')], { expiresAt: Date.now() + 3e10 }],
      ['no connections', [right('select', 'sales.booking')], { maxConnections: 0 }],
      ['endless connections', [right('select', 'sales.booking')], { maxConnections: -1 }],
      [
        'a lease id with SQL in it',
        [right('select', 'sales.booking')],
        { leaseId: 'x; DROP ROLE broker' },
      ],
    ])('%s', async (_, rights, order) => {
      const refused = fixture().issue(rights, order);
      await expect(refused).rejects.toMatchObject({ name: 'ProviderError', kind: 'refused' });
    });

    it('and leaves no role behind', async () => {
      const leaseId = randomUUID();
      const order = orderOf(leaseId, [
        right('delete', 'sales.booking'),
        right('select', 'sales.nothing'),
      ]);
      await expect(fixture().issuer.issue(fixture().connection, order)).rejects.toBeInstanceOf(
        ProviderError,
      );
      const left = await fixture().admin`
        SELECT FROM pg_roles WHERE rolname = ${`csl_testtag1_${leaseId.replaceAll('-', '')}`}`;
      expect(left).toHaveLength(0);
    });
  });

  it('reaches tables whatever they are called', async () => {
    const names = [
      'select',
      'Mixed Case',
      'quo"te',
      "apos'trophe",
      'back\\slash',
      'dot.ted',
      'par(en)',
      '$$; DROP TABLE sales.booking; --',
      '"; GRANT ALL ON ALL TABLES IN SCHEMA sales TO PUBLIC; --',
      'Ünïcode 表 🗝',
      'ü'.repeat(31),
      'a'.repeat(63),
      'line\nbreak',
      ' ',
      '*',
    ];
    const { admin } = fixture();
    for (const name of names) {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      await admin.unsafe(
        `SET ROLE app_owner; CREATE SCHEMA ${quoted}; CREATE TABLE ${quoted}.${quoted} (${quoted} int, other int); RESET ROLE`,
      );
      const resource = fixture().provider.canonicalResource(
        'postgres:select',
        `${quoted}.${quoted}(${quoted})`,
      );
      const lease = await fixture().issue([
        right('select', String(resource)),
        right(
          'delete',
          String(fixture().provider.canonicalResource('postgres:delete', `${quoted}.${quoted}`)),
        ),
      ]);
      const agent = lease.open();
      expect(await codeOf(agent.unsafe(`SELECT ${quoted} FROM ${quoted}.${quoted}`)), name).toBe(
        'ok',
      );
      expect(await codeOf(agent.unsafe(`SELECT other FROM ${quoted}.${quoted}`)), name).toBe(
        DENIED,
      );
      expect(await codeOf(agent.unsafe(`DELETE FROM ${quoted}.${quoted}`)), name).toBe('ok');
      await fixture().issuer.revoke(fixture().connection, lease.id);
    }
    const stillThere = await admin`SELECT FROM sales.booking LIMIT 1`;
    expect(stillThere).toHaveLength(1);
  });

  it('expands a pattern to the tables that are there now', async () => {
    const { provider, connection, admin } = fixture();
    await admin.unsafe(`SET ROLE app_owner;
      CREATE SCHEMA "Hotel"; CREATE TABLE "Hotel".b (id int); CREATE TABLE "Hotel"."A" (id int) PARTITION BY LIST (id);
      CREATE VIEW "Hotel".v AS SELECT 1; CREATE SEQUENCE "Hotel".s; RESET ROLE`);
    expect(await provider.expand(connection, 'postgres:select', '"Hotel".*')).toEqual([
      '"Hotel"."A"',
      '"Hotel".b',
    ]);
    expect(await provider.expand(connection, 'postgres:select', 'nowhere.*')).toEqual([]);
    for (const pattern of ['*.*', 'pg_catalog.*', '*', 'Hotel.*']) {
      await expect(provider.expand(connection, 'postgres:select', pattern)).rejects.toMatchObject({
        kind: 'refused',
      });
    }
  });
});
