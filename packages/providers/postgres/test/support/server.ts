/**
 * A real PostgreSQL for these tests, of each version that is supported, and one more for each that
 * the machine has installed, so that what is refused is refused by PostgreSQL itself. Always a
 * cluster of its own: the tests change roles and what PUBLIC may do.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { installedBinaries, npmBinaries } from './binaries.ts';

export interface TestServer {
  readonly host: string;
  readonly port: number;
  /** The bootstrap superuser, as the tests' own hands. */
  readonly superuser: string;
  readonly password: string;
  /** What the server wrote to its log. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** Where a server can come from; `start` takes settings for postgresql.conf. */
export interface ServerSource {
  readonly name: string;
  start(settings?: Readonly<Record<string, string>>): Promise<TestServer>;
}

const run = promisify(execFile);
const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;
const identity = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
const PASSWORD = 'super-of-the-test-server';

/** Every server these tests run against. Never empty: without binaries they must fail, not pass. */
export async function serverSources(): Promise<readonly ServerSource[]> {
  const found = [...npmBinaries(), ...(await installedBinaries())];
  return found.map(({ name, home, movable }) => ({
    name,
    start: (settings = {}) => launch(home, movable, settings),
  }));
}

async function launch(
  home: string,
  movable: boolean,
  settings: Readonly<Record<string, string>>,
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  await chmod(folder, 0o755);
  const mustMove = movable && asRoot && !(await runsAsNobody(home));
  const binaries = mustMove ? join(folder, 'native') : home;
  if (binaries !== home) await cp(home, binaries, { recursive: true, verbatimSymlinks: true });
  const cluster = join(folder, 'cluster');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 });
  if (asRoot) {
    await chown(folder, NOBODY, NOBODY);
    await chown(passwordFile, NOBODY, NOBODY);
  }
  const environment = { ...identity, cwd: folder, env: { LC_ALL: 'C', TZ: 'UTC' } };
  await run(
    join(binaries, 'bin/initdb'),
    [
      '-D',
      cluster,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      '-E',
      'UTF8',
      '--no-sync',
      `--pwfile=${passwordFile}`,
    ],
    environment,
  );
  const port = await freePort();
  const all: Readonly<Record<string, string>> = {
    listen_addresses: '127.0.0.1,::1',
    port: String(port),
    unix_socket_directories: '',
    fsync: 'off',
    shared_buffers: '16MB',
    max_connections: '150',
    log_statement: 'all',
    log_connections: 'on',
    log_min_messages: 'debug1',
    ...settings,
  };
  const logFile = join(folder, 'log');
  const server = spawn(
    '/bin/sh',
    [
      '-c',
      'log=$1; shift; exec "$@" >"$log" 2>&1',
      'sh',
      logFile,
      join(binaries, 'bin/postgres'),
      '-D',
      cluster,
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { ...environment, stdio: 'ignore' },
  );
  const ended = once(server, 'exit');
  const started: TestServer = {
    host: '127.0.0.1',
    port,
    superuser: 'postgres',
    password: PASSWORD,
    log: () => readFile(logFile, 'utf8'),
    stop: async () => {
      server.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
  await accepts(started, ended);
  return started;
}

/** Whether they can be used where they are; in root's own folders they cannot. */
async function runsAsNobody(home: string): Promise<boolean> {
  return await run(join(home, 'bin/postgres'), ['--version'], { ...identity, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/** Returns once the server lets its superuser in; throws with its log if it ends instead. */
async function accepts(server: TestServer, ended: Promise<unknown>): Promise<void> {
  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    if (gone) throw new Error(`PostgreSQL did not start:\n${await server.log()}`);
    const sql = asSuperuser(server);
    const up = await sql`select`.then(
      () => true,
      () => false,
    );
    await sql.end({ timeout: 1 });
    if (up) return;
  }
  throw new Error('PostgreSQL did not accept connections in 30 s');
}

/** The tests' own hands in one database. The caller ends it. */
export function asSuperuser(server: TestServer, database = 'postgres'): postgres.Sql {
  return connectAs(server, { username: server.superuser, password: server.password, database });
}

/** A plain client, as an agent would use one. The caller ends it. */
export function connectAs(
  server: TestServer,
  login: { readonly username: string; readonly password: string; readonly database: string },
): postgres.Sql {
  return postgres({
    host: server.host,
    port: server.port,
    ...login,
    max: 1,
    fetch_types: false,
    connect_timeout: 10,
    backoff: false,
    onnotice: () => {},
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
