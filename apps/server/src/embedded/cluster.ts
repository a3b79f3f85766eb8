/**
 * The files of one embedded PostgreSQL: made once, whole or not at all, however many processes start
 * at the same time and wherever one of them is killed.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chown,
  lchown,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { endianness } from 'node:os';
import { join, resolve } from 'node:path';
import type { Secret } from '@countersign/core';
import { type Account, accountFor, childOptions } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { causeOf, died, errnoOf, unavailable } from './failure.ts';
import { passwordIn, readPassword } from './password.ts';
import { isRunning } from './process.ts';

export const SUPERUSER = 'countersign';

export interface Cluster {
  readonly directory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly account: Account;
  readonly binaries: Binaries;
  readonly password: Secret;
}

const HBA = `# TYPE  DATABASE  USER  ADDRESS        METHOD
host    all       all   127.0.0.1/32   scram-sha-256
`;
const STAGING = /^pgdata\.new-(\d+)-[0-9a-f]+(?:\.password)?$/;
const LOG_LIMIT = 16 * 1024 * 1024;

/** The paths of a cluster under `directory`, which need not exist. */
export function pathsIn(directory: string): {
  directory: string;
  dataDirectory: string;
  logFile: string;
  passwordFile: string;
} {
  const root = resolve(directory);
  return {
    directory: root,
    dataDirectory: join(root, 'pgdata'),
    logFile: join(root, 'postgres.log'),
    passwordFile: join(root, 'superuser.password'),
  };
}

/** Makes what is missing (directory, password, data directory) and checks what is there. */
export async function prepareCluster(
  directory: string,
  durability: 'full' | 'none',
): Promise<Cluster> {
  const paths = pathsIn(directory);
  await mkdir(paths.directory, { recursive: true, mode: 0o700 });
  await shortenLog(paths.logFile);
  const account = await accountFor(paths.dataDirectory);
  const binaries = await findBinaries(account);
  const made = await majorVersionIn(paths.dataDirectory, paths.logFile);
  const password = await passwordFor(paths.passwordFile, paths.logFile, made !== undefined);
  const cluster: Cluster = { ...paths, account, binaries, password };
  await sweepAbandoned(cluster.directory);
  if (made === undefined) await initialize(cluster, durability);
  const major = made ?? (await majorVersionIn(cluster.dataDirectory, cluster.logFile));
  if (major !== binaries.version.split('.')[0]) {
    throw unavailable(
      `${cluster.dataDirectory} was made by PostgreSQL ${major} and this is ${binaries.version}; move the data with pg_dump or pg_upgrade, or install the release that brings PostgreSQL ${major}`,
      cluster.logFile,
    );
  }
  await giveTo(account, cluster.dataDirectory);
  return cluster;
}

/** How the data directory is named to PostgreSQL: by its own working directory where parents may be closed to it. */
export function nameForChild(account: Account, dataDirectory: string): string {
  return account.other !== undefined && process.platform === 'linux'
    ? '/proc/self/cwd'
    : dataDirectory;
}

/** The number that initdb gave the cluster, from the first eight bytes of `pg_control`. */
export async function systemIdentifierOf(dataDirectory: string): Promise<string> {
  const control = await readFile(join(dataDirectory, 'global', 'pg_control'));
  return String(endianness() === 'LE' ? control.readBigUInt64LE(0) : control.readBigUInt64BE(0));
}

async function passwordFor(file: string, logFile: string, made: boolean): Promise<Secret> {
  const label = 'embedded PostgreSQL password';
  if (!made) return await passwordIn(file, label);
  try {
    return await readPassword(file, label);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw unavailable(
      `${file} is missing, and the data directory beside it cannot be opened without it; restore it from a backup`,
      logFile,
    );
  }
}

async function majorVersionIn(dataDirectory: string, logFile: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDirectory, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  if ((await entriesIn(dataDirectory)).length === 0) return undefined;
  throw unavailable(
    `${dataDirectory} is not a PostgreSQL data directory but has files in it; restore it from a backup or choose another directory`,
    logFile,
  );
}

/** Runs initdb aside and moves the result into place; if another process was first, its result stays. */
async function initialize(cluster: Cluster, durability: 'full' | 'none'): Promise<void> {
  const suffix = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const staging = join(cluster.directory, `pgdata.new-${suffix}`);
  try {
    await mkdir(staging, { mode: 0o700 });
    await giveTo(cluster.account, staging);
    await initdb(cluster, staging, durability);
    await writeFile(join(staging, 'pg_hba.conf'), HBA);
    await syncPath(join(staging, 'pg_hba.conf'));
    await rename(staging, cluster.dataDirectory);
    await syncPath(cluster.directory);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function initdb(
  cluster: Cluster,
  staging: string,
  durability: 'full' | 'none',
): Promise<void> {
  const log = await open(cluster.logFile, 'a', 0o600);
  const password = await openForAccount(cluster, `${staging}.password`);
  try {
    const child = spawn(
      cluster.binaries.initdb,
      [
        ...['-D', nameForChild(cluster.account, staging), '-U', SUPERUSER],
        ...['--auth', 'scram-sha-256', '--pwfile', openFilePath(3)],
        ...['--encoding', 'UTF8', '--locale', 'C'],
        ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
        ...(durability === 'none' ? ['--no-sync'] : []),
      ],
      {
        ...childOptions(cluster.account),
        cwd: staging,
        stdio: ['ignore', 'pipe', 'pipe', password.fd],
      },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const status = await new Promise<number | null>((done, fail) => {
      child.once('error', fail);
      child.once('close', done);
    });
    await log.write(output);
    if (status !== 0) throw died(causeOf(output), cluster.logFile);
  } finally {
    await password.close();
    await log.close();
  }
}

/** The password, opened on a file that has no name any more and that the account may read. */
async function openForAccount(
  cluster: Cluster,
  file: string,
): Promise<Awaited<ReturnType<typeof open>>> {
  const handle = await open(file, 'wx+', 0o600);
  try {
    await handle.writeFile(cluster.password.reveal());
    await giveTo(cluster.account, file);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

function openFilePath(descriptor: number): string {
  return process.platform === 'linux' ? `/proc/self/fd/${descriptor}` : `/dev/fd/${descriptor}`;
}

/** Gives root's files to the account; a tree that has another owner already is left alone. */
async function giveTo(account: Account, path: string): Promise<void> {
  if (account.other === undefined || (await stat(path)).uid !== 0) return;
  const { uid, gid } = account.other;
  const inside = await entriesIn(path);
  for (const entry of inside) await lchown(join(path, entry), uid, gid);
  await chown(path, uid, gid);
}

async function entriesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path, { recursive: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** Removes what starts that were killed left behind. */
async function sweepAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = STAGING.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Keeps at most two logs of 16 MiB. A running server writes on to the one it has open. */
async function shortenLog(file: string): Promise<void> {
  try {
    if ((await stat(file)).size > LOG_LIMIT) await rename(file, `${file}.1`);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
