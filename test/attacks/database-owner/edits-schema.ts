/** Edits of what PostgreSQL does with our SQL: triggers, rules, views, types, defaults, settings, functions. */
import { type NamedEdit, run } from './hand.ts';

const trigger = (table: string, when: string, body: string) => `
  create function countersign.lie() returns trigger language plpgsql as $$ begin ${body} end $$;
  create trigger lie before ${when} on countersign.${table}
    for each row execute function countersign.lie();`;

/** A view in the place of a table, through which what it hides can still be written. */
const view = (table: string, columns: string) => `
  alter table countersign.${table} rename to hidden;
  create view countersign.${table} as select ${columns} from countersign.hidden`;

const ENTRY = 'index, id, type, time, agent, authority, bytes, leaf_hash, counts';
/** Whoever is connected has to come again, and gets the new settings. */
const reconnected = `; select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`;
const setting = (assignment: string) => `
  do $$ begin execute format('alter role current_user in database %I set ${assignment}',
    current_database()); end $$${reconnected}`;

export const SCHEMA: readonly NamedEdit[] = [
  [
    'a trigger that drops every new entry',
    'told',
    run(trigger('entries', 'insert', 'return null;')),
  ],
  [
    'a trigger that rewrites every new entry',
    'named',
    run(
      trigger(
        'entries',
        'insert',
        `
    new.bytes := '\\x7b7d'; return new;`,
      ),
    ),
  ],
  [
    'a trigger that takes the authority from new entries',
    'harmless',
    run(
      trigger(
        'entries',
        'insert',
        `
    new.authority := false; return new;`,
      ),
    ),
  ],
  [
    'a trigger that keeps the head as it is',
    'told',
    run(trigger('head', 'update', 'return null;')),
  ],
  [
    'a trigger that keeps the size of the head',
    'told',
    run(
      trigger(
        'head',
        'update',
        `
    new.size := old.size; return new;`,
      ),
    ),
  ],
  [
    'a trigger that keeps the authority version',
    'harmless',
    run(
      trigger(
        'head',
        'update',
        `
    new.authority_version := old.authority_version; return new;`,
      ),
    ),
  ],
  [
    'a trigger that forgets every counted use',
    'told',
    run(
      trigger(
        'grant_uses',
        'insert or update',
        `
    new.used := 0; return new;`,
      ),
    ),
  ],
  [
    'a trigger that widens every new lease',
    'told',
    run(
      trigger(
        'leases',
        'insert',
        `
    new.rights := '[{"operation": "postgres:delete", "resource": "public.customers",
      "deleteCapable": true}]'; return new;`,
      ),
    ),
  ],
  [
    'a trigger that prolongs every new lease',
    'told',
    run(
      trigger(
        'leases',
        'insert',
        `
    new.expires_at := new.expires_at + interval '1 year'; return new;`,
      ),
    ),
  ],
  [
    'a trigger that forgets every remembered id',
    'told',
    run(trigger('replay_ids', 'insert', 'return null;')),
  ],
  [
    'a rule that discards new entries',
    'told',
    run(`
    create rule lie as on insert to countersign.entries do instead nothing`),
  ],
  [
    'a rule that discards counted uses',
    'told',
    run(`
    create rule lie as on insert to countersign.grant_uses do instead nothing`),
  ],
  [
    'a rule that discards new heads',
    'refused',
    run(`
    create rule lie as on update to countersign.head do instead nothing`),
  ],
  [
    'a view that hides the revocation',
    'refused',
    run(`${view('entries', ENTRY)}
    where type <> 'statement.proposed' or index < 30`),
  ],
  ['a view of the entries that shows all of them', 'harmless', run(view('entries', ENTRY))],
  [
    'a view in which nothing was used',
    'told',
    run(view('grant_uses', 'grant_id, 0::int8 as used, max_uses')),
  ],
  [
    'a view of an earlier head',
    'told',
    run(`
    alter table countersign.head rename to hidden;
    create view countersign.head as select * from earlier.head`),
  ],
  [
    'a view of leases that never end',
    'told',
    run(
      view(
        'leases',
        `id, agent, connection, environment,
    grants, rights, decision, mac, 'active' as state, created_at,
    'infinity'::timestamptz as expires_at, trouble, claimed_until`,
      ),
    ),
  ],
  [
    "a view of another deployment's credentials",
    'told',
    run(`
    alter table countersign.sealed_credentials rename to hidden;
    create view countersign.sealed_credentials as select * from other.sealed_credentials`),
  ],
  [
    'row security that hides entries',
    'harmless',
    run(`
    alter table countersign.entries enable row level security, force row level security;
    create policy lie on countersign.entries using (index < 20)`),
  ],
  [
    'a table that inherits entries, with one more',
    'told',
    run(`
    create table countersign.more () inherits (countersign.entries);
    insert into countersign.more select index + 1, gen_random_uuid(), type, time, agent, authority,
      bytes, leaf_hash from countersign.entries order by index desc limit 1`),
  ],
  [
    'a table that inherits the head, with an earlier one',
    'refused',
    run(`
    create table countersign.more () inherits (countersign.head);
    insert into countersign.more select * from earlier.head`),
  ],
  [
    'a table that inherits use counters',
    'told',
    run(`
    create table countersign.more () inherits (countersign.grant_uses);
    insert into countersign.more select grant_id, 0, max_uses from countersign.grant_uses`),
  ],
  [
    'a use counter that is generated',
    'told',
    run(`
    alter table countersign.grant_uses drop column used;
    alter table countersign.grant_uses add column used int8 generated always as (0) stored`),
  ],
  [
    'a default that marks entries',
    'harmless',
    run(`
    alter table countersign.entries alter authority set default true`),
  ],
  [
    'the constraints dropped that counters and ids have',
    'harmless',
    run(`
    alter table countersign.grant_uses drop constraint uses_left;
    alter table countersign.entries drop constraint entries_id_key`),
  ],
  [
    'the primary key of use counters dropped',
    'told',
    run(`
    alter table countersign.grant_uses drop constraint grant_uses_pkey`),
  ],
  [
    'the primary key of remembered ids dropped',
    'harmless',
    run(`
    alter table countersign.replay_ids drop constraint replay_ids_pkey`),
  ],
  [
    'the primary key of entries dropped, and a statement twice',
    'refused',
    run(`
    alter table countersign.entries drop constraint entries_pkey, drop constraint entries_id_key;
    insert into countersign.entries select * from countersign.entries
      where index = (select max(index) from countersign.entries where type = 'statement.proposed')`),
  ],
  [
    'entries as text',
    'refused',
    run(`
    alter table countersign.entries alter bytes type text using encode(bytes, 'escape')`),
  ],
  [
    'use counters of one bit',
    'told',
    run(`
    alter table countersign.grant_uses drop constraint uses_left;
    alter table countersign.grant_uses alter used type boolean using used > 1`),
  ],
  [
    'time without milliseconds',
    'refused',
    run(`
    alter table countersign.head alter time type timestamptz(0)`),
  ],
  ['rights as text', 'harmless', run('alter table countersign.leases alter rights type text')],
  ['a column dropped', 'refused', run('alter table countersign.head drop column mac')],
  ['a table dropped', 'refused', run('drop table countersign.sealed_keys')],
  ['the schema renamed', 'remembered', run('alter schema countersign rename to gone')],
  [
    'another search path',
    'harmless',
    run(`create schema evil;
    create function evil.clock_timestamp() returns timestamptz language sql as
      $$ select timestamptz '2000-01-01' $$; ${setting('search_path = evil, pg_catalog')}`),
  ],
  [
    'another time zone and style of dates',
    'refused',
    run(`${setting("TimeZone = ''Asia/Tokyo''")}; ${setting("DateStyle = ''German''")}`),
  ],
  ['bytes written as escapes', 'refused', run(setting("bytea_output = ''escape''"))],
  ['strings read another way', 'harmless', run(setting('standard_conforming_strings = off'))],
  ['no writing by default', 'refused', run(setting('default_transaction_read_only = on'))],
  [
    'snapshots that stay',
    'harmless',
    run(setting("default_transaction_isolation = ''repeatable read''")),
  ],
  [
    'triggers and constraints switched off',
    'harmless',
    run(setting('session_replication_role = replica')),
  ],
  ['no time for any statement', 'harmless', run(setting('statement_timeout = 1'))],
  [
    'a clock that stands',
    'refused',
    run(`
    set allow_system_table_mods = on;
    create or replace function pg_catalog.clock_timestamp() returns timestamptz
      language sql volatile as $$ select timestamptz '2000-01-01' $$`),
  ],
  [
    'hashes that are always equal',
    'harmless',
    run(`
    create function countersign.yes(bytea, bytea) returns boolean language sql immutable as
      $$ select true $$;
    set allow_system_table_mods = on;
    update pg_operator set oprcode = 'countersign.yes(bytea, bytea)'::regprocedure
      where oprname = '=' and oprleft = 'bytea'::regtype${reconnected}`),
  ],
  [
    'counting that never counts',
    'harmless',
    run(`
    set allow_system_table_mods = on;
    update pg_proc set prosrc = 'int4not' where proname = 'int8pl'${reconnected}`),
  ],
  [
    'a flood of notifications',
    'harmless',
    run(`
    select pg_notify('countersign_authority', n::text) from generate_series(1, 5000) n`),
  ],
];
