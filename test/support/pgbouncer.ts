/** A PgBouncer in front of a PostgreSQL, configured as PgBouncer documents it for logins it does not know. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './broker-process.ts';

const BINARY = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find(
  (file) => existsSync(file),
);
export const hasPgBouncer = BINARY !== undefined;

export interface PgBouncer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Looks logins up with `auth_query` as the owner of `url`, and passes SCRAM through (auth_type). */
export async function startPgBouncer(
  url: string,
  mode: 'session' | 'transaction',
): Promise<PgBouncer> {
  const { hostname, port: serverPort, username, password } = new URL(url);
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'countersign-pgbouncer-'));
  const users = join(directory, 'users.txt');
  const config = join(directory, 'pgbouncer.ini');
  const plain = [username, password].map((text) => `"${decodeURIComponent(text)}"`);
  await writeFile(users, `${plain.join(' ')}\n`, { mode: 0o600 });
  const lines = [
    '[databases]',
    `* = host=${hostname} port=${serverPort}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    `pool_mode = ${mode}`,
    'auth_type = scram-sha-256',
    `auth_file = ${users}`,
    `auth_user = ${decodeURIComponent(username)}`,
    'auth_query = SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin',
    'server_reset_query = DISCARD ALL',
    'server_login_retry = 1',
    'query_wait_timeout = 3',
  ];
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  // It refuses to be root.
  const other = process.getuid?.() === 0 ? ids('nobody') : null;
  if (other !== null) {
    for (const file of [directory, users, config]) await chown(file, other.uid, other.gid);
  }
  await chmod(directory, 0o700);
  const child = spawn(BINARY ?? '', [config], {
    ...(other ?? {}),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('process up')) resolve();
    });
    child.once('exit', () => reject(new Error(`PgBouncer ended: ${log}`)));
  });
  return {
    port,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function ids(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
