/**
 * Who still uses one embedded PostgreSQL. Each broker holds a shared advisory lock on it; the one
 * that turns it into an exclusive lock is the last and may stop it, and nobody can move in meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import { type Cluster, SUPERUSER, systemIdentifierOf } from './cluster.ts';
import { errnoOf, unavailable } from './failure.ts';
import type { Log } from './log.ts';
import type { Postmaster } from './postmaster.ts';
import { poll } from './process.ts';

/** The key of the advisory lock (the ASCII of "countsgn"), in the database `postgres`. */
const LOCK = '7165074649430321006';
/** How long sessions that were just closed may take to disappear from the server's list. */
const LINGER_MS = 1_000;
const RECONNECT_MS = 1_000;

export interface Tenancy {
  readonly systemIdentifier: string;
  /** The `application_name` by which sessions of this broker are told from others'. */
  readonly name: string;
  /** Makes the database unless it is there. */
  ensureDatabase(database: string): Promise<void>;
  /**
   * Gives the server up. `last` if nobody else uses it: then nobody can move in until `close`, and
   * it is to be stopped. `others` if they do.
   */
  leave(): Promise<'last' | 'others'>;
  close(): Promise<void>;
}

/**
 * Moves in. Undefined if the server is not, or not yet, to be had: it starts, stops, or another
 * broker is about to stop it. Throws `broker_unavailable` if it refuses our password or is not ours.
 */
export async function moveIn(
  cluster: Cluster,
  postmaster: Postmaster,
  log: Log,
): Promise<Tenancy | undefined> {
  const name = `countersign-${randomUUID().slice(0, 8)}`;
  let settled: 'moving' | 'in' | 'out' = 'moving';
  let returning = false;
  const sql = postgres({
    host: '127.0.0.1',
    port: postmaster.port,
    user: SUPERUSER,
    pass: cluster.password.reveal(),
    database: 'postgres',
    ssl: false,
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: 5,
    backoff: false,
    fetch_types: false,
    connection: { application_name: name },
    onnotice: () => undefined,
    onclose: () => {
      if (settled === 'in' && !returning) void moveBackIn();
    },
  });

  async function claim(): Promise<boolean> {
    const [row] = await sql`select pg_try_advisory_lock_shared(${LOCK}::bigint) as ours`;
    return row?.['ours'] === true;
  }

  async function moveBackIn(): Promise<void> {
    returning = true;
    log.warn({ port: postmaster.port }, 'lost the session with the embedded PostgreSQL');
    while (settled === 'in') {
      await wait(RECONNECT_MS, undefined, { ref: false });
      try {
        if (settled === 'in' && (await claim())) break;
      } catch {
        // Still away: asked again until it is back or the broker stops.
      }
    }
    returning = false;
  }

  async function countOthers(): Promise<number> {
    const [row] = await sql`select count(*)::int as others from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid()
        and application_name <> ${name}`;
    return Number(row?.['others']);
  }

  try {
    if (!(await claim())) {
      await sql.end({ timeout: 1 });
      return undefined;
    }
    const [row] = await sql`select system_identifier::text as id from pg_control_system()`;
    const systemIdentifier = String(row?.['id']);
    if (systemIdentifier !== (await systemIdentifierOf(cluster.dataDirectory))) {
      throw unavailable(
        `another PostgreSQL answers on 127.0.0.1:${postmaster.port} in place of ours; stop it`,
        cluster.logFile,
      );
    }
    settled = 'in';
    return {
      systemIdentifier,
      name,
      async ensureDatabase(database) {
        const found = await sql`select from pg_database where datname = ${database}`;
        if (found.length > 0) return;
        try {
          await sql`create database ${sql(database)}`;
        } catch (error) {
          // Made meanwhile by another broker: seen by the check, or by the catalog's unique index.
          if (!['42P04', '23505'].includes(errnoOf(error) ?? '')) throw error;
        }
      },
      async leave() {
        settled = 'out';
        await sql`select pg_advisory_unlock_shared(${LOCK}::bigint)`;
        const [lock] = await sql`select pg_try_advisory_lock(${LOCK}::bigint) as last`;
        if (lock?.['last'] !== true) return 'others';
        const none = await poll(
          async () => ((await countOthers()) === 0 ? true : undefined),
          Date.now() + LINGER_MS,
        );
        return none === true ? 'last' : 'others';
      },
      async close() {
        settled = 'out';
        await sql.end({ timeout: 1 });
      },
    };
  } catch (error) {
    settled = 'out';
    await sql.end({ timeout: 1 });
    const code = errnoOf(error);
    if (code === '28P01' || code === '28000') {
      throw unavailable(
        `${cluster.dataDirectory} was made with another password than the one beside it; restore both from the same backup`,
        cluster.logFile,
      );
    }
    if (isPassing(code)) return undefined;
    throw error;
  }
}

/** Starting up, shutting down, or gone between finding and asking it. */
function isPassing(code: string | undefined): boolean {
  return (
    code !== undefined &&
    [
      '57P01',
      '57P02',
      '57P03',
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'CONNECTION_CLOSED',
      'CONNECTION_ENDED',
      'CONNECTION_DESTROYED',
      'CONNECT_TIMEOUT',
    ].includes(code)
  );
}
