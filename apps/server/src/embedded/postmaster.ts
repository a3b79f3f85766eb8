/**
 * One postmaster: started apart from the terminal so that it outlives the broker's last statement,
 * found again by its `postmaster.pid` after the broker was killed, and stopped without orphans.
 */
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { childOptions } from './account.ts';
import { type Cluster, nameForChild } from './cluster.ts';
import { type Cause, causeOf, errnoOf, unavailable } from './failure.ts';
import { isRunning, poll, worksIn } from './process.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

const STOP_MS = 60_000;
/** A lock file that is still empty after this long was left by a crash, not by a start under way. */
const EMPTY_LOCK_MS = 5_000;

/** The postmaster that `postmaster.pid` names, if it runs in this cluster; else undefined. */
export async function findPostmaster(
  cluster: Cluster,
): Promise<(Postmaster & { readonly ready: boolean }) | undefined> {
  const lines = (await lockFile(cluster))?.split('\n') ?? [];
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!Number.isSafeInteger(pid) || pid <= 0 || !Number.isSafeInteger(port)) return undefined;
  if (!isRunning(pid) || (await worksIn(pid, cluster.dataDirectory)) === false) return undefined;
  return { pid, port, ready: lines[7]?.trim() === 'ready' };
}

/** Starts a postmaster and waits until it is ready, it ended (why), or `deadline` passed (`slow`). */
export async function launch(
  cluster: Cluster,
  settings: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
  deadline: number,
): Promise<Postmaster | Cause | 'slow'> {
  const log = await open(cluster.logFile, 'a', 0o600);
  try {
    const { size: before } = await log.stat();
    const own = childOptions(cluster.account);
    const child = spawn(
      cluster.binaries.postgres,
      [
        ...['-D', nameForChild(cluster.account, cluster.dataDirectory)],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      {
        ...own,
        env: { ...own.env, ...environment },
        cwd: cluster.dataDirectory,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      },
    );
    let ended = false;
    let failure: Error | undefined;
    child.once('exit', () => {
      ended = true;
    });
    child.once('error', (error) => {
      failure = error;
    });
    child.unref();
    const ready = await poll(async () => {
      if (failure !== undefined) throw failure;
      if (ended) return 'ended';
      const found = await findPostmaster(cluster);
      return found?.pid === child.pid && found?.ready ? found : undefined;
    }, deadline);
    if (ready !== 'ended') return ready ?? 'slow';
    return causeOf(await linesOf(child.pid, cluster.logFile, before));
  } finally {
    await log.close();
  }
}

/** What process `pid` wrote to the log since it had `from` bytes (`log_line_prefix` names the process). */
async function linesOf(pid: number | undefined, logFile: string, from: number): Promise<string> {
  const written = (await readFile(logFile)).subarray(from).toString('utf8');
  return written
    .split('\n')
    .filter((line) => !/\[\d+\]/.test(line) || line.includes(`[${pid}]`))
    .join('\n');
}

/**
 * Moves away a lock file whose process is gone although its number is in use again (in a container,
 * by the broker itself), which PostgreSQL cannot tell. Only the file that was judged is moved: should
 * another start have replaced it meanwhile, that one is put back.
 */
export async function discardStaleLock(cluster: Cluster): Promise<void> {
  const path = join(cluster.dataDirectory, 'postmaster.pid');
  const judged = await lockFile(cluster);
  if (judged === undefined || !(await isStale(cluster, path, judged))) return;
  const aside = `${path}.stale-${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== judged) await link(aside, path);
    await rm(aside);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function isStale(cluster: Cluster, path: string, text: string): Promise<boolean> {
  const pid = Number(text.split('\n')[0]);
  if (Number.isSafeInteger(pid) && pid > 0) {
    return isRunning(pid) && (await worksIn(pid, cluster.dataDirectory)) === false;
  }
  try {
    return Date.now() - (await stat(path)).mtimeMs > EMPTY_LOCK_MS;
  } catch {
    return false;
  }
}

/** Fast shutdown (SIGINT: sessions are ended, all is written), then waits until the process is gone. */
export async function shutDown(cluster: Cluster, { pid }: Postmaster): Promise<void> {
  if ((await worksIn(pid, cluster.dataDirectory)) !== false && isRunning(pid)) {
    process.kill(pid, 'SIGINT');
  }
  if ((await awaitEnd(pid, Date.now() + STOP_MS)) === undefined) {
    throw unavailable(
      `process ${pid} did not end within ${STOP_MS / 1000} s of being told to; see what holds it, end it`,
      cluster.logFile,
    );
  }
}

/** True once the process is gone, undefined if it is not by `deadline`. */
export async function awaitEnd(pid: number, deadline: number): Promise<true | undefined> {
  return await poll(() => (isRunning(pid) ? undefined : true), deadline);
}

/** A port free on 127.0.0.1, below the range from which systems take ports for outgoing connections. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = randomInt(15_432, 30_000);
    if (await canListen(port)) return port;
  }
  return 5432;
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((answer) => {
    server.once('error', () => answer(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => answer(true));
    });
  });
}

async function lockFile(cluster: Cluster): Promise<string | undefined> {
  try {
    return await readFile(join(cluster.dataDirectory, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
