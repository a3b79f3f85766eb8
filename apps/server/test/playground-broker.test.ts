import { readFile } from 'node:fs/promises';
import type postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { type Playground, startPlayground } from '../src/playground/playground.ts';
import { connect, newDirectory, silent } from './embedded-support.ts';

async function start(): Promise<Playground> {
  return await startPlayground({
    directory: await newDirectory(),
    log: silent,
    durability: 'none',
  });
}

async function asBroker(playground: Playground, database: string): Promise<postgres.Sql> {
  const secret = await readFile(playground.connections[0]?.secret_file ?? '', 'utf8');
  return login(playground, 'countersign_broker', secret, database);
}

function login(playground: Playground, role: string, password: string, database: string) {
  return connect(
    `postgres://${role}:${password}@127.0.0.1:${playground.postgres.port}/${database}`,
  );
}

describe('countersign_broker', () => {
  it('issues, narrows, ends and removes a lease', async () => {
    const playground = await start();
    const broker = await asBroker(playground, 'rental_staging');
    await broker.unsafe(`
      create role lease_1 login password 'p1' valid until '2027-01-01Z' connection limit 2;
      create role group_read nologin;
      grant group_read to lease_1 with inherit true, set false;
      grant connect on database rental_staging to lease_1;
      grant usage on schema public to lease_1;
      grant select on public.customers to group_read;
      grant select (id, model), update (model) on public.vehicles to lease_1;
      grant insert on public.bookings to lease_1;
      grant usage on sequence public.bookings_id_seq to lease_1`);

    const lease = login(playground, 'lease_1', 'p1', 'rental_staging');
    expect(await lease`select count(*)::int as n from customers`).toEqual([{ n: 30 }]);
    expect(await lease`select model from vehicles where id = 1`).toEqual([{ model: 'Fiat 500' }]);
    await lease`update vehicles set model = 'Fiat 500e' where id = 1`;
    await lease`insert into bookings (customer_id, vehicle_id, status, starts_on, ends_on, total_cents)
      values (1, 1, 'reserved', '2026-12-01', '2026-12-02', 3900)`;
    for (const refused of [
      'select plate from vehicles',
      'delete from customers',
      'update bookings set status = $$cancelled$$',
      'truncate bookings',
      'drop table bookings',
      'create table public.mine ()',
      'create temporary table mine ()',
      'select lo_create(0)',
      'set role group_read',
      'set role rental_owner',
    ]) {
      await expect(lease.unsafe(refused), refused).rejects.toMatchObject({ code: '42501' });
    }
    const elsewhere = login(playground, 'lease_1', 'p1', 'rental_production');
    await expect(elsewhere`select 1`).rejects.toMatchObject({ code: '42501' });

    await broker`alter role lease_1 nologin password null`;
    const [{ pid } = { pid: 0 }] = await broker`select pid from pg_stat_activity
      where usename = 'lease_1'`;
    expect(await broker`select pg_terminate_backend(${pid}, 5000) as ended`).toEqual([
      { ended: true },
    ]);
    expect(await broker`select from pg_stat_activity where usename = 'lease_1'`).toHaveLength(0);
    await lease.end();
    await expect(
      login(playground, 'lease_1', 'p1', 'rental_staging')`select 1`,
    ).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });

    const owner = connect(playground.ownerUrl('rental_staging').reveal());
    await owner`create table public.left_behind ()`;
    await owner`alter table public.left_behind owner to lease_1`;
    await expect(broker`drop role lease_1`).rejects.toMatchObject({ code: '2BP01' });
    await broker`grant lease_1 to countersign_broker with inherit true, set true`;
    await broker`reassign owned by lease_1 to rental_owner`;
    await broker`drop owned by lease_1`;
    await broker`drop role lease_1`;
    await expect(broker`drop owned by group_read`).rejects.toMatchObject({ code: '42501' });
    await broker`grant group_read to countersign_broker with inherit true, set true`;
    await broker`drop owned by group_read`;
    await broker`drop role group_read`;
    expect(
      await owner`select rolname from pg_roles where rolname in ('lease_1', 'group_read')`,
    ).toEqual([]);
    expect(await owner`select tableowner from pg_tables where tablename = 'left_behind'`).toEqual([
      { tableowner: 'rental_owner' },
    ]);
    await playground.stop();
  });

  it('runs schema changes as the owner, and can grant what they made', async () => {
    const playground = await start();
    const broker = await asBroker(playground, 'rental_production');
    await broker.begin(async (sql) => {
      await sql`set local role rental_owner`;
      await sql`create table public.invoices (id bigserial primary key)`;
      await sql`alter table public.bookings add column note text`;
    });
    await broker`create role lease_2 login password 'p2'`;
    await broker`grant select on public.invoices to lease_2`;
    const [table] = await broker`select tableowner from pg_tables where tablename = 'invoices'`;
    expect(table).toEqual({ tableowner: 'rental_owner' });
    await playground.stop();
  });

  it('lends the rights of the owner, for a migration, and takes them back', async () => {
    const playground = await start();
    const broker = await asBroker(playground, 'rental_staging');
    await broker.unsafe(`
      create role lease_4 login noinherit password 'p4';
      grant connect on database rental_staging to lease_4;
      grant rental_owner to lease_4 with inherit false, set true`);
    const lease = login(playground, 'lease_4', 'p4', 'rental_staging');
    await expect(lease`select from bookings`).rejects.toMatchObject({ code: '42P01' });
    await lease`set role rental_owner`;
    await lease`alter table public.bookings add column note text`;
    await lease.end();
    await broker.unsafe(
      `grant lease_4 to countersign_broker with inherit true, set true;
      drop owned by lease_4; drop role lease_4`,
    );
    await playground.stop();
  });

  it('is kept from everything else', async () => {
    const playground = await start();
    const broker = await asBroker(playground, 'rental_production');
    const [role] =
      await broker`select rolsuper, rolcreatedb, rolreplication, rolbypassrls, rolcreaterole
      from pg_roles where rolname = current_user`;
    expect(role).toEqual({
      rolsuper: false,
      rolcreatedb: false,
      rolreplication: false,
      rolbypassrls: false,
      rolcreaterole: true,
    });
    await broker`create role lease_3 login`;
    for (const refused of [
      'create database mine',
      'drop database rental_staging',
      'create role mighty superuser',
      'grant pg_read_all_data to lease_3',
      'grant pg_signal_backend to lease_3',
      'set role pg_signal_backend',
      'set role countersign',
      'alter role countersign password null',
      'alter role rental_owner superuser',
      'alter role rental_owner createdb',
      'select rolpassword from pg_authid',
      'create temporary table mine ()',
      `copy public.bookings to program 'cat'`,
      `select pg_read_file('postgresql.conf')`,
    ]) {
      await expect(broker.unsafe(refused), refused).rejects.toMatchObject({ code: '42501' });
    }
    for (const database of ['postgres', 'template1']) {
      const sql = await asBroker(playground, database);
      await expect(sql`select 1`).rejects.toMatchObject({ code: '42501' });
    }
    await playground.stop();
  });
});
