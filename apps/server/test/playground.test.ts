import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../src/embedded/postgres.ts';
import { startPlayground } from '../src/playground/playground.ts';
import { connect, newDirectory, silent } from './embedded-support.ts';

async function start(directory: string) {
  return await startPlayground({ directory, log: silent, durability: 'none' });
}

const DATABASES = ['rental_staging', 'rental_production'];

describe('the playground', () => {
  it('has the same thirty rows of each table on every machine', async () => {
    const playground = await start(await newDirectory());
    for (const database of DATABASES) {
      const sql = connect(playground.ownerUrl(database).reveal());
      const [counts] = await sql`select
        (select count(*)::int from bookings) as bookings,
        (select count(*)::int from customers) as customers,
        (select count(*)::int from vehicles) as vehicles`;
      expect(counts).toEqual({ bookings: 30, customers: 30, vehicles: 30 });
      expect(
        await sql`select status, count(*)::int as n from bookings group by 1 order by 1`,
      ).toEqual([
        { status: 'active', n: 6 },
        { status: 'cancelled', n: 6 },
        { status: 'reserved', n: 6 },
        { status: 'returned', n: 12 },
      ]);
      const [booking] = await sql`select b.id::int, c.name, v.plate, b.status, b.starts_on::text,
          b.ends_on - b.starts_on as days, b.total_cents = v.daily_cents * (b.ends_on - b.starts_on) as priced
        from bookings b join customers c on c.id = customer_id join vehicles v on v.id = vehicle_id
        where b.id = 2`;
      expect(booking).toEqual({
        id: 2,
        name: 'Tariq Lindqvist',
        plate: 'CR 0421',
        status: 'returned',
        starts_on: '2026-03-04',
        days: 2,
        priced: true,
      });
    }
    await playground.stop();
  });

  it('is the same after a restart: port, password, rows', async () => {
    const directory = await newDirectory();
    const first = await start(directory);
    const [staging] = first.connections;
    const secret = await readFile(staging?.secret_file ?? '', 'utf8');
    await connect(first.ownerUrl('rental_staging').reveal())`delete from bookings where id > 10`;
    await first.stop();

    const second = await start(directory);
    expect(second.connections).toEqual(first.connections);
    expect(await readFile(staging?.secret_file ?? '', 'utf8')).toBe(secret);
    const sql = connect(second.ownerUrl('rental_staging').reveal());
    expect(await sql`select count(*)::int as n from bookings`).toEqual([{ n: 10 }]);
    await second.stop();
  });

  it('finishes what a crash half way left, without the halves', async () => {
    const directory = await newDirectory();
    const server = await startEmbeddedPostgres({ directory, log: silent, durability: 'none' });
    const before = connect(server.url('postgres').reveal());
    await before`create role rental_owner nologin`;
    await before`create database rental_staging_building`;
    await connect(server.url('rental_staging_building').reveal())`create table customers ()`;
    await server.stop();

    const playground = await start(directory);
    const sql = connect(playground.ownerUrl('rental_staging').reveal());
    expect(await sql`select count(*)::int as n from customers`).toEqual([{ n: 30 }]);
    expect(await sql`select from pg_database where datname like '%building'`).toHaveLength(0);
    await playground.stop();
  });

  it('is built once by starts at the same time', async () => {
    const directory = await newDirectory();
    const [one, two] = await Promise.all([start(directory), start(directory)]);
    expect(one.connections).toEqual(two.connections);
    await one.stop();
    const sql = connect(two.ownerUrl('rental_production').reveal());
    expect(await sql`select count(*)::int as n from vehicles`).toEqual([{ n: 30 }]);
    await two.stop();
  });

  it('says how to connect, in files that hold what it returns', async () => {
    const directory = await newDirectory();
    const playground = await start(directory);
    const { port } = playground.postgres;
    expect(playground.connections).toEqual(
      ['staging', 'production'].map((environment) => ({
        name: `pg-${environment}`,
        provider: 'postgres',
        config: {
          host: '127.0.0.1',
          port,
          database: `rental_${environment}`,
          username: 'countersign_broker',
          sslmode: 'disable',
          environments: { [environment]: [`127.0.0.1:${port}/rental_${environment}`] },
        },
        config_file: join(directory, `pg-${environment}.json`),
        secret_file: join(directory, 'countersign_broker.password'),
      })),
    );
    for (const { config, config_file, secret_file } of playground.connections) {
      expect(JSON.parse(await readFile(config_file, 'utf8'))).toEqual(config);
      expect((await stat(secret_file)).mode & 0o777).toBe(0o600);
      const password = await readFile(secret_file, 'utf8');
      const sql = connect(
        `postgres://${config.username}:${password}@${config.host}:${config.port}/${config.database}`,
      );
      expect(await sql`select current_user as me`).toEqual([{ me: 'countersign_broker' }]);
    }
    await playground.stop();
  });

  it('gives PUBLIC nothing: a role without grants reaches no database', async () => {
    const playground = await start(await newDirectory());
    const admin = connect(playground.ownerUrl('postgres').reveal());
    await admin`create role nobody_special login password 'x'`;
    const { port } = playground.postgres;
    for (const database of [...DATABASES, 'postgres', 'template1']) {
      const sql = connect(`postgres://nobody_special:x@127.0.0.1:${port}/${database}`);
      await expect(sql`select 1`).rejects.toMatchObject({ code: '42501' });
    }
    expect(
      await admin`select datname, privilege_type from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
        where grantee = 0 and datallowconn`,
    ).toHaveLength(0);
    for (const database of [...DATABASES, 'postgres', 'template1']) {
      const sql = connect(playground.ownerUrl(database).reveal());
      const open = await sql`
        select nspname as name, privilege_type from pg_namespace, aclexplode(nspacl)
          where grantee = 0 and nspname = 'public'
        union all
        select relname, privilege_type from pg_class, aclexplode(relacl)
          where grantee = 0 and relnamespace = 'public'::regnamespace
        union all
        select proname, privilege_type from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
          where grantee = 0 and pronamespace = 'public'::regnamespace`;
      expect(open).toHaveLength(0);
      await sql.end();
    }
    await playground.stop();
  });
});
