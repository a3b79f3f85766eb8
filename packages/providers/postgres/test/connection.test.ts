/** Reaching the right database, and only that one, whatever happens to the connection meanwhile. */
import { randomBytes, randomUUID } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { openTarget } from '../src/connect.ts';
import { createPostgresProvider } from '../src/index.ts';
import {
  BROKER_SYSTEM_IDENTIFIER,
  codeOf,
  type Fixture,
  onEachServer,
  orderOf,
  ROOT_PASSWORD,
  right,
} from './support/fixture.ts';

const random = { bytes: (length: number) => randomBytes(length) };
const root = new Secret('root', ROOT_PASSWORD);
/** Of one target, at once. */
const SESSIONS = 4;

const draftOf = ({ server }: Fixture): Record<string, unknown> => ({
  host: server.host,
  port: server.port,
  database: 'app',
  username: 'broker',
  sslmode: 'disable',
});

await onEachServer('a connection', (fixture) => {
  it('is completed with the system identifier that the server has', async () => {
    const [cluster] = await fixture()
      .admin`SELECT system_identifier::text AS id FROM pg_control_system()`;
    const resolved = await fixture().provider.resolveConfig(draftOf(fixture()), root);
    const endpoint = `127.0.0.1:${fixture().server.port}/app`;
    expect(resolved).toEqual({
      config: { ...draftOf(fixture()), system_identifier: cluster?.['id'] },
      endpoint,
      account: 'broker',
      ids: [endpoint],
    });
    expect(fixture().provider.describeConfig(resolved.config)).toEqual(resolved);
    expect(fixture().provider.environmentIds(resolved.config, [])).toEqual([endpoint]);
  });

  describe('is refused in words', () => {
    it.each([
      ['a wrong password', {}, new Secret('root', 'wrong'), 'misconfigured', /root credential/],
      ['an unknown role', { username: 'nobody' }, root, 'misconfigured', /root credential/],
      ['an unknown database', { database: 'nothing' }, root, 'misconfigured', /does not exist/],
      [
        'a database it may not connect to',
        { database: 'postgres' },
        root,
        'misconfigured',
        /lacks a right/,
      ],
      [
        'another cluster',
        { system_identifier: '1' },
        root,
        'misconfigured',
        /Another cluster answers/,
      ],
      [
        'a port where nothing listens',
        { port: 1 },
        root,
        'unavailable',
        /not reachable \(ECONNREFUSED\)/,
      ],
      [
        'a host that does not exist',
        { host: 'no-such-host.invalid', sslmode: 'verify-full' },
        root,
        'unavailable',
        /not reachable/,
      ],
      [
        'a server without TLS',
        { host: 'localhost', sslmode: 'verify-full' },
        root,
        'misconfigured',
        /does not offer TLS/,
      ],
    ])('%s', async (_, change, credential, kind, message) => {
      const attempt = fixture().provider.resolveConfig(
        { ...draftOf(fixture()), ...change },
        credential,
      );
      await expect(attempt).rejects.toMatchObject({
        name: 'ProviderError',
        kind,
        message: expect.stringMatching(message),
      });
    });

    it('a role that may not create roles, with the statement that lets it', async () => {
      await fixture().admin.unsafe(
        `CREATE ROLE "Plain One" LOGIN PASSWORD '${ROOT_PASSWORD}'; GRANT CONNECT ON DATABASE app TO "Plain One"`,
      );
      const attempt = fixture().provider.resolveConfig(
        { ...draftOf(fixture()), username: 'Plain One' },
        root,
      );
      await expect(attempt).rejects.toThrow('ALTER ROLE "Plain One" CREATEROLE;');
    });

    it("Countersign's own database, and any while that does not answer", async () => {
      const [cluster] = await fixture()
        .admin`SELECT system_identifier::text AS id FROM pg_control_system()`;
      const clock = { now: () => Date.now() };
      const own = createPostgresProvider({
        clock,
        random,
        brokerSystemIdentifier: async () => String(cluster?.['id']),
      });
      await expect(own.resolveConfig(draftOf(fixture()), root)).rejects.toMatchObject({
        kind: 'misconfigured',
        message: expect.stringContaining("Countersign's own database"),
      });
      const mute = createPostgresProvider({
        clock,
        random,
        brokerSystemIdentifier: () => Promise.reject(new Error('down')),
      });
      await expect(mute.resolveConfig(draftOf(fixture()), root)).rejects.toMatchObject({
        kind: 'unavailable',
      });
    });
  });

  it('that hangs takes no turn from whoever has waited too long for one', async () => {
    const { connection, issuer } = fixture();
    let connected = 0;
    let isLate = false;
    const accepted: Socket[] = [];
    const full = Promise.withResolvers<void>();
    const mute = createServer((socket) => {
      socket.on('error', () => undefined);
      accepted.push(socket);
      connected += 1;
      if (connected === SESSIONS) full.resolve();
    });
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    try {
      const address = mute.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      const hanging = {
        ...connection,
        id: 'hangs',
        config: { ...connection.config, port: address.port },
      };
      const requireStart = (): void => {
        if (isLate) throw new ProviderError('unavailable', 'It is too late.');
      };
      const order = () =>
        orderOf(randomUUID(), [right('select', 'sales.booking')], { requireStart });
      const leases = Promise.allSettled(
        Array.from({ length: 3 * SESSIONS }, () => issuer.issue(hanging, order())),
      );
      await full.promise;
      isLate = true;
      for (const socket of accepted) socket.destroy();
      for (const lease of await leases) {
        expect(lease).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
      }
      expect(connected).toBe(SESSIONS);
    } finally {
      mute.close();
    }
  });

  it('with the pin of another cluster mints nothing and revokes nothing', async () => {
    const { connection, issuer, provider } = fixture();
    const elsewhere = {
      ...connection,
      id: 'elsewhere',
      config: { ...connection.config, system_identifier: BROKER_SYSTEM_IDENTIFIER },
    };
    const lease = await fixture().issue([right('select', 'sales.booking')]);
    await expect(issuer.revoke(elsewhere, lease.id)).rejects.toMatchObject({
      kind: 'misconfigured',
    });
    await expect(issuer.reap(elsewhere, async () => new Set())).rejects.toMatchObject({
      kind: 'misconfigured',
    });
    expect((await provider.check(elsewhere)).ok).toBe(false);
    expect(await codeOf(lease.open()`SELECT`)).toBe('ok');
  });

  it('ignores what the role or the database sets for its sessions', async () => {
    const { admin } = fixture();
    await admin.unsafe(`CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;
      CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())::text';
      ALTER ROLE broker SET search_path = evil, pg_catalog; ALTER ROLE broker SET statement_timeout = 0;
      ALTER ROLE broker SET default_transaction_read_only = off; ALTER DATABASE app SET synchronous_commit = off`);
    const target = openTarget(parseConfig(fixture().connection.config), root, random);
    const [row] = await target.transaction(
      (
        tx,
      ) => tx`SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout,
        current_setting('synchronous_commit') AS durable`,
    );
    expect(row).toEqual({ path: '', timeout: '10s', durable: 'on' });
    await target.close();
    await admin.unsafe(
      'ALTER ROLE broker RESET ALL; ALTER DATABASE app RESET ALL; DROP SCHEMA evil CASCADE',
    );
  });

  it('that is cut in a transaction did nothing; cut in its commit, nobody knows', async () => {
    const { admin } = fixture();
    await admin.unsafe(`CREATE TABLE public.mark (id int);
      CREATE FUNCTION public.cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON public.mark DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION public.cut();
      GRANT INSERT ON public.mark TO broker`);
    const target = openTarget(parseConfig(fixture().connection.config), root, random);
    const early = target.transaction((tx) => tx`SELECT pg_terminate_backend(pg_backend_pid())`);
    await expect(early).rejects.toMatchObject({ kind: 'unavailable' });
    const late = target.transaction((tx) => tx`INSERT INTO public.mark VALUES (1)`);
    await expect(late).rejects.toMatchObject({ kind: 'unknown_outcome' });
    const after = await Promise.all([1, 2, 3].map(() => target.transaction(async () => 'ok')));
    expect(after).toEqual(['ok', 'ok', 'ok']);
    await target.close();
    await admin.unsafe('DROP TABLE public.mark; DROP FUNCTION public.cut');
  });

  it.each([
    ['a catalog row that went meanwhile', 'cache lookup failed for role 4711', 'XX000'],
    ['the same in another language', 'Cache-Suche für Rolle 4711 fehlgeschlagen', 'XX000'],
    ['a deadlock', 'deadlock detected', '40P01'],
  ])(
    'tries again what met %s, and says after many times that it is busy',
    async (_, text, state) => {
      const target = openTarget(parseConfig(fixture().connection.config), root, random);
      const fail = `DO $$ BEGIN RAISE EXCEPTION '${text}' USING ERRCODE = '${state}'; END $$`;
      let tries = 0;
      const once = target.again(async (tx) => {
        tries += 1;
        if (tries === 1) await tx.unsafe(fail);
        return 'done';
      });
      expect([await once, tries]).toEqual(['done', 2]);
      const always = target.again((tx) => tx.unsafe(fail));
      await expect(always).rejects.toMatchObject({ kind: 'unavailable' });
      await target.close();
    },
  );

  it('survives all its sessions being ended while they work', async () => {
    const { admin } = fixture();
    const target = openTarget(parseConfig(fixture().connection.config), root, random);
    const work = Array.from({ length: 4 }, () =>
      target.transaction((tx) => tx`SELECT pg_sleep(30)`),
    );
    const outcomes = Promise.allSettled(work);
    for (let ended = 0; ended < 4; ) {
      ended += (
        await admin`
        SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
        WHERE usename = 'broker' AND wait_event = 'PgSleep'`
      ).length;
    }
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
    }
    expect(await target.transaction(async () => 'ok')).toBe('ok');
    await target.close();
  });

  it('with a new root password opens a new pool', async () => {
    const { admin, connection, issuer } = fixture();
    const lease = await fixture().issue([right('select', 'sales.booking')]);
    await admin.unsafe("ALTER ROLE broker PASSWORD 'rotated-4711'");
    const rotated = { ...connection, credential: new Secret('root', 'rotated-4711') };
    await issuer.revoke(rotated, lease.id);
    expect(await codeOf(lease.open()`SELECT`)).toBe('28P01');
    await expect(issuer.revoke({ ...connection, id: 'late' }, lease.id)).rejects.toMatchObject({
      kind: 'misconfigured',
    });
    await admin.unsafe(`ALTER ROLE broker PASSWORD '${ROOT_PASSWORD}'`);
  });
});

