/**
 * The sample company: a car rental with bookings, the data an agent once destroyed. The same thirty
 * rows of each on every machine, so that a tutorial can say what a query answers.
 */

export const RENTAL_OWNER = 'rental_owner';
export const BROKER_ROLE = 'countersign_broker';

/** They differ in the customers' addresses alone, as after an honest copy. */
export type RentalEnvironment = 'staging' | 'production';

/** One script for an empty database: tables and rows, owned by `rental_owner`, open to nobody else. */
export function rentalSql(environment: RentalEnvironment): string {
  const mail = environment === 'production' ? 'mail.example' : 'staging.example';
  return `
revoke all on schema public from public;
revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) from public;
alter schema public owner to ${RENTAL_OWNER};

set role ${RENTAL_OWNER};
alter default privileges revoke execute on functions from public;

create table public.customers (
  id         bigint generated always as identity primary key,
  name       text not null,
  email      text not null unique,
  licence_no text not null unique,
  created_at timestamptz not null
);
create table public.vehicles (
  id          bigint generated always as identity primary key,
  plate       text not null unique,
  model       text not null,
  category    text not null check (category in ('small', 'estate', 'van')),
  daily_cents integer not null check (daily_cents > 0)
);
create table public.bookings (
  id          bigserial primary key,
  customer_id bigint not null references public.customers,
  vehicle_id  bigint not null references public.vehicles,
  status      text not null check (status in ('reserved', 'active', 'returned', 'cancelled')),
  starts_on   date not null,
  ends_on     date not null,
  total_cents integer not null,
  check (ends_on > starts_on)
);
create index on public.bookings (customer_id);
create index on public.bookings (vehicle_id);

insert into public.customers (name, email, licence_no, created_at)
select first || ' ' || last, lower(first || '.' || last) || '@${mail}',
       'L' || lpad((n * 7919 % 100000)::text, 5, '0'),
       timestamptz '2025-01-06 09:00Z' + n * interval '9 days 5 hours'
from generate_series(0, 29) n,
  lateral (select
    (array['Amara', 'Jonas', 'Mei', 'Rafael', 'Ingrid', 'Tariq'])[1 + n % 6] as first,
    (array['Okafor', 'Lindqvist', 'Tanaka', 'Moreno', 'Novak'])[1 + n / 6] as last) names
order by n;

insert into public.vehicles (plate, model, category, daily_cents)
select 'CR ' || lpad((n * 613 % 10000)::text, 4, '0'),
       (array['Fiat 500', 'Skoda Octavia', 'Ford Transit'])[1 + n % 3],
       (array['small', 'estate', 'van'])[1 + n % 3],
       (array[3900, 6400, 8900])[1 + n % 3] + n / 3 * 50
from generate_series(0, 29) n
order by n;

insert into public.bookings (customer_id, vehicle_id, status, starts_on, ends_on, total_cents)
select 1 + n * 11 % 30, v.id,
       (array['returned', 'returned', 'active', 'reserved', 'cancelled'])[1 + n / 6],
       start, start + days, v.daily_cents * days
from generate_series(0, 29) n
  cross join lateral (select date '2026-03-02' + n * 2 as start, 1 + n % 7 as days) period
  join public.vehicles v on v.id = 1 + n * 17 % 30
order by n;

reset role;
`;
}
