/**
 * Law 3: a lease that could do more than it was granted is not minted. Each way around that PostgreSQL
 * knows is opened here, found, accepted, changed, and closed by exactly the remedy that was given.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { codeOf, onEveryServer, orderOf, right } from './support/fixture.ts';

interface Case {
  readonly object: string;
  /** Run by a superuser in the target. `app_owner` owns the tables. */
  readonly open: string;
  /** What redefines it: the digest must change. */
  readonly change: string;
  readonly rights: readonly ReturnType<typeof right>[];
  /** Rights that it does not concern. Left out: it concerns every lease. */
  readonly unconcerned?: readonly ReturnType<typeof right>[];
  /** Undoes what the remedy leaves. */
  readonly clean: string;
}

const SELECT = [right('select', 'sales.booking')];
const definer = (name: string, returns: string, body: string): string =>
  `CREATE OR REPLACE FUNCTION ${name} RETURNS ${returns} LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN ${body} END $$`;

const PARTED = `SET ROLE app_owner;
  CREATE TABLE sales.part (region int, note text) PARTITION BY LIST (region);
  CREATE TABLE sales.part_1 PARTITION OF sales.part FOR VALUES IN (1);
  CREATE TABLE sales.part_2 PARTITION OF sales.part FOR VALUES IN (2); RESET ROLE`;

