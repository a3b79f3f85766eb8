/**
 * The default database of a broker that was given none: a private, real PostgreSQL under its data
 * directory. It survives kill -9 of the broker, two starts at once, and running as root.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { CountersignError, Secret } from '@countersign/core';
import { type Cluster, pathsIn, prepareCluster, SUPERUSER } from './cluster.ts';
import { asUnavailable, type Cause, died, unavailable } from './failure.ts';
import type { Log } from './log.ts';
import {
  awaitEnd,
  discardStaleLock,
  findPostmaster,
  freePort,
  launch,
  type Postmaster,
  shutDown,
} from './postmaster.ts';
import { isRunning } from './process.ts';
import { moveIn, type Tenancy } from './tenancy.ts';

export interface EmbeddedPostgresOptions {
  /** Holds everything: data, log, password. Made with mode 0700 if missing. One cluster per directory. */
  readonly directory: string;
  readonly log: Log;
  /** The database that is made if missing and that `url()` names. Default `countersign`. */
  readonly database?: string;
  /** The only port to listen on; default any free one, another at each start. */
  readonly port?: number;
  /** `none` does not wait for the disk: a power failure may lose all. For tests. Default `full`. */
  readonly durability?: 'full' | 'none';
  /** More of `postgresql.conf`, for a server started now; one that is adopted keeps what it has. */
  readonly extraSettings?: Readonly<Record<string, string>>;
  /** More variables of its process, likewise. Nothing of the broker's own environment reaches it. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly username: string;
  readonly password: Secret;
  readonly database: string;
  /** As in `pg_control_system()`, decimal. */
  readonly systemIdentifier: string;
  /** Whether it ran already, started by another process. */
  readonly adopted: boolean;
  /** A connection URL with the password in it. Its `application_name` marks the session as this broker's own. */
  url(database?: string): Secret;
  /**
   * Stops the server and waits until it is gone; all later calls wait for the first. Sessions with
   * the `application_name` of `url()` are ended; while any other session is open or another broker
   * holds the server, it is left running for them. So close pools of other names first.
   */
  stop(): Promise<void>;
}

const START_MS = 60_000;

/** Starts PostgreSQL 18 in `directory`, or adopts the one that runs there. Throws `broker_unavailable`. */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { directory, logFile } = pathsIn(options.directory);
  try {
    const cluster = await prepareCluster(directory, options.durability ?? 'full');
    const { postmaster, tenancy, adopted } = await obtain(cluster, options);
    const database = options.database ?? 'countersign';
    try {
      await tenancy.ensureDatabase(database);
    } catch (error) {
      await tenancy.close();
      throw error;
    }
    options.log.info(
      { port: postmaster.port, pid: postmaster.pid, adopted, version: cluster.binaries.version },
      'embedded PostgreSQL is ready',
    );
    return handleOn({ cluster, postmaster, tenancy, adopted, database, log: options.log });
  } catch (error) {
    throw asUnavailable(error, directory, logFile);
  }
}

interface Obtained {
  readonly postmaster: Postmaster;
  readonly tenancy: Tenancy;
  readonly adopted: boolean;
}

/** Finds or starts a postmaster and moves in, as often as another process gets in between. */
async function obtain(cluster: Cluster, options: EmbeddedPostgresOptions): Promise<Obtained> {
  const deadline = Date.now() + START_MS;
  const launched = new Set<number>();
  let last: Cause | 'slow' = 'slow';
  while (Date.now() < deadline) {
    const found = await findPostmaster(cluster);
    const port = options.port ?? (await freePort());
    const result =
      found ??
      (await launch(cluster, settingsFor(port, options), options.environment ?? {}, deadline));
    if (typeof result === 'object') {
      if (found === undefined) launched.add(result.pid);
      requirePort(cluster, result, options.port);
      const tenancy = await moveIn(cluster, result, options.log);
      if (tenancy !== undefined) {
        return { postmaster: result, tenancy, adopted: !launched.has(result.pid) };
      }
    } else {
      if (!mayPass(result, options)) throw died(result, cluster.logFile);
      if (result === 'locked') await discardStaleLock(cluster);
      last = result;
    }
    await wait(50);
  }
  if (last !== 'slow') throw died(last, cluster.logFile);
  throw unavailable(
    `it was not ready within ${START_MS / 1000} s (after a crash it may still be recovering); wait`,
    cluster.logFile,
  );
}

/** Whether trying again may help: another start was faster, or took the port. */
function mayPass(
  result: Cause | 'slow',
  options: EmbeddedPostgresOptions,
): result is 'slow' | 'locked' | 'still_shutting_down' | 'port_taken' {
  return (
    ['slow', 'locked', 'still_shutting_down'].includes(result) ||
    (result === 'port_taken' && options.port === undefined)
  );
}

function requirePort(cluster: Cluster, { pid, port }: Postmaster, wanted?: number): void {
  if (wanted === undefined || wanted === port) return;
  throw unavailable(
    `it runs already (process ${pid}) on port ${port}, not ${wanted}; stop it`,
    cluster.logFile,
  );
}

/** What no file in the data directory can change: the command line outranks them all. */
function settingsFor(port: number, options: EmbeddedPostgresOptions): Record<string, string> {
  const settings = {
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    ...(options.durability === 'none' ? { fsync: 'off', full_page_writes: 'off' } : {}),
    ...options.extraSettings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: '%m [%p] ',
    // A failed statement may hold a password; it is not worth a log.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
  };
  for (const name of Object.keys(settings)) {
    if (!/^[a-z][a-z0-9_.]*$/.test(name)) {
      throw new CountersignError('invalid_request', 'A PostgreSQL setting has no valid name.');
    }
  }
  return settings;
}

function handleOn(
  server: Obtained & { cluster: Cluster; database: string; log: Log },
): EmbeddedPostgres {
  const { cluster, postmaster, tenancy, log } = server;
  let stopping: Promise<void> | undefined;
  return {
    host: '127.0.0.1',
    port: postmaster.port,
    username: SUPERUSER,
    password: cluster.password,
    database: server.database,
    systemIdentifier: tenancy.systemIdentifier,
    adopted: server.adopted,
    url(database = server.database) {
      const url = new URL(`postgres://127.0.0.1:${postmaster.port}`);
      url.username = SUPERUSER;
      url.password = cluster.password.reveal();
      url.pathname = `/${encodeURIComponent(database)}`;
      url.searchParams.set('application_name', tenancy.name);
      return new Secret('embedded PostgreSQL URL', url.href);
    },
    stop() {
      stopping ??= stop(cluster, postmaster, tenancy, log);
      return stopping;
    },
  };
}

async function stop(
  cluster: Cluster,
  postmaster: Postmaster,
  tenancy: Tenancy,
  log: Log,
): Promise<void> {
  try {
    const who = await tenancy.leave();
    if (who === 'last') {
      await shutDown(cluster, postmaster);
      log.info({ pid: postmaster.pid }, 'embedded PostgreSQL has stopped');
    } else {
      log.info({ pid: postmaster.pid }, 'embedded PostgreSQL runs on: others still use it');
    }
  } catch (error) {
    // Gone already, or going: nothing is left to stop once its process has ended.
    if (error instanceof CountersignError) throw error;
    if (isRunning(postmaster.pid) && !(await awaitEnd(postmaster.pid, Date.now() + 5_000))) {
      throw unavailable(
        `process ${postmaster.pid} does not answer and was left running; end it if nothing uses it`,
        cluster.logFile,
        error,
      );
    }
  } finally {
    await tenancy.close();
  }
}
