/** Before a human signs a delete, what goes with it: counted, or said not to be. */
import { randomBytes } from 'node:crypto';
import type { Loss, Losses } from '@countersign/provider-kit';
import type postgres from 'postgres';
import { beforeAll, expect, it } from 'vitest';
import { createPostgresProvider } from '../src/index.ts';
import { RowCounts } from '../src/row-counts.ts';
import { BROKER_SYSTEM_IDENTIFIER, type Fixture, onEachServer, right } from './support/fixture.ts';

const SHOP = `
  CREATE SCHEMA shop;
  GRANT CONNECT ON DATABASE app TO broker WITH GRANT OPTION;
  GRANT USAGE ON SCHEMA shop TO broker WITH GRANT OPTION;
  CREATE TABLE shop.booking (id int PRIMARY KEY, day date);
  CREATE TABLE shop.item (id int PRIMARY KEY, booking int CONSTRAINT of_booking REFERENCES shop.booking ON DELETE CASCADE);
  CREATE TABLE shop.scan (item int CONSTRAINT of_item REFERENCES shop.item ON DELETE CASCADE);
  CREATE TABLE shop.note (id int PRIMARY KEY, booking int CONSTRAINT about REFERENCES shop.booking ON DELETE SET NULL ON UPDATE CASCADE);
  CREATE TABLE shop.remark (note int CONSTRAINT to_note REFERENCES shop.note ON UPDATE CASCADE);
  CREATE TABLE shop.safe (booking int REFERENCES shop.booking);
  CREATE VIEW shop.recent AS SELECT * FROM shop.booking;
  CREATE VIEW shop.latest AS SELECT * FROM shop.recent;
  CREATE FUNCTION shop.log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
  CREATE TRIGGER keep BEFORE DELETE ON shop.booking FOR EACH ROW EXECUTE FUNCTION shop.log();
  CREATE TRIGGER off BEFORE DELETE ON shop.booking FOR EACH ROW EXECUTE FUNCTION shop.log();
  ALTER TABLE shop.booking DISABLE TRIGGER off;
  CREATE TRIGGER emptied AFTER TRUNCATE ON shop.booking FOR EACH STATEMENT EXECUTE FUNCTION shop.log();
  CREATE RULE also AS ON DELETE TO shop.item DO ALSO NOTHING;
  CREATE TABLE shop.event (id int, at date) PARTITION BY RANGE (at);
  CREATE TABLE shop.event_1 PARTITION OF shop.event FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
  CREATE TABLE shop.event_2 PARTITION OF shop.event FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
  CREATE TABLE shop.hidden (id int);
  ALTER TABLE shop.hidden ENABLE ROW LEVEL SECURITY;
  INSERT INTO shop.booking SELECT n, '2026-01-01' FROM generate_series(1, 5) n;
  INSERT INTO shop.item SELECT n, CASE WHEN n < 8 THEN 1 END FROM generate_series(1, 9) n;
  INSERT INTO shop.scan VALUES (1), (NULL);
  INSERT INTO shop.note VALUES (1, 1), (2, 2), (3, NULL);
  INSERT INTO shop.event SELECT n, '2026-01-31'::date + n FROM generate_series(0, 2) n;
  INSERT INTO shop.hidden VALUES (1), (2);
  GRANT SELECT ON ALL TABLES IN SCHEMA shop TO broker WITH GRANT OPTION;
  CREATE TABLE shop.closed (id int);
  INSERT INTO shop.closed VALUES (1), (2), (3);
`;

const all = (counted: number) => ({ counted, complete: true, estimated: null });

async function assess(
  { provider, connection }: Pick<Fixture, 'provider' | 'connection'>,
  operation: string,
  resource: string,
) {
  const found = await provider.assessor?.assess(connection, {
    operation: `postgres:${operation}`,
    resource,
  });
  if (found === undefined) throw new Error('PostgreSQL assesses');
  return found;
}

/** What goes, and how much of it. */
function taken({ losses }: Losses): readonly (readonly [string, number | null | undefined])[] {
  return losses.map(({ object, rows }) => [object, rows?.counted]);
}

function only({ losses }: Losses): Loss {
  const [first, ...others] = losses;
  if (first === undefined || others.length > 0) throw new Error('not one loss');
  return first;
}

