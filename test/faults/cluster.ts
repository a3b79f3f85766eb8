/** The server under Countersign's own database, as an operator or an accident treats it. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { appendFile, cp, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { createLogger, startEmbeddedPostgres } from '@countersign/server';
import postgres from 'postgres';
import { freePort } from '../support/broker-process.ts';
import type { Rig } from './rig.ts';

interface DatabaseServer {
  /** SIGQUIT, PostgreSQL's immediate shutdown: sessions end, nothing is written any more. */
  stopNow(): Promise<void>;
}

interface OwnServer extends DatabaseServer {
  /** Where its files are; they belong to the account it runs as. */
  readonly dataDirectory: string;
  /** With crash recovery. Its old port may be another's by now, so it gets any. */
  startAgain(): Promise<void>;
  /** A streaming standby from a base backup; resolves when it follows. */
  standby(name: string): Promise<Standby>;
}

interface Standby extends DatabaseServer {
  readonly sql: postgres.Sql;
  /** Receives nothing more from its primary. */
  detach(): Promise<void>;
  /** Makes it a primary, which everybody finds where the old one was. */
  promote(): Promise<void>;
}

export function ownServer({ dataDir, databaseUrl, own, moveDatabase }: Rig): OwnServer {
  const directory = join(dirname(dataDir), 'postgres');
  const dataDirectory = join(directory, 'pgdata');
  const port = Number(new URL(databaseUrl.reveal()).port);
  return {
    dataDirectory,
    stopNow: async () => await quit(postmasterOf(dataDirectory)),
    async startAgain() {
      const log = createLogger('silent');
      const { port: fresh } = await startEmbeddedPostgres({ directory, log, durability: 'none' });
      moveDatabase(fresh);
    },
    async standby(name) {
      const files = join(directory, name);
      const pid = postmasterOf(dataDirectory);
      const binary = await readlink(`/proc/${pid}/exe`);
      const { uid, gid } = await stat(dataDirectory);
      await appendFile(
        join(dataDirectory, 'pg_hba.conf'),
        'host replication all 127.0.0.1/32 scram-sha-256\n',
      );
      await own`select pg_reload_conf()`;
      await backUp(own, dataDirectory, files);
      const primary = new URL(databaseUrl.reveal());
      const conninfo = `host=127.0.0.1 port=${port} user=${primary.username} password=${primary.password} application_name=${name}`;
      await appendFile(join(files, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
      await writeFile(join(files, 'standby.signal'), '');
      const otherPort = await freePort();
      const settings = [
        'fsync=off',
        `port=${otherPort}`,
        'unix_socket_directories=',
        'listen_addresses=127.0.0.1',
      ];
      const child = spawn(
        binary,
        ['-D', '/proc/self/cwd', ...settings.flatMap((each) => ['-c', each])],
        {
          uid,
          gid,
          // By its working directory: those above it may be closed to the account it runs as.
          cwd: files,
          env: { LC_ALL: 'C', TZ: 'UTC' },
          stdio: 'ignore',
        },
      );
      const url = new URL(primary);
      url.port = String(otherPort);
      await listening(otherPort);
      const sql = postgres(url.href, { max: 1, onnotice: () => undefined });
      await until(async () => {
        const [row] = await own<{ n: number }[]>`
          select count(*)::int as n from pg_stat_replication where state = 'streaming'`;
        return row?.n === 1;
      });
      return {
        sql,
        async stopNow() {
          await sql.end({ timeout: 1 });
          if (child.exitCode === null) await quit(child.pid ?? 0);
        },
        async detach() {
          await sql`alter system set primary_conninfo = ''`;
          await sql`select pg_reload_conf()`;
          await until(async () => (await sql`select from pg_stat_wal_receiver`).length === 0);
        },
        async promote() {
          await sql`select pg_promote(true, 30)`;
          moveDatabase(otherPort);
        },
      };
    },
  };
}

/** A base backup by the low-level API, since the packaged binaries hold no pg_basebackup. */
async function backUp(own: postgres.Sql, from: string, to: string): Promise<void> {
  const session = await own.reserve();
  try {
    await session`select pg_backup_start('standby', true)`;
    await cp(from, to, {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => !/\/(postmaster\.(pid|opts)|pg_replslot\/.+|pgsql_tmp.*)$/.test(path),
    });
    const [label] = await session<{ labelfile: string }[]>`select labelfile from pg_backup_stop()`;
    await writeFile(join(to, 'backup_label'), label?.labelfile ?? '');
  } finally {
    session.release();
  }
  await ownedAs(from, to);
}

async function ownedAs(from: string, to: string): Promise<void> {
  const { uid, gid } = await stat(from);
  await new Promise<void>((resolve, reject) => {
    spawn('chown', ['-R', `${uid}:${gid}`, to]).once('exit', (status) =>
      status === 0 ? resolve() : reject(new Error('chown')),
    );
  });
  await new Promise<void>((resolve) => spawn('chmod', ['0700', to]).once('exit', () => resolve()));
}

function postmasterOf(dataDirectory: string): number {
  return Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

async function quit(pid: number): Promise<void> {
  process.kill(pid, 'SIGQUIT');
  await until(async () => {
    try {
      process.kill(pid, 0);
      // Ended, and not yet waited for by its parent.
      return (await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') Z ');
    } catch {
      return true;
    }
  });
}

async function listening(port: number): Promise<void> {
  await until(
    () =>
      new Promise((resolve) => {
        const socket = createConnection(port, '127.0.0.1');
        socket.once('connect', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      }),
  );
}

/** Asks again until it is so. */
export async function until(isSo: () => Promise<boolean>, milliseconds = 40_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