const CASES: readonly Case[] = [
  {
    object: 'function sales.purge(integer)',
    open: definer('sales.purge(i int)', 'void', 'DELETE FROM sales.booking WHERE id = i;'),
    change: definer('sales.purge(i int)', 'void', 'DELETE FROM sales.booking;'),
    rights: SELECT,
    clean: 'DROP FUNCTION sales.purge',
  },
  {
    object: 'procedure sales.wipe()',
    open: 'CREATE PROCEDURE sales.wipe() LANGUAGE sql SECURITY DEFINER AS $$ DELETE FROM sales.booking $$',
    change: 'ALTER PROCEDURE sales.wipe() OWNER TO app_owner',
    rights: SELECT,
    clean: 'DROP PROCEDURE sales.wipe',
  },
  {
    object: 'aggregate sales.harm(integer)',
    open: `CREATE SCHEMA hidden; ${definer('hidden.step(s int, v int)', 'int', 'DELETE FROM sales.booking; RETURN 1;')};
      CREATE AGGREGATE sales.harm(int) (SFUNC = hidden.step, STYPE = int)`,
    change: definer('hidden.step(s int, v int)', 'int', 'RETURN 2;'),
    rights: SELECT,
    clean: 'DROP SCHEMA hidden CASCADE',
  },
  {
    object: 'function hidden.stamp()',
    open: `CREATE SCHEMA hidden; ${definer('hidden.stamp()', 'text', "DELETE FROM sales.room; RETURN 'x';")};
      ALTER TABLE sales.booking ALTER guest SET DEFAULT hidden.stamp()`,
    change: definer('hidden.stamp()', 'text', "RETURN 'x';"),
    rights: [right('insert', 'sales.booking')],
    clean: 'ALTER TABLE sales.booking ALTER guest DROP DEFAULT; DROP SCHEMA hidden CASCADE',
  },
  {
    object: 'function pg_read_file(text)',
    open: 'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC',
    change: 'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app_owner',
    rights: SELECT,
    clean: 'REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM app_owner',
  },
  {
    object: 'function sales.unbound()',
    open: "CREATE FUNCTION sales.unbound() RETURNS text LANGUAGE internal AS 'pg_postmaster_start_time'",
    change: 'ALTER FUNCTION sales.unbound() OWNER TO app_owner',
    rights: SELECT,
    clean: 'DROP FUNCTION sales.unbound',
  },
  {
    object: 'table sales.room',
    open: 'GRANT DELETE, TRIGGER, REFERENCES ON sales.room TO PUBLIC',
    change: 'REVOKE TRIGGER ON sales.room FROM PUBLIC',
    rights: SELECT,
    clean: 'SELECT',
  },
  {
    object: 'table sales.booking',
    open: 'GRANT SELECT (card, guest), UPDATE (card) ON sales.booking TO PUBLIC',
    change: 'REVOKE SELECT (guest) ON sales.booking FROM PUBLIC',
    rights: [right('select', 'sales.booking(guest)')],
    clean: 'SELECT',
  },
  {
    object: 'sequence sales.booking_id_seq',
    open: 'GRANT UPDATE ON SEQUENCE sales.booking_id_seq TO PUBLIC',
    change: 'GRANT USAGE ON SEQUENCE sales.booking_id_seq TO PUBLIC',
    rights: [right('insert', 'sales.booking')],
    clean: 'REVOKE ALL ON SEQUENCE sales.booking_id_seq FROM PUBLIC',
  },
  {
    object: 'view sales.cards',
    open: 'CREATE VIEW sales.cards AS SELECT card FROM sales.booking; GRANT SELECT ON sales.cards TO PUBLIC',
    change: 'CREATE OR REPLACE VIEW sales.cards AS SELECT card, guest FROM sales.booking',
    rights: [right('select', 'sales.booking(guest)')],
    clean: 'DROP VIEW sales.cards',
  },
  {
    object: 'view sales.wide',
    open: `CREATE VIEW sales.deep AS SELECT card FROM sales.booking;
      CREATE VIEW sales.wide AS SELECT card FROM sales.deep; GRANT DELETE ON sales.wide TO PUBLIC`,
    change: 'CREATE OR REPLACE VIEW sales.deep AS SELECT card FROM sales.booking WHERE id > 1',
    rights: SELECT,
    clean: 'DROP VIEW sales.wide; DROP VIEW sales.deep',
  },
  {
    object: 'schema public',
    open: 'GRANT CREATE ON SCHEMA public TO PUBLIC',
    change: 'ALTER SCHEMA public OWNER TO app_owner',
    rights: SELECT,
    clean: 'ALTER SCHEMA public OWNER TO pg_database_owner',
  },
  {
    object: 'database app',
    open: 'GRANT CREATE ON DATABASE app TO PUBLIC',
    change: 'ALTER DATABASE app OWNER TO postgres',
    rights: SELECT,
    clean: 'ALTER DATABASE app OWNER TO app_owner',
  },
  {
    object: 'large object 77',
    open: 'SELECT lo_create(77); GRANT UPDATE ON LARGE OBJECT 77 TO PUBLIC',
    change: 'GRANT SELECT ON LARGE OBJECT 77 TO PUBLIC',
    rights: SELECT,
    clean: 'SELECT lo_unlink(77)',
  },
  {
    object: 'parameter session_replication_role',
    open: 'GRANT SET ON PARAMETER session_replication_role TO PUBLIC',
    change: 'GRANT ALTER SYSTEM ON PARAMETER session_replication_role TO PUBLIC',
    rights: SELECT,
    clean: 'REVOKE ALTER SYSTEM ON PARAMETER session_replication_role FROM PUBLIC',
  },
  {
    object: 'foreign server elsewhere',
    open: 'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER elsewhere FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN SERVER elsewhere TO PUBLIC',
    change: "ALTER SERVER elsewhere OPTIONS (ADD host 'b')",
    rights: SELECT,
    clean: 'DROP SERVER elsewhere; DROP FOREIGN DATA WRAPPER w',
  },
  {
    object: 'foreign data wrapper w',
    open: 'CREATE FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN DATA WRAPPER w TO PUBLIC',
    change: "ALTER FOREIGN DATA WRAPPER w OPTIONS (ADD a 'b')",
    rights: SELECT,
    clean: 'DROP FOREIGN DATA WRAPPER w',
  },
  {
    object: 'extension dblink',
    open: 'CREATE EXTENSION dblink SCHEMA sales',
    change:
      'ALTER FUNCTION sales.dblink_exec(text) COST 5; REVOKE EXECUTE ON FUNCTION sales.dblink_exec(text) FROM PUBLIC',
    rights: SELECT,
    clean: 'DROP EXTENSION dblink',
  },
  {
    object: 'trigger audit on sales.booking',
    open: `${definer('sales.audited()', 'trigger', 'DELETE FROM sales.room; RETURN NEW;')};
      REVOKE EXECUTE ON FUNCTION sales.audited() FROM PUBLIC;
      CREATE TRIGGER audit AFTER INSERT ON sales.booking FOR EACH ROW EXECUTE FUNCTION sales.audited()`,
    change: definer('sales.audited()', 'trigger', 'RETURN NULL;'),
    rights: [right('insert', 'sales.booking')],
    unconcerned: [right('select', 'sales.booking'), right('delete', 'sales.booking')],
    clean: 'DROP FUNCTION sales.audited CASCADE',
  },
  {
    object: 'trigger audit on sales.y2025',
    open: `CREATE TABLE sales.years (y int) PARTITION BY LIST (y); CREATE TABLE sales.y2025 PARTITION OF sales.years FOR VALUES IN (2025);
      ALTER TABLE sales.years OWNER TO app_owner; ALTER TABLE sales.y2025 OWNER TO app_owner;
      ${definer('sales.audited()', 'trigger', 'RETURN NEW;')}; REVOKE EXECUTE ON FUNCTION sales.audited() FROM PUBLIC;
      CREATE TRIGGER audit AFTER DELETE ON sales.y2025 FOR EACH ROW EXECUTE FUNCTION sales.audited()`,
    change: 'ALTER TABLE sales.y2025 ENABLE ALWAYS TRIGGER audit',
    rights: [right('delete', 'sales.years')],
    unconcerned: [right('insert', 'sales.years')],
    clean: 'DROP TABLE sales.years; DROP FUNCTION sales.audited',
  },
  {
    object: 'rule copy on sales.booking',
    open: 'CREATE RULE copy AS ON INSERT TO sales.booking DO ALSO DELETE FROM sales.room',
    change:
      'CREATE OR REPLACE RULE copy AS ON INSERT TO sales.booking DO ALSO DELETE FROM sales.room WHERE id = 1',
    rights: [right('insert', 'sales.booking')],
    unconcerned: SELECT,
    clean: 'DROP RULE copy ON sales.booking',
  },
  {
    object: 'cascade sales.booking -> sales.guest',
    open: `CREATE TABLE sales.guest (id int, booking int REFERENCES sales.booking ON DELETE CASCADE ON UPDATE RESTRICT);
      ALTER TABLE sales.guest OWNER TO app_owner`,
    change:
      'ALTER TABLE sales.guest DROP CONSTRAINT guest_booking_fkey, ADD CONSTRAINT guest_booking_fkey FOREIGN KEY (booking) REFERENCES sales.booking (id) ON DELETE SET NULL',
    rights: [right('delete', 'sales.booking')],
    unconcerned: [right('select', 'sales.booking'), right('insert', 'sales.booking')],
    clean: 'DROP TABLE sales.guest',
  },
  {
    object: 'cascade sales.guest -> sales.bag',
    open: `CREATE TABLE sales.guest (id int PRIMARY KEY, booking int REFERENCES sales.booking ON DELETE CASCADE);
      CREATE TABLE sales.bag (guest int DEFAULT 1 REFERENCES sales.guest ON DELETE SET DEFAULT);
      ALTER TABLE sales.guest OWNER TO app_owner; ALTER TABLE sales.bag OWNER TO app_owner`,
    change: 'ALTER TABLE sales.bag OWNER TO postgres',
    rights: [right('delete', 'sales.booking'), right('delete', 'sales.guest')],
    unconcerned: [
      right('delete', 'sales.booking'),
      right('delete', 'sales.guest'),
      right('update', 'sales.bag(guest)'),
    ],
    clean: 'DROP TABLE sales.bag; DROP TABLE sales.guest',
  },
  {
    object: 'update cascade sales.booking -> sales.guest',
    open: `CREATE TABLE sales.guest (booking int REFERENCES sales.booking ON UPDATE CASCADE); ALTER TABLE sales.guest OWNER TO app_owner`,
    change: 'ALTER TABLE sales.guest OWNER TO postgres',
    rights: [right('update', 'sales.booking(id)')],
    unconcerned: [right('update', 'sales.booking(guest)'), right('delete', 'sales.booking')],
    clean: 'DROP TABLE sales.guest',
  },
  {
    // Of two constraints this lease reaches one; what is accepted is the pair of tables.
    object: 'update cascade sales.booking -> sales.stay',
    open: `ALTER TABLE sales.booking ADD UNIQUE (card); CREATE TABLE sales.stay (
        booking int REFERENCES sales.booking ON UPDATE CASCADE, card text REFERENCES sales.booking (card) ON UPDATE SET NULL);
      ALTER TABLE sales.stay OWNER TO app_owner`,
    change: 'ALTER TABLE sales.stay DROP CONSTRAINT stay_booking_fkey',
    rights: [right('update', 'sales.booking(card)')],
    unconcerned: [right('update', 'sales.booking(card)'), right('update', 'sales.stay(card)')],
    clean: 'DROP TABLE sales.stay; ALTER TABLE sales.booking DROP CONSTRAINT booking_card_key',
  },
  {
    object: 'trigger tidy on sales.guest',
    open: `CREATE TABLE sales.guest (booking int REFERENCES sales.booking ON DELETE CASCADE); ALTER TABLE sales.guest OWNER TO app_owner;
      CREATE FUNCTION sales.tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM sales.room; RETURN NULL; END $$;
      CREATE TRIGGER tidy AFTER DELETE ON sales.guest FOR EACH ROW EXECUTE FUNCTION sales.tidy()`,
    change:
      'CREATE OR REPLACE FUNCTION sales.tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    rights: [right('delete', 'sales.booking'), right('delete', 'sales.guest')],
    unconcerned: [right('delete', 'sales.guest')],
    clean: 'DROP TABLE sales.guest; DROP FUNCTION sales.tidy',
  },
  {
    object: 'inheritance sales.booking -> sales.old_booking',
    open: 'CREATE TABLE sales.old_booking () INHERITS (sales.booking); ALTER TABLE sales.old_booking OWNER TO app_owner',
    change: 'ALTER TABLE sales.old_booking OWNER TO postgres',
    rights: [right('delete', 'sales.booking')],
    unconcerned: [right('delete', 'sales.booking'), right('delete', 'sales.old_booking')],
    clean: 'DROP TABLE sales.old_booking',
  },
  {
    // An UPDATE that changes the partition key deletes the row here and inserts it there.
    object: 'trigger gone on sales.part',
    open: `${PARTED}; ${definer('sales.gone()', 'trigger', 'DELETE FROM sales.room; RETURN NULL;')};
      CREATE TRIGGER gone AFTER DELETE ON sales.part FOR EACH ROW EXECUTE FUNCTION sales.gone()`,
    change: definer('sales.gone()', 'trigger', 'RETURN NULL;'),
    rights: [right('update', 'sales.part')],
    unconcerned: [right('update', 'sales.part(note)')],
    clean: 'DROP TABLE sales.part; DROP FUNCTION sales.gone',
  },
  {
    // The lease reads the whole and deletes in one part: it is the part's copy of the trigger that fires.
    object: 'trigger gone on sales.part_2',
    open: `${PARTED}; ${definer('sales.gone()', 'trigger', 'DELETE FROM sales.room; RETURN NULL;')};
      CREATE TRIGGER gone AFTER DELETE ON sales.part FOR EACH ROW EXECUTE FUNCTION sales.gone();
      ALTER TABLE ONLY sales.part DISABLE TRIGGER gone`,
    change: definer('sales.gone()', 'trigger', 'RETURN NULL;'),
    rights: [right('select', 'sales.part'), right('delete', 'sales.part_2')],
    unconcerned: [right('select', 'sales.part'), right('insert', 'sales.part_2')],
    clean: 'DROP TABLE sales.part; DROP FUNCTION sales.gone',
  },
  {
    // A GiST index asks how far apart two bounds are, and nobody asks for EXECUTE.
    object: 'function hidden.apart(integer,integer)',
    open: `CREATE SCHEMA hidden; CREATE FUNCTION hidden.apart(a int, b int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE
        SECURITY DEFINER AS $$ BEGIN DELETE FROM sales.room; RETURN 1; END $$;
      REVOKE EXECUTE ON FUNCTION hidden.apart FROM PUBLIC;
      CREATE TYPE hidden.span AS RANGE (subtype = int4, subtype_diff = hidden.apart)`,
    change: 'ALTER FUNCTION hidden.apart(int, int) OWNER TO app_owner',
    rights: SELECT,
    clean: 'DROP SCHEMA hidden CASCADE',
  },
  {
    // setval takes an oid, and then asks no schema.
    object: 'sequence hidden.number',
    open: 'CREATE SCHEMA hidden; CREATE SEQUENCE hidden.number; GRANT UPDATE ON SEQUENCE hidden.number TO PUBLIC',
    change: 'GRANT SELECT ON SEQUENCE hidden.number TO PUBLIC',
    rights: SELECT,
    clean: 'DROP SCHEMA hidden CASCADE',
  },
  {
    object: 'event trigger watch',
    open: `${definer('sales.watched()', 'event_trigger', 'NULL;')}; CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION sales.watched()`,
    change: definer('sales.watched()', 'event_trigger', 'PERFORM 1;'),
    rights: SELECT,
    clean: 'DROP EVENT TRIGGER watch; DROP FUNCTION sales.watched',
  },
];

