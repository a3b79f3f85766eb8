/**
 * Where nothing is open nothing is found: a search that cried wolf would be accepted unread. Asked of
 * databases as they come, with what PostgreSQL brings, by every kind of account a connection can have.
 */
import { randomUUID } from 'node:crypto';
import { Secret } from '@countersign/core';
import type { ProviderConnection } from '@countersign/provider-kit';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { KNOWN_EXTENSIONS } from '../src/escapes/known-extensions.ts';
import { codeOf, onEveryServer, orderOf, ROOT_PASSWORD, right } from './support/fixture.ts';
import { asSuperuser } from './support/server.ts';

/** What the how-to tells an admin to give, and nothing else. */
const LEAST = `
  CREATE ROLE least LOGIN CREATEROLE PASSWORD '${ROOT_PASSWORD}';
  GRANT CONNECT ON DATABASE fresh TO least WITH GRANT OPTION;
  GRANT USAGE ON SCHEMA public TO least WITH GRANT OPTION;
  GRANT SELECT, INSERT, UPDATE, DELETE ON public.plain, public.parts TO least WITH GRANT OPTION;
  GRANT USAGE ON SEQUENCE public.plain_id_seq TO least WITH GRANT OPTION`;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

await onEveryServer('a database as it comes', (fixture) => {
  const connectionOf = async (username: string): Promise<ProviderConnection> => {
    const { provider, connection } = fixture();
    const credential = new Secret('root', ROOT_PASSWORD);
    const { system_identifier: _, ...draft } = connection.config;
    const { config } = await provider.resolveConfig(
      { ...draft, username, database: 'fresh' },
      credential,
    );
    return {
      id: randomUUID(),
      brokerTag: `${username}0001`.padEnd(8, 'x').slice(0, 8),
      config,
      credential,
    };
  };

  beforeAll(async () => {
    const { admin, server } = fixture();
    await admin.unsafe('GRANT CONNECT, TEMPORARY ON DATABASE postgres, template1, other TO PUBLIC');
    await admin.unsafe('CREATE DATABASE fresh');
    const fresh = asSuperuser(server, 'fresh');
    await fresh.unsafe(`
      CREATE TABLE public.plain (id serial PRIMARY KEY, a text CHECK (a <> ''), b text GENERATED ALWAYS AS (upper(a)) STORED);
      CREATE TABLE public.parts (y int, plain int REFERENCES public.plain) PARTITION BY LIST (y);
      CREATE TABLE public.part PARTITION OF public.parts FOR VALUES IN (1);
      CREATE FUNCTION public.calm() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
      CREATE TRIGGER calm BEFORE INSERT OR UPDATE ON public.plain FOR EACH ROW EXECUTE FUNCTION public.calm();
      CREATE TYPE public.span AS RANGE (subtype = float8, subtype_diff = float8mi);
      CREATE VIEW public.own AS SELECT * FROM public.plain;
      CREATE VIEW public.theirs WITH (security_invoker) AS SELECT * FROM public.plain;
      GRANT SELECT ON public.theirs TO PUBLIC;
      CREATE ROLE almighty SUPERUSER LOGIN PASSWORD '${ROOT_PASSWORD}'; ${LEAST}`);
    await fresh.end();
  });

  describe.each(['least', 'almighty'])('to the account %s', (username) => {
    it('leaves nothing open, and leases are made', async () => {
      const { provider, issuer, session } = fixture();
      const connection = await connectionOf(username);
      expect((await provider.check(connection)).escapes).toEqual([]);
      const order = orderOf(randomUUID(), [
        right('select', 'public.plain'),
        right('insert', 'public.plain'),
        right('delete', 'public.parts'),
      ]);
      const issued = await issuer.issue(connection, order);
      const agent = session({
        username: String(issued.credential['username']),
        password: issued.primary.reveal(),
        database: 'fresh',
      });
      expect(await codeOf(agent`INSERT INTO public.plain (a) VALUES ('x')`)).toBe('ok');
      await issuer.revoke(connection, order.leaseId);
      expect((await issuer.reap(connection, async () => new Set())).revoked).toEqual([]);
    });
  });

  it('with each extension that PostgreSQL brings', async () => {
    const { provider, server } = fixture();
    const connection = await connectionOf('least');
    const fresh = asSuperuser(server, 'fresh');
    const there = await fresh<{ name: string }[]>`
      SELECT name FROM pg_available_extensions WHERE installed_version IS NULL ORDER BY name`;
    const tried: string[] = [];
    for (const { name } of there) {
      // Some need a library or a setting that a bare server lacks.
      const made = await codeOf(fresh.unsafe(`CREATE EXTENSION ${quoted(name)} CASCADE`));
      if (made === 'ok') tried.push(name);
    }
    expect(tried).toEqual(expect.arrayContaining(['pgcrypto', 'pg_trgm', 'citext', 'hstore']));
    const { escapes } = await provider.check(connection);
    expect(escapes.map(({ object }) => object)).toEqual(['extension dblink']);
    expect(KNOWN_EXTENSIONS).not.toContain('dblink');
    for (const { remedy } of escapes) await fresh.unsafe(remedy);
    expect((await provider.check(connection)).escapes).toEqual([]);
    await fresh.end();
  });

  it('in which a lease shares with everybody what it made for itself', async () => {
    const { provider, issue, issuer, connection, admin } = fixture();
    await admin`GRANT TEMPORARY ON DATABASE app TO PUBLIC`;
    const rights = [right('select', 'sales.booking')];
    const sharing = await issue(rights);
    const agent = sharing.open();
    await agent.unsafe(`
      SELECT lo_create(4711); GRANT ALL ON LARGE OBJECT 4711 TO PUBLIC;
      CREATE FUNCTION pg_temp.bait() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
      CREATE TEMP VIEW bait AS SELECT pg_temp.bait();
      CREATE TEMP SEQUENCE number; GRANT ALL ON number, bait TO PUBLIC`);
    expect((await provider.check(connection)).escapes).toEqual([]);
    const other = await issue(rights);
    expect(await codeOf(other.open()`SELECT pg_temp_3.bait()`)).not.toBe('ok');
    await issuer.revoke(connection, sharing.id);
    await issuer.revoke(connection, other.id);
    expect((await provider.check(connection)).escapes).toEqual([]);
    await admin`REVOKE TEMPORARY ON DATABASE app FROM PUBLIC`;
  });

  describe('beside another database', () => {
    const escapes = async (connection: ProviderConnection) =>
      (await fixture().provider.check(connection)).escapes;

    it('that PUBLIC may write to is an escape, until it may not connect', async () => {
      const { server, issuer, admin } = fixture();
      const connection = await connectionOf('least');
      const other = asSuperuser(server, 'other');
      await other.unsafe('CREATE TABLE public.t (id int); GRANT INSERT ON public.t TO PUBLIC');
      const [first] = await escapes(connection);
      expect(first?.object).toBe('database other');
      expect(first?.explanation).toContain('table public.t');
      const order = orderOf(randomUUID(), [right('select', 'public.plain')]);
      await expect(issuer.issue(connection, order)).rejects.toMatchObject({ kind: 'escape' });
      const acceptedEscapes = first === undefined ? [] : [first];
      await issuer.issue(connection, { ...order, acceptedEscapes });
      await issuer.revoke(connection, order.leaseId);

      await other.unsafe('GRANT DELETE ON public.t TO PUBLIC');
      const [second] = await escapes(connection);
      expect(second?.digest).not.toBe(first?.digest);
      await admin.unsafe(second?.remedy ?? '');
      expect(await escapes(connection)).toEqual([]);
      await other.unsafe('REVOKE ALL ON public.t FROM PUBLIC');
      await admin.unsafe('GRANT CONNECT ON DATABASE other TO PUBLIC');
      expect(await escapes(connection)).toEqual([]);
      await other.end();
    });

    it('that cannot be looked into counts as open', async () => {
      const { admin } = fixture();
      const connection = await connectionOf('least');
      await admin.unsafe('ALTER DATABASE other CONNECTION LIMIT 0');
      expect(await escapes(connection)).toMatchObject([
        { object: 'database other', explanation: expect.stringContaining('could not look') },
      ]);
      await admin.unsafe('ALTER DATABASE other CONNECTION LIMIT -1');
    });
  });

  it.each(['select', 'a"b\\c', "d'e%I", 'line\nbreak', '9 表 $1', 'ü'.repeat(31)])(
    'beside a database, and through an owner, called %j',
    async (odd) => {
      const { provider, server, admin } = fixture();
      const connection = await connectionOf('least');
      const name = quoted(odd);
      await admin.unsafe(`CREATE ROLE ${name} NOLOGIN`);
      await admin.unsafe(`CREATE DATABASE ${name} OWNER ${name}`);
      const other = asSuperuser(server, odd);
      await other.unsafe('CREATE TABLE public.t (id int); GRANT INSERT ON public.t TO PUBLIC');
      await other.end();
      const fresh = asSuperuser(server, 'fresh');
      await fresh.unsafe(
        `CREATE FUNCTION public.odd() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER FUNCTION public.odd() OWNER TO ${name}`,
      );
      const { escapes } = await provider.check(connection);
      expect(escapes).toHaveLength(2);
      for (const { object, explanation, remedy } of escapes) {
        expect(`${object}${explanation}${remedy}`).not.toMatch(/\p{Cc}/u);
        await fresh.unsafe(remedy);
      }
      expect((await provider.check(connection)).escapes).toEqual([]);
      await fresh.unsafe('DROP FUNCTION public.odd()');
      await fresh.unsafe(`DROP DATABASE ${name}`);
      await fresh.unsafe(`DROP ROLE ${name}`);
      await fresh.end();
    },
  );

  it('whatever its objects are called: what is found has one printable name and a remedy that works', async () => {
    const { provider, server } = fixture();
    const connection = await connectionOf('least');
    const fresh = asSuperuser(server, 'fresh');
    const fragment = fc.constantFrom(
      ...[
        '"',
        '""',
        "'",
        '\\',
        '%',
        '%I',
        '$1',
        '$$',
        ';',
        '--',
        '\n',
        '\r',
        '\t',
        '\u001b[2J',
        '\u202e',
      ],
      ...[
        '\u0001',
        'é',
        '表',
        '🗝',
        ' ',
        'U&',
        'select',
        '1',
        'A',
        'a',
        '->',
        ' on ',
        '${',
        ':"v"',
        '`id`',
      ],
    );
    const name = fc
      .oneof(
        fc.array(fragment, { minLength: 1, maxLength: 12 }).map((parts) => parts.join('')),
        fc.constantFrom('user', '9lives', 'a'.repeat(63), 'ü'.repeat(31), '\\0041', 'x" y'),
      )
      .filter((text) => Buffer.byteLength(text) <= 60)
      .map((text) => text);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 6, maxLength: 6 }), async (names) => {
        const [schema, table, child, fn, trigger, column] = names.map(quoted);
        await fresh.unsafe(`CREATE SCHEMA ${schema}; GRANT USAGE ON SCHEMA ${schema} TO PUBLIC;
          CREATE TABLE ${schema}.${table} (${column} int PRIMARY KEY);
          CREATE TABLE ${schema}.${child} (${column} int CONSTRAINT ${trigger} REFERENCES ${schema}.${table} ON DELETE CASCADE);
          CREATE DOMAIN ${schema}.${column} AS int;
          CREATE FUNCTION ${schema}.${fn}(${schema}.${column}) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
          CREATE FUNCTION ${schema}.${fn}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NULL; END';
          REVOKE EXECUTE ON FUNCTION ${schema}.${fn}() FROM PUBLIC;
          CREATE TRIGGER ${trigger} AFTER DELETE ON ${schema}.${table} FOR EACH ROW EXECUTE FUNCTION ${schema}.${fn}();
          CREATE RULE ${trigger} AS ON DELETE TO ${schema}.${table} DO ALSO DELETE FROM ${schema}.${child};
          CREATE SEQUENCE ${schema}.${fn}; GRANT UPDATE ON SEQUENCE ${schema}.${fn} TO PUBLIC;
          GRANT SELECT (${column}) ON ${schema}.${child} TO PUBLIC;
          GRANT USAGE ON SCHEMA ${schema} TO least WITH GRANT OPTION;
          GRANT DELETE ON ${schema}.${table} TO least WITH GRANT OPTION`);
        const { escapes } = await provider.check(connection);
        expect(escapes.map(({ object }) => object.split(' ')[0]).sort()).toEqual([
          'cascade',
          'function',
          'rule',
          'sequence',
          'table',
          'trigger',
        ]);
        for (const { object, explanation, remedy } of escapes) {
          expect(`${object}${explanation}${remedy}`).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          expect(object.length).toBeLessThanOrEqual(1024);
          await fresh.unsafe(remedy);
        }
        expect((await provider.check(connection)).escapes).toEqual([]);
        await fresh.unsafe(`DROP SCHEMA ${schema} CASCADE`);
      }),
      { numRuns: 15 },
    );
    await fresh.end();
  });
});