await onEachServer('a connection over TLS', (fixture) => {
  const tls = (name: string): URL => new URL(`./support/tls/${name}`, import.meta.url);

  /** Puts the test certificate where the running server reads it, and switches TLS on. */
  async function switchOn({ admin }: Fixture): Promise<void> {
    const [{ folder } = { folder: '' }] = await admin<{ folder: string }[]>`
      SELECT current_setting('data_directory') AS folder`;
    await copyFile(tls('server.pem'), `${folder}/server.crt`);
    const key = await readFile(tls('server.key'), 'utf8');
    // Written by the server itself, so that the key belongs to whom it must belong.
    await admin.unsafe(
      `SET log_statement = 'none'; COPY (SELECT unnest(string_to_array('${key.trim()}', E'\\n'))) TO '${folder}/server.key'`,
    );
    await admin.unsafe("COPY (SELECT 1) TO PROGRAM 'chmod 600 server.key'");
    await admin`ALTER SYSTEM SET ssl = on`;
    await admin`SELECT pg_reload_conf()`;
    for (let on = false; !on; ) {
      const [row] = await admin`SHOW ssl`;
      on = row?.['ssl'] === 'on';
    }
  }

  it('verifies the certificate and the name, or does not connect', async () => {
    await switchOn(fixture());
    const ca = await readFile(tls('ca.pem'), 'utf8');
    const secure = { ...draftOf(fixture()), host: 'localhost', sslmode: 'verify-full', ca };
    const { provider } = fixture();
    const { config } = await provider.resolveConfig(secure, root);
    const check = await provider.check({ ...fixture().connection, id: 'secure', config });
    expect(check.findings[0]).toMatchObject({
      ok: true,
      text: expect.stringContaining('over verified TLS'),
    });

    const { ca: _, ...without } = secure;
    await expect(provider.resolveConfig(without, root)).rejects.toThrow(
      /certificate or handshake was refused/,
    );
    const byAddress = { ...secure, host: '127.0.0.1' };
    await expect(provider.resolveConfig(byAddress, root)).rejects.toThrow(
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    );
    const stranger = await readFile(tls('server.pem'), 'utf8');
    await expect(provider.resolveConfig({ ...secure, ca: stranger }, root)).rejects.toMatchObject({
      kind: 'misconfigured',
    });
  });
});