await onEveryServer('an escape', (fixture) => {
  const found = async (object: string) => {
    const { escapes } = await fixture().provider.check(fixture().connection);
    return escapes.find((each) => each.object === object);
  };
  const leaseRoles = async (): Promise<number> =>
    (await fixture().admin`SELECT FROM pg_roles WHERE starts_with(rolname, 'csl_')`).length;

  describe.each(CASES)('$object', ({ object, open, change, rights, unconcerned, clean }) => {
    it('suspends the leases it concerns, until it is accepted or closed', async () => {
      const { admin, issuer, connection, issue } = fixture();
      const before = await leaseRoles();
      await admin.unsafe(open);
      const refused = issuer.issue(connection, orderOf(randomUUID(), rights));
      await expect(refused).rejects.toMatchObject({
        kind: 'escape',
        message: expect.stringContaining(object),
      });
      expect(await leaseRoles()).toBe(before);
      const first = await found(object);
      expect(first?.digest).toMatch(/^[A-Za-z0-9_-]{43}$/);
      if (unconcerned !== undefined) {
        await issuer.revoke(connection, (await issue(unconcerned)).id);
      }

      const acceptedEscapes = first === undefined ? [] : [first];
      const lease = await issue(rights, { acceptedEscapes });
      await issuer.revoke(connection, lease.id);

      await admin.unsafe(change);
      const second = await found(object);
      expect(second?.digest).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(second?.digest).not.toBe(first?.digest);
      const again = issuer.issue(connection, orderOf(randomUUID(), rights, { acceptedEscapes }));
      await expect(again).rejects.toMatchObject({ kind: 'escape' });

      for (const statement of second?.remedy.split(/(?<=;) /) ?? []) await admin.unsafe(statement);
      expect(await found(object)).toBeUndefined();
      const honest = await issue(rights);
      expect(await codeOf(honest.open()`SELECT`)).toBe('ok');
      await issuer.revoke(connection, honest.id);
      await admin.unsafe(clean);
      expect((await fixture().provider.check(connection)).escapes).toEqual([]);
    });
  });
});
