import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../src/embedded/postgres.ts';
import { isRunning } from '../src/embedded/process.ts';
import { connect, ended, newDirectory, postmasterPid, silent } from './embedded-support.ts';

async function start(directory: string, more = {}) {
  return await startEmbeddedPostgres({ directory, log: silent, durability: 'none', ...more });
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe('an embedded PostgreSQL', () => {
  it('starts, keeps its data over a restart, and leaves no process', async () => {
    const directory = join(await newDirectory(), 'below', 'that');
    const log = pino({ level: 'silent' });
    const first = await startEmbeddedPostgres({ directory, log, durability: 'none' });
    expect(first).toMatchObject({
      host: '127.0.0.1',
      username: 'countersign',
      database: 'countersign',
      adopted: false,
    });
    const sql = connect(first.url().reveal());
    const [row] = await sql`select current_setting('server_version_num')::int / 10000 as major,
      current_database() as database, current_setting('is_superuser') as superuser,
      (select system_identifier::text from pg_control_system()) as id`;
    expect(row).toEqual({
      major: 18,
      database: 'countersign',
      superuser: 'on',
      id: first.systemIdentifier,
    });
    await sql`create table kept as select 42 as n`;
    const pid = await postmasterPid(directory);
    await first.stop();
    await first.stop();
    expect(pid !== undefined && isRunning(pid)).toBe(false);
    expect(await postmasterPid(directory)).toBeUndefined();

    const second = await start(directory);
    expect(second).toMatchObject({ adopted: false, systemIdentifier: first.systemIdentifier });
    expect(await connect(second.url().reveal())`select n from kept`).toEqual([{ n: 42 }]);
    await second.stop();
  });

  it('answers on 127.0.0.1 alone, by SCRAM alone, and makes durable what it commits', async () => {
    const directory = await newDirectory();
    const server = await startEmbeddedPostgres({
      directory,
      log: silent,
      extraSettings: { max_connections: '17', listen_addresses: '*', fsync: 'on' },
    });
    const sql = connect(server.url('postgres').reveal());
    const settings = await sql`select name, setting from pg_settings where name in
      ('listen_addresses', 'unix_socket_directories', 'password_encryption', 'max_connections',
       'fsync', 'synchronous_commit', 'full_page_writes', 'ssl') order by name`;
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      max_connections: '17',
      password_encryption: 'scram-sha-256',
      ssl: 'off',
      synchronous_commit: 'on',
      unix_socket_directories: '',
    });
    const rules = await sql`select type, database, user_name, address, netmask, auth_method
      from pg_hba_file_rules`;
    expect(rules).toEqual([
      {
        type: 'host',
        database: ['all'],
        user_name: ['all'],
        address: '127.0.0.1',
        netmask: '255.255.255.255',
        auth_method: 'scram-sha-256',
      },
    ]);
    const [stored] = await sql`select rolpassword like 'SCRAM-SHA-256$%' as scram
      from pg_authid where rolname = 'countersign'`;
    expect(stored).toEqual({ scram: true });
    await server.stop();
  });

  it.each([
    ['a wrong password', 'countersign', 'wrong'],
    ['an empty password', 'countersign', ''],
    ['an unknown user', 'postgres', 'wrong'],
  ])('refuses %s', async (_, username, password) => {
    const server = await start(await newDirectory());
    const sql = connect(`postgres://${username}:${password}@127.0.0.1:${server.port}/postgres`);
    await expect(sql`select 1`).rejects.toThrow(
      /password authentication failed|password supplied/i,
    );
    await server.stop();
  });

  it('keeps its password out of arguments, environments, logs and files that others can read', async () => {
    const directory = await newDirectory();
    process.env['COUNTERSIGN_TEST_CANARY'] = 'of the broker alone';
    const server = await start(directory);
    delete process.env['COUNTERSIGN_TEST_CANARY'];
    const password = server.password.reveal();
    const sql = connect(server.url().reveal());
    await expect(sql.unsafe(`create role x password '${password}' nonsense`)).rejects.toThrow();

    expect(String(server.url())).not.toContain(password);
    expect(JSON.stringify(server)).not.toContain(password);
    expect(await modeOf(join(directory, 'superuser.password'))).toBe('600');
    expect(await modeOf(join(directory, 'postgres.log'))).toBe('600');
    expect(await modeOf(join(directory, 'pgdata'))).toBe('700');
    expect((await readdir(directory)).sort()).toEqual([
      'pgdata',
      'postgres.log',
      'superuser.password',
    ]);
    expect(await readFile(join(directory, 'postgres.log'), 'utf8')).not.toContain(password);
    if (process.platform === 'linux') {
      const seen = await processesIn(join(directory, 'pgdata'));
      expect(seen.length).toBeGreaterThan(3);
      for (const { cmdline, environ } of seen) {
        expect(cmdline + environ).not.toContain(password);
        expect(environ).not.toContain('COUNTERSIGN_TEST_CANARY');
      }
    }
    await server.stop();
  });

  it('is out of reach of a Ctrl-C and hooks no signal', async () => {
    const directory = await newDirectory();
    const events = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit', 'beforeExit', 'uncaughtException'];
    // Each by itself: what others hooked may go meanwhile, as a log's does once nobody holds that log any more.
    const before = events.map((event) => new Set(process.rawListeners(event)));
    const server = await start(directory);
    const hooked = events.filter((event, at) =>
      process.rawListeners(event).some((listener) => before[at]?.has(listener) !== true),
    );
    expect(hooked).toEqual([]);
    const pid = await postmasterPid(directory);
    if (process.platform === 'linux') {
      const text = await readFile(`/proc/${pid}/stat`, 'latin1');
      const [, , group, session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
      expect([group, session]).toEqual([String(pid), String(pid)]);
    }
    await server.stop();
  });

  it('keeps a port it is told to keep', async () => {
    const directory = await newDirectory();
    const first = await start(directory);
    await first.stop();
    const second = await start(directory, { port: first.port });
    expect(second.port).toBe(first.port);
    await expect(start(directory, { port: first.port + 1 })).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining(`on port ${first.port}, not ${first.port + 1}`),
    });
    await second.stop();
  });

  it('runs on while a session of another program is open, and stops with the last', async () => {
    const directory = await newDirectory();
    const first = await start(directory);
    const own = connect(first.url().reveal());
    await own`select 1`;
    const stranger = connect(first.url().reveal().replace(/\?.*/, ''));
    await stranger`select 1`;
    const pid = (await postmasterPid(directory)) ?? 0;
    await first.stop();
    expect(await stranger`select 1 as still`).toEqual([{ still: 1 }]);

    const second = await start(directory);
    expect(second.adopted).toBe(true);
    await Promise.all([own.end(), stranger.end()]);
    await second.stop();
    expect(await ended(pid)).toBe(true);
  });
});

describe('a broker that lost its session', () => {
  it('takes its place again, so that another does not stop the server under it', async () => {
    const directory = await newDirectory();
    const [one, two] = [await start(directory), await start(directory)];
    const sql = connect(two.url('postgres').reveal());
    const locks = () => sql`select pid from pg_locks where locktype = 'advisory' order by pid`;
    const before = await locks();
    expect(before).toHaveLength(2);
    for (const { pid } of before) await sql`select pg_terminate_backend(${pid}, 5000)`;
    await expect.poll(locks, { timeout: 10_000 }).toHaveLength(2);
    await one.stop();
    expect(await sql`select 1 as up`).toEqual([{ up: 1 }]);
    await two.stop();
    expect(await postmasterPid(directory)).toBeUndefined();
  });
});

async function processesIn(directory: string) {
  const found: { cmdline: string; environ: string }[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (cwd !== directory) continue;
    const [cmdline, environ] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')),
    );
    found.push({ cmdline: cmdline ?? '', environ: environ ?? '' });
  }
  return found;
}