await onEachServer('an assessment', (fixture) => {
  let admin: postgres.Sql;
  beforeAll(async () => {
    ({ admin } = fixture());
    await admin.unsafe(`SET ROLE app_owner; ${SHOP}; RESET ROLE; ANALYZE shop.closed, shop.hidden`);
    // From here on the broker is who it should be: no member of the owner.
    await admin.unsafe('REVOKE app_owner FROM broker');
  });

  it('of a delete counts the rows, follows foreign keys, and names what runs and who reads', async () => {
    const found = await assess(fixture(), 'delete', 'shop.booking');
    expect(taken(found)).toEqual([
      ['rows of shop.booking', 5],
      ['rows of shop.item that refer to it, ON DELETE CASCADE of of_booking', 7],
      ['rows of shop.scan that refer to it, ON DELETE CASCADE of of_item', 1],
      ['shop.note(booking) overwritten, ON DELETE SET NULL of about', 2],
      ['trigger keep of shop.booking, which runs shop.log', undefined],
      ['rule also of shop.item', undefined],
    ]);
    expect(found).toMatchObject({
      omitted: 0,
      losses: [
        {
          place: 'app',
          place_id: fixture().provider.describeConfig(fixture().connection.config).ids[0],
          used_by: 'view shop.latest, view shop.recent',
          size: expect.any(Number),
          rows: all(5),
        },
        ...Array(5).fill({ place: 'app' }),
      ],
    });
  });

  it('of a truncate names only what empties with it', async () => {
    expect(taken(await assess(fixture(), 'truncate', 'shop.booking'))).toEqual([
      ['rows of shop.booking', 5],
      ['trigger emptied of shop.booking, which runs shop.log', undefined],
    ]);
  });

  it('of an update of everything follows what is updated along', async () => {
    expect(taken(await assess(fixture(), 'update', 'shop.booking'))).toEqual([
      ['rows of shop.booking overwritten', 5],
      ['shop.note(booking) overwritten, ON UPDATE CASCADE of about', 2],
    ]);
  });

  it('counts the partitions of a table once, and one partition by itself', async () => {
    expect(taken(await assess(fixture(), 'delete', 'shop.event'))).toEqual([
      ['rows of shop.event', 3],
    ]);
    expect(taken(await assess(fixture(), 'delete', 'shop.event_2'))).toEqual([
      ['rows of shop.event_2', 2],
    ]);
  });

  it.each([
    ['it may not read', 'shop.closed', 3],
    ['of which row security hides some from it', 'shop.hidden', 2],
  ])('gives an estimate, and says so, for rows %s', async (_, table, estimated) => {
    expect(only(await assess(fixture(), 'delete', table)).rows).toEqual({
      ...{ counted: null, complete: false, estimated },
    });
  });

  it('does not wait for a table that somebody keeps locked', async () => {
    const { promise: held, resolve: hold } = Promise.withResolvers<void>();
    const { promise: free, resolve: release } = Promise.withResolvers<void>();
    const other = fixture().session({
      username: fixture().server.superuser,
      password: fixture().server.password,
    });
    const holding = other.begin(async (tx) => {
      await tx`LOCK TABLE shop.scan IN ACCESS EXCLUSIVE MODE`;
      hold();
      await free;
    });
    await held;
    const found = await assess(fixture(), 'delete', 'shop.scan').catch((error: unknown) => error);
    release();
    await holding;
    expect(found).toMatchObject({ kind: 'unavailable' });
  });

  /** An assessment of this provider after this many milliseconds went by. */
  async function afterwards(milliseconds: number) {
    const { connection } = fixture();
    const times = [0];
    const provider = createPostgresProvider({
      clock: { now: () => times.pop() ?? milliseconds },
      random: { bytes: (length) => randomBytes(length) },
      brokerSystemIdentifier: async () => BROKER_SYSTEM_IDENTIFIER,
    });
    const found = await assess({ provider, connection }, 'truncate', 'shop.many');
    await provider.close();
    return only(found).rows;
  }

  it('says at least how many there are, or an estimate alone, where time is up', async () => {
    await admin.unsafe(`
      CREATE TABLE shop.many AS SELECT n FROM generate_series(1, 30000) n;
      GRANT SELECT ON shop.many TO broker; ANALYZE shop.many`);
    expect(await afterwards(0)).toEqual(all(30_000));
    expect(await afterwards(6_000)).toEqual({
      ...{ counted: 10_000, complete: false, estimated: 30_000 },
    });
    expect(await afterwards(60_000)).toEqual({
      ...{ counted: null, complete: false, estimated: 30_000 },
    });
  });

  it('stops a count that takes too long, and goes on', async () => {
    const { superuser, password } = fixture().server;
    const sql = fixture().session({ username: superuser, password });
    await sql.unsafe('BEGIN');
    const counts = new RowCounts(sql, { now: () => 0 });
    const table = { name: 'shop.booking', isOnly: false, isForeign: false, estimated: [-1, 7] };
    expect(await counts.of({ ...table, references: [['pg_sleep(60)']] })).toEqual({
      ...{ counted: null, complete: false, estimated: 7 },
    });
    expect(await counts.of({ ...table, references: [] })).toEqual(all(5));
    await sql.unsafe('COMMIT');
  });

  it('quotes hostile names, and shows nothing of them that steers a terminal', async () => {
    const name = 'x"; DROP TABLE shop.booking; --\u001b[2J\u202e';
    const quoted = `"${name.replaceAll('"', '""')}"`;
    await admin.unsafe(`
      CREATE TABLE shop.${quoted} (id int PRIMARY KEY);
      CREATE TABLE shop."from ${quoted.slice(1)} (${quoted} int REFERENCES shop.${quoted} ON DELETE CASCADE);
      GRANT SELECT ON shop.${quoted}, shop."from ${quoted.slice(1)} TO broker`);
    const found = await assess(fixture(), 'delete', `shop.${quoted}`);
    expect(found.losses.map(({ rows }) => rows)).toEqual([all(0), all(0)]);
    expect(JSON.stringify(found)).not.toMatch(/\\u001b|\u202e/);
    expect(taken(await assess(fixture(), 'truncate', 'shop.booking'))[0]?.[1]).toBe(5);
  });

  it('of SQL on a schema names all that its owner owns, in other schemas too', async () => {
    await admin.unsafe('ALTER ROLE app_owner NOLOGIN');
    const found = await assess(fixture(), 'drop', 'shop');
    const [everything, ...tables] = taken(found);
    expect(everything?.[0]).toMatch(
      /^all that "app_owner" owns: \d+ tables, 1 function, .*2 views$/,
    );
    expect(tables).toContainEqual(['table shop.booking', 5]);
    expect(tables).toContainEqual(['table sales.booking', null]);
    expect(found.losses.find(({ object }) => object === 'table shop.booking')?.used_by).toMatch(
      /foreign key of_booking of shop\.item, .*view shop\.recent/,
    );
    expect(taken(await assess(fixture(), 'alter', 'shop'))).toEqual([everything]);
  });

  it('is refused for what is not there, and not needed for what destroys nothing', async () => {
    for (const [operation, resource] of [
      ['delete', 'shop.nothing'],
      ['truncate', 'shop.recent'],
      ['drop', 'nowhere'],
    ] as const) {
      await expect(assess(fixture(), operation, resource)).rejects.toMatchObject({
        kind: 'refused',
      });
    }
    const { assessor } = fixture().provider;
    for (const operation of ['postgres:select', 'postgres:insert', 'postgres:nothing']) {
      expect(assessor?.assesses({ operation, resource: 'shop.booking' })).toBe(false);
    }
  });

  it('changes nothing', async () => {
    const state = () => admin`
      SELECT (SELECT count(*)::int FROM pg_class) AS classes, (SELECT count(*)::int FROM pg_roles) AS roles,
        (SELECT count(*)::int FROM shop.booking) AS bookings`;
    const before = await state();
    await assess(fixture(), 'delete', 'shop.booking');
    expect(await state()).toEqual(before);
  });

  it('makes no lease wait', async () => {
    const [found, lease] = await Promise.all([
      assess(fixture(), 'delete', 'shop.booking'),
      fixture().issue([right('select', 'shop.item')]),
    ]);
    expect([found.losses.length, lease.issued.kind]).toEqual([6, 'postgres']);
  });
});
